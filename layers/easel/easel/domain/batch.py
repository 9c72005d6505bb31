"""A batch's life: many generations from one manifest, within a bound on failures and on cost.

    preparing ──► running ──► collecting ──► completed, stopped, canceled, failed
        ▲                          (resume) ◄──┘   stopped, canceled

Each move is a pure function of the record as it was read; the store writes it only over the version that
was read. What is counted while many processes work on a batch (`Tally`) stands beside the record.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import Field

from easel.domain.generation import GenerationError, IllegalMoveError, Record
from easel.domain.money import Amount
from easel.domain.rows import START, Place
from easel.domain.tenancy import ApiKey, Caller

CHUNK_ROWS = 100  # that one child execution looks after
CHUNK_BYTES = 1024 * 1024  # of their requests, at most
ROOM_DAYS = 1  # in which the last rows come to their end, and the results are written


class BatchStatus(StrEnum):
    """Where a batch stands."""

    PREPARING = "preparing"
    RUNNING = "running"
    COLLECTING = "collecting"
    COMPLETED = "completed"
    STOPPED = "stopped"
    CANCELED = "canceled"
    FAILED = "failed"


ENDED = frozenset({BatchStatus.COMPLETED, BatchStatus.STOPPED, BatchStatus.CANCELED, BatchStatus.FAILED})
RESUMABLE = frozenset({BatchStatus.STOPPED, BatchStatus.CANCELED})


def chunk_key(batch_id: str, kind: str, number: int) -> str:
    """Where a chunk's `rows` lie in the image bucket, its `refused` rows, and the `report` on its rows."""
    return f"batches/{batch_id}/work/{kind}/{number:06d}.jsonl"


def chunk_number(key: str) -> int:
    """The chunk that a key is of."""
    return int(key.rpartition("/")[2].partition(".")[0])


class Source(Record):
    """Where the manifest lies: an object of ours in S3, in the state that its ETag names."""

    bucket: str
    key: str
    etag: str


class Bounds(Record):
    """What the caller allows."""

    max_concurrency: int | None = Field(default=None, description="rows at a time")
    tolerated_failures: int | None = Field(default=None, description="failed rows, before it is stopped")
    max_cost_usd: Amount | None = Field(default=None, description="of all rows, by the catalogue's estimate")


