"""Uploads: a place for an input image, into which the caller puts it without passing through Easel."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from easel.domain.ids import new_upload_id
from easel.domain.tenancy import Caller
from easel.domain.uploads import UploadRequest, upload_key
from easel.ports import Clock, UploadForm, Uploads

UPLOAD_SECONDS = 15 * 60  # to begin the upload in; the object is kept for days (template, `uploads/`)


@dataclass(frozen=True, slots=True)
class Upload:
    """A place that was made: its id, the form that puts the image there, and until when it does so."""

    id: str
    form: UploadForm
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Uploader:
    """Makes places for uploads. Nothing is written: a place that is not used leaves no trace."""

    uploads: Uploads
    clock: Clock

    def offer(self, caller: Caller, wanted: UploadRequest) -> Upload:
        """A fresh place among the caller's tenant's own."""
        now = self.clock.now()
        upload_id = new_upload_id(now)
        key = upload_key(caller.tenant, upload_id)
        form = self.uploads.form(key, wanted.content_type, wanted.bytes, UPLOAD_SECONDS)
        return Upload(upload_id, form, now + timedelta(seconds=UPLOAD_SECONDS))
