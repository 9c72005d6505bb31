"""Collect: write a batch's results, and end it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from easel.batch_view import amounts_view, batch_view
from easel.domain.batch import Batch, BatchStatus, Tally, chunk_key
from easel.domain.generation import GenerationError
from easel.errors import VersionConflictError
from easel.gallery import gallery_end, gallery_picture, gallery_start
from easel.ports import BatchStore, Clock, EventBus, Files
from easel.steps.prepare import load_batch
from easel.steps.row_report import LEFT_OVER, Reporter, read_lines

PICTURES_MAX = 20_000  # of the gallery: a browser holds no million
LINES_TYPE, JSON_TYPE, PAGE_TYPE = "application/jsonl", "application/json", "text/html; charset=utf-8"
ENDS = {"canceled": BatchStatus.CANCELED, "manifest_invalid": BatchStatus.FAILED}
ENDS |= {"manifest_changed": BatchStatus.FAILED, "internal": BatchStatus.FAILED}


@dataclass(slots=True)
class Written:
    """What was found while writing: how many rows were not started or have not ended, and the chunks that
    nobody has reported on."""

    left: int = 0
    lost: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Collector:
    """Ends batches."""

    store: BatchStore
    files: Files
    reporter: Reporter
    bus: EventBus
    clock: Clock

    def collect(self, batch_id: str, fault: str | None = None) -> dict[str, Any]:
        """The batch as callers see it, ended. Run again, it writes the same and tells what was not told.

        results, errors, gallery, manifest written ──► ended ──► told ──► noted
              ▲ each file is put down as a whole, and all of them before the batch says that it has ended
        """
        batch = load_batch(self.store, batch_id)
        if not batch.over:
            batch = self._end(batch, fault)
        return self.announce(batch)

    def announce(self, batch: Batch) -> dict[str, Any]:
        """Tell the bus, once it has ended; at least once."""
        view = batch_view(batch, self.store.tally(batch.id), self.clock.now())
        if not batch.announced:
            self.bus.publish(f"Image Batch {batch.status.value.capitalize()}", view)
            self.store.note_announced(batch)
        return view

    def _end(self, batch: Batch, fault: str | None) -> Batch:
        now = self.clock.now()
        if batch.status is not BatchStatus.COLLECTING:
            if fault and batch.stop_reason is None:
                message = "A step of Easel failed; the logs show which."
                batch = self._saved(batch.stopping(now, GenerationError(code="internal", message=message)))
            batch = self._saved(batch.collecting(now))
        tally = self.store.tally(batch.id)
        written = self._write_lines(batch, tally)
        if written.lost:
            before, tally = tally, self._counted(batch, written.lost)
            if tally != before:
                self._write_lines(batch, tally)  # the gallery begins with totals
        if written.left and batch.stop_reason is None:
            message = f"{written.left} rows were left over; they are started when it is resumed."
            batch = batch.having(stop_reason=GenerationError(code="interrupted", message=message))
        stopped = batch.stop_reason
        status = ENDS.get(stopped.code, BatchStatus.STOPPED) if stopped else BatchStatus.COMPLETED
        ended = batch.over_as(self.clock.now(), status)
        # With whose it is: the files outlive the record.
        view = batch_view(ended, tally, self.clock.now()) | {"tenant": batch.tenant}
        manifest = json.dumps(view, ensure_ascii=False, indent=2)
        self.files.put(file_key(batch, "manifest.json"), manifest.encode("utf-8", "replace"), JSON_TYPE)
        return self._saved(ended)

    def _counted(self, batch: Batch, chunks: list[int]) -> Tally:
        """The tally with what the children of these chunks did not live to count."""
        for number in chunks:
            known = self.store.chunk(batch.id, number)
            self.store.count(batch.id, number, known, self.reporter.tally(batch, number))
        return self.store.tally(batch.id)

    def _write_lines(self, batch: Batch, tally: Tally) -> "Written":
        shown, written = 0, Written()
        with ExitStack() as stack:
            results = stack.enter_context(self.files.writer(file_key(batch, "results.jsonl"), LINES_TYPE))
            errors = stack.enter_context(self.files.writer(file_key(batch, "errors.jsonl"), LINES_TYPE))
            page = stack.enter_context(self.files.writer(file_key(batch, "gallery.html"), PAGE_TYPE))
            page.write(gallery_start(f"Batch {batch.id}", self._facts(batch, tally)))
            for told in self._reports(batch, written.lost):
                if "error" in told:
                    errors.write(_line(told["error"]))
                    written.left += told["error"]["error"]["code"] in LEFT_OVER
                    continue
                results.write(_line(told["result"]))
                for picture in told["pictures"]:
                    if shown < PICTURES_MAX:
                        page.write(gallery_picture(picture))
                    shown += 1
            page.write(gallery_end())
        return written

    def _reports(self, batch: Batch, lost: list[int]) -> Iterator[dict[str, Any]]:
        """Every row's, in the manifest's order. A chunk whose child was `lost` is reported on here."""
        for number in range(1, batch.chunks + 1):
            said = self.files.read(chunk_key(batch.id, batch.report_kind, number))
            if said is None:
                lost.append(number)
                said = self.reporter.report(batch, number)
            yield from read_lines(said)

    def _facts(self, batch: Batch, tally: Tally) -> Any:
        return {
            "batch": batch.id,
            "created_at": batch.created_at.isoformat(),
            "ended_at": self.clock.now().isoformat(),
            "succeeded": tally.succeeded,
            "failed": tally.unsuccessful + tally.refused + batch.refused,
            "cost": amounts_view(tally.cost),
            "shown": min(tally.images, PICTURES_MAX),
            "total": tally.images,
        }

    def _saved(self, batch: Batch) -> Batch:
        try:
            self.store.save(batch)
        except VersionConflictError:
            raise VersionConflictError(f"{batch.id} was moved while it was being collected") from None
        return batch


def file_key(batch: Batch, name: str) -> str:
    """Where a result of the batch lies in the image bucket."""
    return f"batches/{batch.id}/{name}"


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