class Tally(Record):
    """What has become of rows. Costs are by currency, as the vendors bill, and in dollars, since each
    vendor's credits have a worth of their own. `committed_usd` is what rows at work may cost at
    most, and ended ones did."""

    started: int = 0
    refused: int = Field(default=0, description="rows found to be wrong when they were to start")
    succeeded: int = 0
    failed: int = 0
    expired: int = 0
    canceled: int = 0
    images: int = 0
    committed_usd: Amount = Decimal(0)
    spent_usd: Amount = Decimal(0)
    doubtful_usd: Amount = Field(default=Decimal(0), description="that may have been billed")
    cost: Mapping[str, Amount] = Field(default_factory=dict)
    possibly_billed: Mapping[str, Amount] = Field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Rows that have come to their end."""
        return self.succeeded + self.failed + self.expired + self.canceled

    @property
    def unsuccessful(self) -> int:
        """Rows that have ended without a picture."""
        return self.ended - self.succeeded

    def minus(self, other: Self) -> dict[str, Any]:
        """What is more here than there, by name; what is equal is left out."""
        told: dict[str, Any] = {}
        for name in type(self).model_fields:
            ours, theirs = getattr(self, name), getattr(other, name)
            if isinstance(ours, Mapping):
                zero = Decimal(0)
                more = {one: ours.get(one, zero) - theirs.get(one, zero) for one in {*ours, *theirs}}
                told |= (
                    {name: {one: value for one, value in more.items() if value}} if any(more.values()) else {}
                )
            elif ours != theirs:
                told[name] = ours - theirs
        return told


class Batch(Record):
    """The record of a batch."""

    id: str
    tenant: str
    key: ApiKey | None = Field(default=None, description="with which it was made, or resumed, as it was then")
    version: int = 0
    status: BatchStatus = BatchStatus.PREPARING
    source: Source
    bounds: Bounds = Bounds()
    created_at: datetime
    updated_at: datetime
    kept_days: int | None = Field(default=None, description="how long records were kept when it was made")
    ended_at: datetime | None = None
    announced: bool = Field(default=False, description="whether its end was told")
    carrier: int = Field(default=0, description="which execution carries it: 0 is the first")
    resumes: int = Field(default=0, description="how often it was resumed")
    trusted: bool = Field(default=False, description="from inside the account: may name inbox files")
    place: Place = START
    prepared: bool = False
    rows: int = 0
    refused: int = Field(default=0, description="rows that were refused before anything was bought")
    chunks: int = 0
    at_once: int = Field(default=1, description="rows that run at a time")
    estimated_usd: Amount = Decimal(0)
    routes: tuple[str, ...] = Field(default=(), description="all routes that some row may take")
    stop_reason: GenerationError | None = None
    error: GenerationError | None = None

    @property
    def caller(self) -> Caller:
        """Who asks for its rows: whoever made it, or resumed it last, by the key as it was then."""
        return Caller(tenant=self.tenant, key=self.key)

    @property
    def over(self) -> bool:
        """Whether it has ended; a stopped or canceled one may be resumed."""
        return self.status in ENDED

    @property
    def report_kind(self) -> str:
        """Of the reports on chunks: what was said of rows that were not started is true until a resume."""
        return f"report-{self.resumes}"

    @property
    def starts_rows(self) -> bool:
        """Whether further rows may be started."""
        return self.status is BatchStatus.RUNNING and self.stop_reason is None

    def rows_until(self, kept_days: int) -> datetime:
        """After this no row is started. Which rows were is known by their records, of which the first may go
        soon; they are kept for so many days now."""
        days = min(kept_days, self.kept_days or kept_days)
        return self.created_at + timedelta(days=days - ROOM_DAYS)

    def prepared_to(self, now: datetime, place: Place, *, ended: bool, **counted: Any) -> Self:
        """So far the manifest was read; at its end the rows are bought."""
        status = BatchStatus.RUNNING if ended else BatchStatus.PREPARING
        return self._moved(
            now, {BatchStatus.PREPARING}, place=place, status=status, prepared=ended, **counted
        )

    def paced(self, now: datetime, at_once: int) -> Self:
        """So many rows run at a time from here on: it was resumed with other bounds."""
        return self._moved(now, {BatchStatus.RUNNING}, at_once=at_once)

    def stopping(self, now: datetime, reason: GenerationError) -> Self:
        """No further row is started. Those that were asked for come to their end: they are paid for."""
        return self._moved(now, {BatchStatus.PREPARING, BatchStatus.RUNNING}, stop_reason=reason)

    def collecting(self, now: datetime) -> Self:
        """No row is at work any more; the results are written."""
        return self._moved(now, {BatchStatus.PREPARING, BatchStatus.RUNNING}, status=BatchStatus.COLLECTING)

    def over_as(self, now: datetime, status: BatchStatus) -> Self:
        """The end."""
        return self._moved(now, {BatchStatus.COLLECTING}, status=status, ended_at=now, error=self.stop_reason)

    def carried_by(self, carrier: int, now: datetime) -> Self:
        """Another execution carries it from here on."""
        return self._moved(now, set(BatchStatus) - ENDED, carrier=carrier)

    def resumed(self, now: datetime, bounds: Bounds, key: ApiKey | None) -> Self:
        """It goes on where it stopped, with new bounds and by the key of whoever asks for the rest; what has
        ended is not bought again."""
        if self.status not in RESUMABLE:
            raise IllegalMoveError(f"{self.id} is {self.status}")
        status = BatchStatus.RUNNING if self.prepared else BatchStatus.PREPARING
        return self.having(
            updated_at=now, version=self.version + 1, status=status, bounds=bounds, key=key, ended_at=None,
            announced=False, stop_reason=None, error=None, carrier=self.carrier + 1,
            resumes=self.resumes + 1,
        )  # fmt: skip

    def _moved(self, now: datetime, within: set[BatchStatus], **changes: Any) -> Self:
        if self.status not in within:
            raise IllegalMoveError(f"{self.id} is {self.status}")
        return self.having(updated_at=now, version=self.version + 1, **changes)
