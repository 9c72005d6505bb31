"""Batches as their callers handle them: made from rows or from a file, looked at, canceled, resumed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from easel.domain.batch import Batch, BatchStatus, Bounds, Source, Tally
from easel.domain.generation import GenerationError
from easel.domain.ids import batch_id_of, is_batch_id
from easel.domain.rows import BODY_FORMS, ROW_BYTES_MAX, Form, form_of
from easel.domain.tenancy import Caller
from easel.errors import (
    AlreadyExistsError,
    ConflictError,
    FieldProblem,
    IdempotencyMismatchError,
    InvalidRequestError,
    NotFoundError,
    VersionConflictError,
    WorkflowBusyError,
)
from easel.ports import BatchPage, BatchStore, Clock, Files, Workflow
from easel.steps.read import checked_limit

TURNS_MAX = 5


@dataclass(frozen=True, slots=True)
class RowsFile:
    """A file of rows that came as a body."""

    form: Form
    data: bytes = field(repr=False)


def file_of(rows: Sequence[Mapping[str, Any]]) -> RowsFile:
    """Rows as the file that they are read from. Raises InvalidRequestError for one that is too long."""
    # Half a character is written as it is: whoever reads the rows refuses that one.
    lines = [json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") for row in rows]
    for number, line in enumerate(lines):
        if len(line) > ROW_BYTES_MAX - 1:
            what = f"has {len(line)} bytes, at most {ROW_BYTES_MAX - 1} are taken"
            problem = FieldProblem(f"rows.{number}", what, ROW_BYTES_MAX - 1)
            raise InvalidRequestError("A row is too long.", [problem])
    return RowsFile(Form.JSONL, b"\n".join(lines) + b"\n")


@dataclass(frozen=True, slots=True)
class Batcher:
    """Makes and moves batches."""

    store: BatchStore
    files: Files
    workflow: Workflow
    clock: Clock
    image_bucket: str
    kept_days: int  # records are

    def from_file(self, caller: Caller, file: RowsFile, bounds: Bounds, key: str | None = None) -> Batch:
        """A batch of these rows; the earlier one where key and rows came before.

        The file is kept as it came: what is wrong with a row is said in the batch's errors, not here. Raises
        IdempotencyMismatchError.
        """
        digest = hashlib.sha256(file.data).hexdigest()
        batch_id = batch_id_of(caller.tenant, "rows", key or f"{self.clock.now().isoformat()} {digest}")
        # The name is of this content: another body under the same key overwrites nothing.
        name = f"batches/{batch_id}/work/input-{digest[:32]}.{file.form.value}"
        media = next(media for media, form in BODY_FORMS.items() if form is file.form)
        etag = self.files.put(name, file.data, media)
        source = Source(bucket=self.image_bucket, key=name, etag=etag)
        return self._made(batch_id, caller, source, bounds, trusted=False)

    def from_object(self, caller: Caller, source: Source, bounds: Bounds, *, trusted: bool) -> Batch:
        """The batch of a file in S3: always the same one for the same file in the same state.

        Raises InvalidRequestError for a name that tells no form.
        """
        if form_of(source.key) is None:
            allowed = (".json", ".jsonl", ".csv")
            problem = FieldProblem("manifest", "must end with .json, .jsonl or .csv", allowed=allowed)
            raise InvalidRequestError("The file's name does not tell how to read it.", [problem])
        batch_id = batch_id_of(caller.tenant, source.bucket, source.key, source.etag)
        return self._made(batch_id, caller, source, bounds, trusted=trusted)

    def get(self, tenant: str, batch_id: str) -> tuple[Batch, Tally]:
        """The batch and what has become of its rows. Raises NotFoundError, for somebody else's too."""
        found = self.store.get(batch_id) if is_batch_id(batch_id) else None
        if found is None or found.tenant != tenant:
            raise NotFoundError(f"There is no batch {batch_id[:40]!r}.")
        return found, self.store.tally(batch_id)

    def list(self, tenant: str, limit: int, cursor: str | None) -> BatchPage:
        """A page, newest first. Raises InvalidRequestError naming the parameter that is wrong."""
        return self.store.list(tenant, checked_limit(limit), cursor)

    def cancel(self, tenant: str, batch_id: str) -> Batch:
        """No further row is started. What vendors were asked for comes to its end and is kept: it is paid.

        Raises ConflictError where the batch has ended otherwise.
        """
        reason = GenerationError(code="canceled", message="Its caller canceled it.")
        for _ in range(TURNS_MAX):
            batch, _tally = self.get(tenant, batch_id)
            if batch.stop_reason is not None and batch.stop_reason.code == "canceled":
                return batch
            if batch.over or batch.status is BatchStatus.COLLECTING:
                raise ConflictError(f"The batch is {batch.status.value}.")
            if (moved := self._saved(batch.stopping(self.clock.now(), reason))) is not None:
                return moved
        raise ConflictError("The batch moves too fast to be canceled; try again.")

    def resume(self, caller: Caller, batch_id: str, bounds: Mapping[str, Any]) -> Batch:
        """Go on with a stopped or canceled batch, `bounds` changing those named, within what the caller's own
        key may. Rows that were started are not bought again. Raises ConflictError where there is nothing to
        resume."""
        batch, _ = self.get(caller.tenant, batch_id)
        if batch.status not in (BatchStatus.STOPPED, BatchStatus.CANCELED):
            raise ConflictError(
                f"The batch is {batch.status.value}; stopped and canceled ones can be resumed."
            )
        if self.clock.now() >= batch.rows_until(self.kept_days):
            raise ConflictError("The batch is too old: put the rows that were left over into a new one.")
        resumed = self._saved(batch.resumed(self.clock.now(), batch.bounds.having(**bounds), caller.key))
        if resumed is None:
            raise ConflictError("The batch was moved by somebody else; look at it again.")
        with suppress(WorkflowBusyError):  # Reconcile starts it
            self.workflow.start(resumed.id, resumed.carrier)
        return resumed

    def _made(self, batch_id: str, caller: Caller, source: Source, bounds: Bounds, *, trusted: bool) -> Batch:
        now = self.clock.now()
        batch = Batch(
            id=batch_id, tenant=caller.tenant, key=caller.key, source=source, bounds=bounds, trusted=trusted,
            created_at=now, updated_at=now, kept_days=self.kept_days,
        )  # fmt: skip
        try:
            self.store.create(batch)
        except AlreadyExistsError:
            known = self.store.get(batch_id)
            if known is None:
                raise
            if known.source.key != source.key:
                raise IdempotencyMismatchError("This Idempotency-Key came before with other rows.") from None
            batch = known
        if not batch.over:
            with suppress(WorkflowBusyError):
                self.workflow.start(batch.id, batch.carrier)
        return batch

    def _saved(self, batch: Batch) -> Batch | None:
        try:
            self.store.save(batch)
        except VersionConflictError:
            return None
        return batch
