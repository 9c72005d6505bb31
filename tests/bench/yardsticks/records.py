"""What the handlers hold: generations as they are stored, requests as they are sent."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator


class Status(StrEnum):
    """Where a generation stands."""

    QUEUED = "queued"
    SUBMITTED = "submitted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class Webhook(BaseModel):
    """Where the end is told."""

    url: HttpUrl
    secret: str | None = None
    events: list[Status] = Field(default_factory=list)


class Lora(BaseModel):
    """A LoRA to apply."""

    lora_weights: str = Field(min_length=1, max_length=2048)
    lora_scale: float | None = Field(default=None, ge=0, le=2)
    num_inference_steps: int | None = Field(default=None, ge=28, le=50)
    guidance: float | None = Field(default=None, ge=2, le=4)
    go_fast: bool | None = None


class Request(BaseModel):
    """What a caller asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1, max_length=128)
    prompt: str = Field(min_length=1, max_length=8000)
    negative_prompt: str | None = Field(default=None, max_length=8000)
    size: str | None = Field(default=None, pattern=r"^\d+([x*:])\d+$")
    n: int = Field(default=1, ge=1, le=8)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    prompt_extend: bool | None = None
    safety_filter: bool | None = None
    watermark: bool | None = None
    guidance: float | None = Field(default=None, ge=0, le=20)
    lora: Lora | None = None
    output_format: Literal["png", "jpeg"] | None = None
    route: list[str] | None = Field(default=None, min_length=1, max_length=20)
    strict: bool = False
    on_unknown: Literal["fail", "resubmit"] = "fail"
    deadline_seconds: int = Field(default=600, ge=10, le=3600)
    image_urls: list[HttpUrl] = Field(default_factory=list, max_length=3)
    metadata: dict[str, str] = Field(default_factory=dict)
    webhook: Webhook | None = None

    @field_validator("prompt")
    @classmethod
    def not_blank(cls, value: str) -> str:
        """A prompt says something."""
        if not value.strip():
            raise ValueError("the prompt is empty")
        return value


class Money(BaseModel):
    """What a vendor bills."""

    amount: Decimal = Decimal(0)
    currency: str = "USD"


class Failure(BaseModel):
    """Why there is no image."""

    code: str
    message: str
    vendor_code: str | None = None
    vendor_status: int | None = None


class Image(BaseModel):
    """A kept image."""

    key: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str


class Expected(BaseModel):
    """How long a route lately took, in seconds."""

    quick: float = 0.0
    typical: float
    slow: float


class Result(BaseModel):
    """Where a finished picture lies until it is kept."""

    url: str | None = None
    key: str | None = None


class Attempt(BaseModel):
    """One try at a vendor."""

    route: str
    model: str
    state: str
    quoted: Money
    expected: Expected | None = None
    task_id: str | None = None
    request_id: str | None = None
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    results: list[Result] = Field(default_factory=list)
    failure: Failure | None = None
    billed: Money | None = None
    possibly_billed: Money | None = None
    refunded: Money | None = None


class Turn(BaseModel):
    """A turn at a route."""

    route: str
    at: datetime
    because: str
    expected: Expected | None = None


class Origin(BaseModel):
    """Where a generation comes from."""

    batch: str | None = None
    row: int | None = None
    execution: str | None = None
    correlation_id: str | None = None


class Reservation(BaseModel):
    """What budgets hold for it."""

    usd: Decimal = Decimal(0)
    budgets: list[str] = Field(default_factory=list)
    places: list[str] = Field(default_factory=list)


class Parameters(BaseModel):
    """What became of the request's parameters on the route."""

    applied: dict[str, Any] = Field(default_factory=dict)
    mapped: dict[str, dict[str, Any]] = Field(default_factory=dict)
    dropped: dict[str, str] = Field(default_factory=dict)
    truncated: dict[str, dict[str, int]] = Field(default_factory=dict)


class Generation(BaseModel):
    """A generation as it is stored."""

    id: str
    tenant: str
    status: Status = Status.QUEUED
    request: Request
    routes: list[str] = Field(default_factory=list)
    route: str | None = None
    turn: Turn | None = None
    origin: Origin = Field(default_factory=Origin)
    quoted: Money = Field(default_factory=Money)
    reservation: Reservation = Field(default_factory=Reservation)
    expected: Expected | None = None
    parameters: Parameters | None = None
    attempts: list[Attempt] = Field(default_factory=list)
    images: list[Image] = Field(default_factory=list)
    seed: int | None = None
    actual_prompt: str | None = None
    failure: Failure | None = None
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    deadline_at: datetime | None = None
    ended_at: datetime | None = None
    version: int = 0


class StepInput(BaseModel):
    """A step's input."""

    id: str
    error: dict[str, Any] | None = None
