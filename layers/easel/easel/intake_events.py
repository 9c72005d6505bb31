"""The events that Intake takes: of S3 about a file, or of a caller with a request."""

from typing import Any

from pydantic import BaseModel

from easel.domain.batch import Source


class S3Object(BaseModel):
    """The object of an `Object Created` event."""

    key: str
    etag: str
    size: int = 0


class S3Bucket(BaseModel):
    """Its bucket."""

    name: str


class S3Detail(BaseModel):
    """Its detail."""

    bucket: S3Bucket
    object: S3Object


class IntakeEvent(BaseModel):
    """An EventBridge event: of S3 about a file, or of a caller with a request."""

    id: str
    source: str
    detail: dict[str, Any]

    @property
    def dropped(self) -> Source | None:
        """The file that was dropped; None where it is a caller's request."""
        if self.source != "aws.s3":
            return None
        told = S3Detail.model_validate(self.detail)
        return Source(bucket=told.bucket.name, key=told.object.key, etag=told.object.etag.strip('"'))
