"""What the calls on batches answer."""

from typing import Annotated, Literal

from pydantic import Field

from easel.domain.batch import BatchStatus
from easel.domain.ids import BATCH_PLACE
from easel.openapi.account_answers import AmountText, WrongField
from easel.openapi.answers import Answer, BatchId, Count, GenerationFailure, Link, Money, Place, S3Uri, Time


class RowCounts(Answer):
    """Rows by what became of them."""

    total: Count
    queued: Count
    running: Count
    succeeded: Count
    failed: Count
    refused: Count


class BatchLinks(Answer):
    """Where more is told."""

    self: Place


class BatchDollars(Answer):
    """A batch's cost in dollars, by the catalogue's rates."""

    billed: Money
    possibly_billed: Money


class Batch(Answer):
    """Many generations from one manifest."""

    id: BatchId = Field(examples=["bat_01K0ABCDEFGHJKMNPQRSTVWXYZ"])
    status: BatchStatus
    created_at: Time
    updated_at: Time
    ended_at: Time | None
    estimated_end_at: Time | None = Field(description="by its pace so far")
    source: S3Uri = Field(description="the manifest")
    rows: RowCounts
    images: Count
    cost: list[Money] = Field(description="what certainly was billed, by currency")
    possibly_billed: list[Money]
    usd: BatchDollars = Field(description="both in dollars: a credit is worth what its vendor says")
    estimated_cost_usd: AmountText
    max_cost_usd: AmountText | None
    committed_usd: AmountText | None = Field(description="of the cap, by rows that were started")
    tolerated_failures: Count | None
    max_concurrency: Annotated[int, Field(ge=1)] | None
    rows_at_a_time: Annotated[int, Field(ge=1)]
    stop_reason: GenerationFailure | None
    files: dict[str, Link] = Field(description="once it has ended: links to its files, by name")
    links: BatchLinks


class BatchPage(Answer):
    """A page of batches, newest first."""

    data: list[Batch]
    next_cursor: Annotated[str, Field(pattern=f"^{BATCH_PLACE.pattern}$")] | None


class PlannedCounts(Answer):
    """Rows by whether they would be started."""

    total: Count
    valid: Count
    refused: Count


class RowError(Answer):
    """What is wrong with a row, as the batch's errors would tell it."""

    code: str = Field(examples=["invalid_request"])
    message: str
    errors: list[WrongField]


class PlannedRow(Answer):
    """A row as it was read."""

    row: Count = Field(description="its number, from 1 on; 0 is the file as a whole")
    custom_id: str | None
    model: str | None
    prompt: str | None = Field(description="its first 200 characters")
    estimated_usd: AmountText | None = Field(description="what it may cost at most; null where it is refused")
    error: RowError | None


class BatchPlan(Answer):
    """What a batch would come to. Nothing is written or bought."""

    dry_run: Literal[True]
    rows: PlannedCounts
    estimated_cost_usd: AmountText = Field(description="what all valid rows may cost at most")
    complete: bool = Field(
        description="whether every row was looked at; otherwise the file is too long for the time that an "
        "answer has, and all of this is of its first rows"
    )
    truncated: bool = Field(description="whether `data` lacks rows: then it has the refused ones above all")
    data: list[PlannedRow] = Field(description="in the order of their numbers")
