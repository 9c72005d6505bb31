"""Why a vendor did not deliver, in one vocabulary for all vendors."""

import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator

LINK_WITH_QUERY = re.compile(r"""(https?://[^\s?"'<>]+\?)[^\s"'<>]+""")


class FailureClass(StrEnum):
    """The normal form of every vendor's errors. A generation's `error.code` is one of these words."""

    VALIDATION = "validation"
    MODERATION = "moderation"
    AUTH = "auth"
    BILLING = "billing"
    RATE_LIMIT = "rate_limit"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    CONFIG = "config"
    CANCELED = "canceled"
    TRANSIENT = "transient"
    VENDOR_CONTRACT = "vendor_contract"


RETRYABLE = frozenset({FailureClass.RATE_LIMIT, FailureClass.TRANSIENT})


class Failure(BaseModel):
    """One refusal or failed task, as the vendor told it."""

    model_config = ConfigDict(frozen=True)

    failure_class: FailureClass
    code: str | None = Field(default=None, description="the vendor's own code")
    message: str | None = Field(
        default=None, repr=False, description="the vendor's own words; may quote the prompt"
    )
    http_status: int | None = Field(default=None, description="of the answer that carried it")
    request_id: str | None = Field(default=None, description="the vendor's trace id")
    retry_after_seconds: float | None = Field(default=None, description="asked for by the vendor")
    vendor_body: bool = Field(
        default=True, description="whether the answer was in the vendor's own form, not a proxy's page"
    )

    @field_validator("message")
    @classmethod
    def _signs_nothing(cls, message: str | None) -> str | None:
        """A vendor may quote an image's link, whose query may sign it."""
        return message and LINK_WITH_QUERY.sub(r"\1...", message)

    @classmethod
    def lost_task(cls, word: str | None) -> "Failure":
        """The vendor says again and again that it does not know the task."""
        message = (
            f"the vendor does not know the task ({word})" if word else "the vendor does not know the task"
        )
        return cls(failure_class=FailureClass.NOT_FOUND, message=message)

    @property
    def retryable(self) -> bool:
        """Whether asking again later may help."""
        return self.failure_class in RETRYABLE
