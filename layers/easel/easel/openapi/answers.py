"""What the calls on generations answer, as models: their schemas describe the API.

The answers themselves are made in `view.py` and beside it; tests hold what is answered against these models,
field by field. Money and times are texts, as JSON has neither.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from easel.domain.failure import FailureClass
from easel.domain.forms import UPLOAD
from easel.domain.generation import AttemptState, Status
from easel.domain.ids import BATCH_ID, GENERATION_ID
from easel.domain.request import GenerationRequest, WebhookEvent

AMOUNT = r"^-?[0-9]+(\.[0-9]+)?$"
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Link = Annotated[str, WithJsonSchema({"type": "string", "format": "uri"})]
Place = Annotated[str, Field(pattern=r"^/v1/")]
S3Uri = Annotated[str, Field(pattern=r"^s3://")]
GenerationId = Annotated[str, Field(pattern=f"^{GENERATION_ID.pattern}$")]
BatchId = Annotated[str, Field(pattern=f"^{BATCH_ID.pattern}$")]
UploadId = Annotated[str, Field(pattern=f"^{UPLOAD.removeprefix('upload:')}$")]
Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """Base of what is answered: no field more, and none less."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def absent(**about: Any) -> Any:
    """A field that is left out where it says nothing, and never null."""
    return Field(default=None, json_schema_extra=_without_default, **about)


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


class Money(Answer):
    """An exact amount."""

    amount: Annotated[str, Field(pattern=AMOUNT)] = Field(description="decimal digits", examples=["0.075"])
    currency: str = Field(description="ISO 4217, or `credits` where the vendor counts so", examples=["USD"])


class KeptWebhook(Answer):
    """Where the end is told; a secret of its own is never shown again."""

    url: str
    events: list[WebhookEvent] = absent(description="where not all of them")


class AskedFor(GenerationRequest):
    """The request as it came. Fields that were left out are not here; images that came along lie in S3."""

    images: tuple[str, ...] = Field(default=(), description="links, or where Easel keeps them")
    route: tuple[str, ...] | None = Field(default=None, description="the routes that were named")
    webhook: KeptWebhook | None = None  # type: ignore[assignment]  # shown otherwise than asked for


class Mapped(Answer):
    """A value that was sent in other words."""

    model_config = ConfigDict(serialize_by_alias=True)

    asked: Any = Field(alias="from", description="as it was asked for")
    sent: Any = Field(alias="to", description="as the vendor is asked")


class Cut(Answer):
    """A text that was too long for the route."""

    asked: Count = Field(alias="from", description="code points that it had")
    sent: Count = Field(alias="to", description="code points that were sent, the first ones")


class Parameters(Answer):
    """What became of each parameter on the route that serves."""

    applied: dict[str, Any] = Field(description="sent as asked")
    mapped: dict[str, Mapped] = Field(description="sent in other words")
    dropped: dict[str, str] = Field(description="not sent, and why")
    truncated: dict[str, Cut] = Field(description="cut to the route's limit")


class KeptImage(Answer):
    """An image in your bucket, and its verified facts."""

    url: Link = Field(description="signed when it was read, for an hour; read again for a fresh one")
    s3_uri: S3Uri = Field(description="where it stays")
    content_type: str = Field(examples=["image/png"])
    width: Annotated[int, Field(ge=1)] = Field(description="px")
    height: Annotated[int, Field(ge=1)] = Field(description="px")
    bytes: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class VendorFacts(Answer):
    """Who was asked last, and under what the vendor knows it."""

    name: str
    task_id: str | None
    request_id: str | None
    status: str | None = Field(description="the vendor's own word")


class Trouble(Answer):
    """What went wrong with an ask."""

    code: FailureClass
    vendor_code: str | None
    http_status: int | None


class Dollars(Answer):
    """The figures in US dollars, by the catalogue's rates; null where there is none."""

    quoted: Money | None
    billed: Money | None
    possibly_billed: Money | None
    refunded: Money | None


class AllDollars(Dollars):
    """The figures in US dollars, and what budgets hold for it."""

    reserved: Money | None


class Ask(Answer):
    """One ask of one vendor."""

    number: Annotated[int, Field(ge=1)]
    route: str
    state: AttemptState
    because: str = Field(description="why this route was asked")
    task_id: str | None
    request_id: str | None
    asked_at: Time
    answered_at: Time | None
    ended_at: Time | None
    quoted: Money | None
    billed: Money | None
    possibly_billed: Money | None
    refunded: Money | None
    usd: Dollars
    error: Trouble | None


class Receipt(Answer):
    """What it costs. An amount stands in `billed` or in `possibly_billed`, never in both."""

    quoted: Money | None = Field(description="the price of what was asked for")
    reserved: Money | None = Field(description="what budgets held for it; null where there is no budget")
    billed: Money | None = Field(description="what certainly was billed")
    possibly_billed: Money | None = Field(description="what may have been")
    refunded: Money | None = Field(description="what came back")
    usd: AllDollars
    aws_estimate: Money = Field(description="what the account itself pays AWS for it, about")
    attempts: list[Ask]


class GenerationFailure(Answer):
    """Why it did not succeed."""

    code: str = Field(description="stable, for programs", examples=["moderation"])
    message: str
    vendor_code: str | None
    vendor_message: str | None
    retryable: bool = Field(description="whether asking again later may help")


class GenerationLinks(Answer):
    """Where more is told."""

    self: Place
    events: Place


class Generation(Answer):
    """A generation: one request, one id, one end."""

    id: GenerationId = Field(examples=["gen_01K0ABCDEFGHJKMNPQRSTVWXYZ"])
    status: Status
    model: str
    route: str = Field(description="the route that serves it, or the first to be asked")
    routes: list[str] = Field(description="all that may be asked, in order")
    created_at: Time
    updated_at: Time
    deadline_at: Time = Field(description="when it ends in any case")
    estimated_completion_at: Time | None = Field(
        description="by what its route lately took; null once it has ended"
    )
    ended_at: Time | None
    request: AskedFor
    parameters: Parameters | None = Field(description="null until a route is asked")
    images: list[KeptImage] = Field(description="empty until it has succeeded")
    shortfall: Count = Field(description="images fewer than asked for that were delivered")
    seed: int | None = Field(description="that the vendor told")
    actual_prompt: str | None = Field(description="the vendor's rewriting of the prompt, where it was told")
    vendor: VendorFacts | None
    receipt: Receipt
    error: GenerationFailure | None
    metadata: dict[str, str]
    correlation_id: str | None = Field(description="of the event or file that it came with")
    batch: BatchId | None
    links: GenerationLinks


class GenerationPage(Answer):
    """Generations, newest first."""

    data: list[Generation]
    next_cursor: GenerationId | None = Field(description="the next page's `cursor`; null on the last page")


class Event(BaseModel):
    """One thing that happened. What it tells beside these fields depends on its type."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    at: Time
    type: Literal[
        "created", "waiting", "asked", "accepted", "rejected", "unknown", "succeeded", "failed", "ended"
    ]
    attempt: Annotated[int, Field(ge=1)] | None = Field(description="the ask's number")


class EventLog(Answer):
    """The attempt log, oldest first."""

    data: list[Event]
    next_cursor: None


class Seconds(Answer):
    """How long a route takes."""

    typical: float = Field(ge=0, description="half of the recent ones were quicker")
    slow: float = Field(ge=0, description="nine of ten recent ones were quicker")


class WebhookCall(Answer):
    """What a webhook is told (Standard Webhooks)."""

    type: WebhookEvent
    timestamp: Time
    data: Generation
