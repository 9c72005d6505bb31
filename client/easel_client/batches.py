"""What Easel answers about batches, typed, and reading the files that they are made from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from easel_client.answers import Costs, Failure, Money, Raw, moment, needed
from easel_client.errors import FieldProblem, InputError

TYPES = {".jsonl": "application/jsonl", ".ndjson": "application/x-ndjson", ".csv": "text/csv"}


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows by what became of them."""

    total: int
    queued: int
    running: int
    succeeded: int
    failed: int
    refused: int

    @classmethod
    def of(cls, raw: Any) -> "RowCounts":
        """From an answer."""
        raw = raw if isinstance(raw, dict) else {}
        names = ("total", "queued", "running", "succeeded", "failed", "refused")
        return cls(*(int(raw.get(name) or 0) for name in names))

    @property
    def ended(self) -> int:
        """Rows that nothing more becomes of."""
        return self.succeeded + self.failed + self.refused


@dataclass(frozen=True, slots=True)
class Batch:
    """Many generations of one file. `files` are links to its results once it has ended."""

    id: str
    status: str
    rows: RowCounts
    images: int
    cost: tuple[Money, ...]
    possibly_billed: tuple[Money, ...]
    usd: Costs
    estimated_end_at: datetime | None
    ended_at: datetime | None
    stop_reason: Failure | None
    files: Mapping[str, str] = field(repr=False)
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Any) -> "Batch":
        """From an answer."""
        raw = needed(raw, "id", "status")
        return cls(
            id=raw["id"],
            status=raw["status"],
            rows=RowCounts.of(raw.get("rows")),
            images=int(raw.get("images") or 0),
            cost=_amounts(raw.get("cost")),
            possibly_billed=_amounts(raw.get("possibly_billed")),
            usd=Costs.of(raw.get("usd")),
            estimated_end_at=moment(raw.get("estimated_end_at")),
            ended_at=moment(raw.get("ended_at")),
            stop_reason=Failure.of(raw.get("stop_reason")),
            files=raw.get("files") or {},
            raw=raw,
        )

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.ended_at is not None

    @property
    def whole(self) -> bool:
        """Whether every row has its picture."""
        return self.over and self.rows.succeeded == self.rows.total


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What the dry run says of a row: its price, or why it would be refused."""

    number: int
    custom_id: str | None
    prompt: str
    estimated_usd: str | None
    problems: tuple[FieldProblem, ...]

    @classmethod
    def of(cls, raw: Any) -> "BatchRow":
        """From an answer."""
        error = raw.get("error") or {}
        problems = tuple(map(FieldProblem.of, error.get("errors") or ()))
        if error and not problems:
            problems = (FieldProblem("row", str(error.get("message") or error.get("code"))),)
        return cls(
            number=int(raw.get("row") or 0),
            custom_id=raw.get("custom_id"),
            prompt=str(raw.get("prompt") or ""),
            estimated_usd=raw.get("estimated_usd"),
            problems=problems,
        )


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What a batch would come to. Nothing was bought or written. Of a file that is too long to be looked at
    in one answer it has the first rows, and is not `complete`."""

    total: int
    valid: int
    refused: int
    complete: bool
    estimated_cost: Money
    rows: tuple[BatchRow, ...]
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Any) -> "BatchPlan":
        """From an answer."""
        raw = needed(raw, "rows", "data")
        counts = raw["rows"]
        return cls(
            total=int(counts.get("total") or 0),
            valid=int(counts.get("valid") or 0),
            refused=int(counts.get("refused") or 0),
            complete=bool(raw.get("complete", True)),
            estimated_cost=Money(Decimal(str(raw.get("estimated_cost_usd") or 0)), "USD"),
            rows=tuple(map(BatchRow.of, raw["data"])),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """The rows of a batch: a file's text with its content type, or objects."""

    content_type: str
    data: bytes | None = field(default=None, repr=False)
    rows: list[Mapping[str, Any]] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, source: str | Path | Iterable[Mapping[str, Any]]) -> "Manifest":
        """A .jsonl, .csv or .json file, or rows themselves. Raises InputError."""
        if not isinstance(source, str | Path):
            return cls("application/json", rows=list(source))
        path = Path(source)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from error
        ending = path.suffix.lower()
        if ending in TYPES:
            return cls(TYPES[ending], data=data)
        if ending != ".json":
            raise InputError(f"{path} is no batch file.", "It must end with .jsonl, .csv or .json.")
        try:
            rows = json.loads(data)
        except ValueError as error:
            raise InputError(f"{path} is not JSON: {error}.") from error
        return cls("application/json", rows=rows if isinstance(rows, list) else [rows])


def _amounts(raw: Any) -> tuple[Money, ...]:
    amounts = (Money.of(one) for one in raw or ())
    return tuple(one for one in amounts if one is not None)
