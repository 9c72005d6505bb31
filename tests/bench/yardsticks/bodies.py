"""What callers send and are told beside generations: batches, keys, usage, and the vendors' own forms."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tests.bench.yardsticks.records import Request, Status


class Body(BaseModel):
    """Base of what is sent: listed fields only."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BatchOrder(Body):
    """A batch that is asked for."""

    rows: list[Request] | None = Field(default=None, min_length=1, max_length=10_000)
    manifest: str | None = Field(default=None, pattern=r"^s3://[^/]+/.+")
    max_concurrency: int | None = Field(default=None, ge=1)
    tolerated_failures: int | None = Field(default=None, ge=0)
    max_cost_usd: Decimal | None = Field(default=None, ge=0)
    dry_run: bool = False


class Batch(BaseModel):
    """A batch as it is stored."""

    id: str
    tenant: str
    status: Literal["preparing", "running", "succeeded", "failed", "canceled"]
    order: BatchOrder
    counts: dict[Status, int] = Field(default_factory=dict)
    created_at: datetime
    ended_at: datetime | None = None


class Limits(Body):
    """How much may be used."""

    requests_per_minute: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1)
    usd_per_day: Decimal | None = Field(default=None, ge=0)
    usd_per_month: Decimal | None = Field(default=None, ge=0)


class KeyOrder(Body):
    """A key that is asked for, or how one is changed."""

    tenant: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    name: str = Field(default="", max_length=100)
    scopes: set[Literal["generate", "read", "batch", "usage", "webhook", "admin"]] = Field(default={"read"})
    models: list[str] | None = None
    routes: list[str] | None = None
    limits: Limits = Limits()
    expires_in_days: float | None = Field(default=None, gt=0)


class Key(BaseModel):
    """A key as it is told."""

    id: str
    prefix: str
    order: KeyOrder
    created_at: datetime


class Tenant(BaseModel):
    """What is set for a tenant."""

    id: str
    limits: Limits = Limits()
    webhook: str | None = None


class UploadOrder(Body):
    """An upload that is asked for."""

    content_type: str = Field(pattern=r"^image/(png|jpeg|webp|gif|bmp|tiff)$")
    bytes: int = Field(gt=0, le=10 * 2**20)


class Upload(BaseModel):
    """Where to put an image."""

    id: str
    url: str
    fields: dict[str, str]
    expires_at: datetime


class Delivery(BaseModel):
    """One delivery of a webhook."""

    id: str
    url: str
    status: Literal["pending", "delivered", "failed"]
    attempts: list[dict[str, Any]] = Field(default_factory=list)


class WebhookKeys(BaseModel):
    """By what webhooks are signed."""

    secret: str
    public_key: str


class UsageDay(BaseModel):
    """What was used on a day."""

    day: date
    model: str
    vendor: str
    images: int
    billed_usd: Decimal


class Model(BaseModel):
    """A model of the catalogue."""

    id: str
    routes: list[dict[str, Any]]


class DashScopeContent(Body):
    """A part of a message."""

    text: str | None = None
    image: str | None = None


class DashScopeMessage(Body):
    """A message."""

    role: Literal["user"]
    content: list[DashScopeContent] = Field(min_length=1, max_length=4)


class DashScopeParameters(Body):
    """The parameters of both calls."""

    size: str | None = Field(default=None, pattern=r"^\d+\*\d+$")
    n: int | None = Field(default=None, ge=1, le=6)
    seed: int | None = Field(default=None, ge=0, le=2147483647)
    negative_prompt: str | None = Field(default=None, max_length=500)
    prompt_extend: bool | None = None
    watermark: bool | None = None


class DashScopeInput(Body):
    """The input of a synchronous call."""

    messages: list[DashScopeMessage] = Field(min_length=1, max_length=1)


class DashScopeTaskInput(Body):
    """The input of a task."""

    prompt: str = Field(min_length=1, max_length=800)
    negative_prompt: str | None = Field(default=None, max_length=500)


class DashScopeCall(Body):
    """A synchronous call."""

    model: str
    input: DashScopeInput
    parameters: DashScopeParameters = DashScopeParameters()


class DashScopeTask(Body):
    """A task."""

    model: str
    input: DashScopeTaskInput
    parameters: DashScopeParameters = DashScopeParameters()


class MuleRouterBody(Body):
    """A submit to MuleRouter."""

    prompt: str = Field(min_length=1, max_length=800)
    negative_prompt: str | None = Field(default=None, max_length=500)
    images: list[Annotated[str, Field(min_length=1)]] | None = Field(default=None, max_length=3)
    size: str | None = None
    n: int = Field(default=1, ge=1, le=6)
    seed: int | None = Field(default=None, ge=0, le=2147483647)
    prompt_extend: bool | None = None
    safety_filter: bool | None = None

    @field_validator("size")
    @classmethod
    def sides(cls, value: str | None) -> str | None:
        """Each side is 512 to 2048 pixels."""
        if value and not all(512 <= int(side) <= 2048 for side in value.split("*")):
            raise ValueError("each side is 512 to 2048 pixels")
        return value


class PixelDojoBody(Body):
    """A job of PixelDojo."""

    prompt: str = Field(min_length=1, max_length=5000)
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4"] = "1:1"
    generation_model: str | None = None
    lora_weights: str | None = None
    lora_scale: float | None = Field(default=None, ge=0, le=4)
    seed: int | None = Field(default=None, ge=0, le=2147483647)
    num_outputs: int = Field(default=1, ge=1, le=4)


class AimlApiBody(Body):
    """A call of AI/ML API."""

    model: str
    prompt: str = Field(min_length=1, max_length=800)
    negative_prompt: str | None = Field(default=None, max_length=500)
    image_size: dict[Literal["width", "height"], int] | str | None = None
    num_images: int = Field(default=1, ge=1, le=4)
    seed: int | None = Field(default=None, ge=0)
    output_format: Literal["png", "jpeg", "webp"] | None = None


class OpenAiBody(BaseModel):
    """A call of OpenAI's Images API."""

    prompt: str = Field(min_length=1, max_length=32_000)
    model: str | None = None
    n: int | None = Field(default=None, ge=1, le=10)
    size: str | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    quality: str | None = None
    user: str | None = None
