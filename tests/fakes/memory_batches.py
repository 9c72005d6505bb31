"""The port `BatchStore` in memory, and the tally that generations take their holds of."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from easel.domain.batch import Batch, Tally
from easel.domain.ids import BATCH_PLACE, batch_place
from easel.errors import (
    AlreadyExistsError,
    CostCapError,
    FieldProblem,
    InvalidRequestError,
    VersionConflictError,
)
from easel.ports import BatchPage, ChunkTally, Hold

NOTHING = ChunkTally(0, Tally())


class MemoryBatches:
    """One lock does what DynamoDB's conditions and transactions do."""

    def __init__(self) -> None:
        self.records: dict[str, Batch] = {}
        self.tallies: dict[str, Tally] = {}
        self.chunks: dict[tuple[str, int], ChunkTally] = {}
        self.lock = threading.Lock()

    def create(self, batch: Batch) -> None:
        with self.lock:
            if batch.id in self.records:
                raise AlreadyExistsError(f"{batch.id} exists")
            self.records[batch.id] = copied(batch)

    def get(self, batch_id: str) -> Batch | None:
        return self.records.get(batch_id)

    def save(self, batch: Batch) -> None:
        with self.lock:
            stored = self.records.get(batch.id)
            if stored is None or stored.version != batch.version - 1:
                raise VersionConflictError(batch.id)
            self.records[batch.id] = copied(batch)

    def list(self, tenant: str, limit: int, cursor: str | None) -> BatchPage:
        if cursor is not None and not BATCH_PLACE.fullmatch(cursor):
            raise InvalidRequestError("The cursor is not valid.", [FieldProblem("cursor", "is forged")])
        mine = {batch_place(one.created_at, one.id): one for one in self.records.values()}
        places = [place for place in sorted(mine, reverse=True) if mine[place].tenant == tenant]
        left = [place for place in places if cursor is None or place < cursor]
        page = tuple((mine[place], self.tally(mine[place].id)) for place in left[:limit])
        return BatchPage(page, left[limit - 1] if len(left) > limit else None)

    def note_announced(self, batch: Batch) -> None:
        with self.lock:
            stored = self.records[batch.id]
            if stored.version == batch.version:
                self.records[batch.id] = stored.having(announced=True)

    def tally(self, batch_id: str) -> Tally:
        return self.tallies.get(batch_id, Tally())

    def chunk(self, batch_id: str, number: int) -> ChunkTally:
        return self.chunks.get((batch_id, number), NOTHING)

    def count(self, batch_id: str, number: int, before: ChunkTally, now: Tally) -> None:
        new = now.minus(before.tally)
        if not new:
            return
        with self.lock:
            if self.chunk(batch_id, number).version != before.version:
                raise VersionConflictError(f"{batch_id}: chunk {number}")
            self.chunks[batch_id, number] = ChunkTally(before.version + 1, now)
            self.tallies[batch_id] = added(self.tally(batch_id), new)

    @contextmanager
    def taken(self, hold: Hold | None) -> Iterator[None]:
        """Part of the transaction that writes a row's generation: taken, where the rest of it goes well.
        Raises CostCapError."""
        with self.lock:
            if hold is None:
                yield
                return
            tally = self.tally(hold.batch_id)
            if tally.committed_usd + hold.usd > hold.cap_usd:
                raise CostCapError(hold.batch_id)
            yield
            self.tallies[hold.batch_id] = added(tally, {"committed_usd": hold.usd})


def added(tally: Tally, new: Mapping[str, Any]) -> Tally:
    """The tally with so much more, by name."""
    sums: dict[str, Any] = {}
    for name, more in new.items():
        known = getattr(tally, name)
        if isinstance(known, Mapping):
            names = dict.fromkeys((*known, *more), Decimal(0))
            sums[name] = {one: known.get(one, zero) + more.get(one, zero) for one, zero in names.items()}
        else:
            sums[name] = known + more
    return tally.having(**sums)


def copied(batch: Batch) -> Batch:
    """What a store gives back: written down and read again."""
    return Batch.model_validate_json(batch.model_dump_json())
