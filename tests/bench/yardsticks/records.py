"""What the handlers hold: generations as they are stored, requests as sent, vendors' tasks as told."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

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


class Request(BaseModel):
    """What a caller asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1, max_length=128)
    prompt: str = Field(min_length=1, max_length=8000)
    negative_prompt: str | None = Field(default=None, max_length=8000)
    size: str | None = Field(default=None, pattern=r"^\d+([x*:])\d+$")
    n: int = Field(default=1, ge=1, le=8)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    guidance: float | None = Field(default=None, ge=0, le=20)
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


class Cost(BaseModel):
    """What a vendor billed."""

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


class Attempt(BaseModel):
    """One try at a vendor."""

    vendor: str
    model: str
    task_id: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    cost: Cost | None = None
    failure: Failure | None = None


class Generation(BaseModel):
    """A generation as it is stored."""

    id: str
    tenant: str
    status: Status = Status.QUEUED
    request: Request
    attempts: list[Attempt] = Field(default_factory=list)
    images: list[Image] = Field(default_factory=list)
    failure: Failure | None = None
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    version: int = 0


class StepInput(BaseModel):
    """A step's input."""

    id: str
    error: dict[str, Any] | None = None


class VendorTask(BaseModel):
    """A task as a vendor tells it."""

    task_id: str
    task_status: str
    results: list[dict[str, Any]] = Field(default_factory=list)
    code: str | None = None
    message: str | None = None
