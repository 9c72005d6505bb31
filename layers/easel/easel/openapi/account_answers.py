"""What the other calls answer: plans, models, uploads, usage, webhooks, health, and problems."""

from typing import Annotated, Any, Literal

from pydantic import Field

from easel.domain.request import WebhookEvent
from easel.domain.webhooks import DeliveryFault, DeliveryStatus
from easel.openapi.answers import (
    AMOUNT,
    Answer,
    Count,
    Link,
    Money,
    Parameters,
    Seconds,
    Time,
    UploadId,
    absent,
)

AmountText = Annotated[str, Field(pattern=AMOUNT)]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Health = Literal["ok", "failing", "paused"]


class WrongField(Answer):
    """A field that is wrong."""

    field: str = Field(description="its path, with dots: `lora.steps`", examples=["n"])
    message: str
    limit: str | int = absent(description="what it may be at most or at least, where that helps")
    allowed: list[str] = absent(description="all that it may be, where that helps")


class Limit(Answer):
    """A limit of ours that was reached."""

    name: str = Field(examples=["usd_per_day"])
    owner: str = Field(description="whose it is", examples=["tenant shop"])
    allowed: str = Field(description="how much it allows", examples=["5"])
    retry_after_seconds: Annotated[int, Field(ge=0)]


class Problem(Answer):
    """A refusal (RFC 9457). `code` is stable, for programs. Nothing was written or bought."""

    type: str = Field(description="`urn:easel:problem:` and the code")
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str = Field(description="what is wrong, for people")
    code: str = Field(examples=["invalid_request"])
    errors: list[WrongField] = absent(description="where fields are wrong: each of them")
    limit: Limit = absent(description="where a limit was reached: which, and whose")
    request_id: str = absent(description="where the fault is ours: leads to the log")


class GatewayMessage(Answer):
    """What API Gateway answers by itself, before Easel sees the request."""

    message: str


class PlannedRoute(Answer):
    """A route that would be asked."""

    route: str
    vendor: str
    because: str = Field(description="why it has this place in the order")
    price: Money
    estimated_usd: Money
    expected_seconds: Seconds
    parameters: Parameters
    health: Health


class RefusedRoute(Answer):
    """A route that cannot do what is asked."""

    route: str
    errors: list[WrongField]


class Plan(Answer):
    """What would be done with a request. Nothing is written or bought."""

    dry_run: Literal[True]
    model: str
    routes: list[PlannedRoute] = Field(description="in the order in which they would be asked")
    refused: list[RefusedRoute]
    reserves: Money = Field(description="what budgets would hold for it")
    estimated_completion_at: Time


class RouteHealth(Answer):
    """How a route fares."""

    state: Health = Field(
        description="`failing`: left alone for now; `paused`: its vendor asked for patience"
    )
    failures_in_a_row: Count
    expected_seconds: Seconds
    recent: Count = Field(description="latencies that the expectation is read from; 0: the catalogue's word")


class ModelRoute(Answer):
    """A model at a vendor."""

    name: str = Field(examples=["mulerouter/qwen-image-max"])
    vendor: str
    ready: bool = Field(description="whether this deployment has the vendor's key")
    price: Money = Field(description="of one image")
    estimated_usd: AmountText
    typical_seconds: float
    sizes: list[str]
    parameters: dict[str, Any] = Field(description="a JSON Schema of what it honours")
    health: RouteHealth


class Model(Answer):
    """A model and the routes that serve it."""

    id: str = Field(examples=["qwen-image-max"])
    routes: list[ModelRoute]


class ModelList(Answer):
    """Every model."""

    data: list[Model]
    next_cursor: None


class Upload(Answer):
    """A place for an input image. POST the `fields` and then the `file` to `url`, as a multipart form."""

    id: UploadId = Field(description="name it as `upload:ID` in `images`")
    url: Link
    fields: dict[str, str]
    expires_at: Time


class UsageDollars(Answer):
    """The figures in US dollars."""

    billed: Money
    possibly_billed: Money
    refunded: Money


class Counts(Answer):
    """How many."""

    generations: Count
    succeeded: Count
    failed: Count
    canceled: Count
    expired: Count
    asks: Count = Field(description="of vendors")
    images: Count
    usd: UsageDollars
    aws_estimate: Money


class UsageRow(Counts):
    """A day's generations of one model that one route served."""

    day: Day
    tenant: str
    model: str
    route: str
    vendor: str
    billed: Money
    possibly_billed: Money
    refunded: Money


class Usage(Answer):
    """What was spent: the sum of the receipts of generations that were made on these days and have ended.

    Where there is a next page, `from` is later than it was asked to be.
    """

    since: Day = Field(alias="from")
    until: Day = Field(alias="to")
    data: list[UsageRow]
    totals: Counts = Field(description="of this page")
    next_cursor: Day | None


class DeliveryTry(Answer):
    """One try to tell a webhook."""

    number: Annotated[int, Field(ge=1)]
    at: Time
    duration_ms: Count
    http_status: int | None
    error: DeliveryFault | None = Field(description="null where it delivered")


class Delivery(Answer):
    """One message to a webhook; its id is the same at each try."""

    id: str = Field(examples=["msg_01K0ABCDEFGHJKMNPQRSTVWXYZ"])
    type: WebhookEvent
    status: DeliveryStatus
    url: str = Field(description="without its query")
    created_at: Time
    next_attempt_at: Time | None = Field(description="null once it is over")
    attempts: list[DeliveryTry]


class DeliveryList(Answer):
    """Every delivery of a generation's end, oldest first."""

    data: list[Delivery]
    next_cursor: None


class WebhookKeys(Answer):
    """What the tenant's webhooks are signed with."""

    secret: str = Field(pattern="^whsec_", description="for `v1` (HMAC-SHA256)")
    public_key: str = Field(pattern="^whpk_", description="for `v1a` (Ed25519)")


class Alive(Answer):
    """It answers."""

    status: Literal["ok"]
