"""Prepare: read a batch's manifest as a stream, check every row, lay them down in chunks. Buys nothing."""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from easel.catalogue import Catalogue
from easel.domain.batch import CHUNK_BYTES, CHUNK_ROWS, Batch, BatchStatus, chunk_key
from easel.domain.generation import GenerationError
from easel.domain.limits import RouteLimits
from easel.domain.rows import BadRow, Form, Row, RowReader, form_of
from easel.errors import FileChangedError, NotFoundError
from easel.ports import BatchStore, Clock, Files
from easel.steps.judge import Choose, Judged, judged
from easel.view import field_view

STEP_SECONDS = 240.0  # of one run, below the function's own 300 s; the next run goes on where it stopped
TURN_SECONDS = 120.0  # rows that are waiting for their turns at a limited route, in seconds of its rate
SAVE_CHUNKS = 20  # between two notes of the place
CHUNK_ROWS_AT_ONCE = 10


@dataclass(slots=True)
class Chunk:
    """Rows that are gathered, as lines of JSON."""

    rows: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, line: bytes, *, refused: bool) -> None:
        """One more row."""
        (self.refused if refused else self.rows).append(line)
        self.size += len(line)

    @property
    def full(self) -> bool:
        """Whether the next row belongs to the next chunk."""
        return len(self.rows) + len(self.refused) >= CHUNK_ROWS or self.size >= CHUNK_BYTES


@dataclass(slots=True)
class Reading:
    """What was read so far."""

    chunks: int
    rows: int
    refused: int
    usd: Decimal
    routes: set[str]

    def counted(self) -> dict[str, Any]:
        """The fields of the batch's record."""
        return {
            "chunks": self.chunks, "rows": self.rows, "refused": self.refused, "estimated_usd": self.usd,
            "routes": tuple(sorted(self.routes)),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preparer:
    """Reads manifests. `most_at_once` rows of one batch run at a time; `inbox` is how
    URIs of the inbox begin."""

    store: BatchStore
    files: Files
    choose: Choose
    catalogue: Catalogue
    limits: Mapping[str, RouteLimits]
    clock: Clock
    most_at_once: int
    inbox: str

    def prepare(self, batch_id: str) -> dict[str, Any]:
        """What comes next: `prepare` again for the rest of a long manifest, `run`, or `collect`.

        place noted ──► chunks written ──► place noted
              ▲ whoever goes on from the older place writes the same chunks over again
        """
        batch = load_batch(self.store, batch_id)
        leave_at = self.clock.now().timestamp() + STEP_SECONDS
        if batch.starts_rows and (at_once := self._at_once(batch, set(batch.routes))) != batch.at_once:
            batch = batch.paced(self.clock.now(), at_once)
            self.store.save(batch)
        while batch.status is BatchStatus.PREPARING and batch.stop_reason is None:
            try:
                batch = self._read_on(batch)
            except FileChangedError as error:
                reason = GenerationError(code="manifest_changed", message=str(error))
                batch = batch.stopping(self.clock.now(), reason)
            self.store.save(batch)
            if self.clock.now().timestamp() > leave_at:
                break
        if batch.stop_reason is not None or batch.over or batch.status is BatchStatus.COLLECTING:
            return state_of(batch, "collect")
        return state_of(batch, "prepare" if batch.status is BatchStatus.PREPARING else "run")

    def _read_on(self, batch: Batch) -> Batch:
        """The batch after some more chunks, or at the manifest's end."""
        source, form = batch.source, form_of(batch.source.key) or Form.JSONL
        read = Reading(batch.chunks, batch.rows, batch.refused, batch.estimated_usd, set(batch.routes))
        chunk, ended = Chunk(), True
        with (
            closing(
                self.files.read_from(source.bucket, source.key, batch.place.offset, source.etag)
            ) as chunks,
            closing(RowReader(form, chunks, batch.place)) as reader,
        ):
            for said in reader:
                self._take(batch, said, chunk, read)
                if said.number == 0:
                    self._lay_down(batch, chunk, read)
                    return self._unreadable(batch, said, read)
                if chunk.full:
                    self._lay_down(batch, chunk, read)
                    chunk = Chunk()
                    if read.chunks - batch.chunks >= SAVE_CHUNKS:
                        ended = False
                        break
            place = reader.place
        if chunk.size:
            self._lay_down(batch, chunk, read)
        now, at_once = self.clock.now(), self._at_once(batch, read.routes)
        return batch.prepared_to(now, place, ended=ended, at_once=at_once, **read.counted())

    def _unreadable(self, batch: Batch, said: Row | BadRow, read: "Reading") -> Batch:
        what = f"The manifest {said.problem.message}." if isinstance(said, BadRow) else ""
        reason = GenerationError(code="manifest_invalid", message=what)
        return batch.stopping(self.clock.now(), reason).having(**read.counted())

    def _take(self, batch: Batch, said: Row | BadRow, chunk: Chunk, read: "Reading") -> None:
        row = judged(said, batch.caller, self.choose, self.inbox, trusted=batch.trusted)
        refused = bool(row.problems)
        chunk.add(_line(row), refused=refused)
        read.rows += 1
        read.refused += refused
        read.usd += row.usd
        read.routes.update(row.routes)

    def _lay_down(self, batch: Batch, chunk: Chunk, read: "Reading") -> None:
        read.chunks += 1
        if chunk.refused:
            key = chunk_key(batch.id, "refused", read.chunks)
            self.files.put(key, b"".join(chunk.refused), "application/jsonl")
        # Written also where no row was accepted: chunks are counted by these.
        self.files.put(chunk_key(batch.id, "rows", read.chunks), b"".join(chunk.rows), "application/jsonl")

    def _at_once(self, batch: Batch, routes: set[str]) -> int:
        """How many rows may run at a time: what the vendors take of them before they would wait too long."""
        asked = min(batch.bounds.max_concurrency or self.most_at_once, self.most_at_once)
        room: dict[str, float] = {}
        for name in routes & self.catalogue.routes.keys():  # one may be offered no more
            route, limits = self.catalogue.routes[name], self.limits.get(name, RouteLimits())
            rate = TURN_SECONDS / limits.spacing_seconds if limits.spacing_seconds else float("inf")
            room[route.limit_scope] = min(
                rate, float("inf") if limits.running is None else limits.running * 4
            )
        return max(1, int(min(asked, sum(room.values()) or asked)))


def load_batch(store: BatchStore, batch_id: str) -> Batch:
    """The record. Raises NotFoundError where there is none."""
    batch = store.get(batch_id)
    if batch is None:
        raise NotFoundError(f"There is no batch {batch_id}.")
    return batch


def state_of(batch: Batch, after: str) -> dict[str, Any]:
    """The workflow's state: ids and numbers, never rows."""
    return {
        "id": batch.id,
        "next": after,
        "prefix": chunk_key(batch.id, "rows", 0).rpartition("/")[0] + "/",
        "max_chunks": max(1, batch.at_once // window(batch)),
    }


def window(batch: Batch) -> int:
    """How many rows of one chunk run at a time."""
    return min(batch.at_once, CHUNK_ROWS_AT_ONCE)


def _line(row: Judged) -> bytes:
    said: dict[str, Any] = {"row": row.number, "custom_id": row.custom_id}
    if row.problems:
        said["problems"] = [field_view(problem) for problem in row.problems]
    else:
        said |= {"tenant": row.tenant, "request": row.fields}
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
