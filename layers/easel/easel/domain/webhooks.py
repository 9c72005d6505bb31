"""Telling a generation's end by a webhook: the record of a delivery, and when it is tried again."""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from easel.domain.generation import Generation, Record
from easel.domain.ids import delivery_id_of
from easel.domain.request import Webhook, WebhookEvent
from easel.domain.tenants import Tenant
from easel.errors import SettingsError

# Seconds after each failed attempt: the schedule that the Standard Webhooks specification recommends
# (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
SCHEDULE_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
ATTEMPTS_MAX = 1 + len(SCHEDULE_SECONDS)
JITTER = 0.1  # of a wait, at most that much longer: what failed together does not come back together
WAIT_SECONDS_MAX = 86_400  # of a wait that the receiver asks for
GONE = 410  # the receiver wants no more
ASKS_TO_WAIT = frozenset({429, 502, 503, 504})  # whose Retry-After is heard
DELIVERIES_MAX = 100  # of one generation's end, redeliveries included


class DeliveryStatus(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLED = "disabled"


class DeliveryFault(StrEnum):
    """Why an attempt did not deliver."""

    ADDRESS_REFUSED = "address_refused"  # no public address, or a port that is not asked
    NO_CONNECTION = "no_connection"
    NO_ANSWER = "no_answer"
    REDIRECTED = "redirected"
    GONE = "gone"
    HTTP_STATUS = "http_status"
    GENERATION_GONE = "generation_gone"  # its record has expired: there is nothing to tell


class DeliveryAttempt(Record):
    """One try, and what came of it."""

    number: Annotated[int, Field(ge=1, le=ATTEMPTS_MAX)]
    at: datetime
    duration_ms: Annotated[int, Field(ge=0)]
    http_status: int | None = None
    error: DeliveryFault | None = Field(default=None, description="None where it delivered")


class Delivery(Record):
    """One message to one receiver. Its id is the same at each attempt, by which the receiver knows it."""

    id: str
    message_id: str = Field(description="by which receivers know the message, however often it is delivered")
    tenant: str
    generation_id: str
    type: WebhookEvent
    url: str = Field(repr=False, description="as it was when the generation ended")
    version: int = 0
    status: DeliveryStatus = DeliveryStatus.PENDING
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="None once it is over")
    carrier: int = Field(default=0, description="which execution carries it: 0 is the first")
    attempts: tuple[DeliveryAttempt, ...] = ()

    @classmethod
    def create(cls, delivery_id: str, generation: Generation, webhook: Webhook, now: datetime) -> Self:
        """A delivery of a generation's end that is due at once."""
        return cls(
            id=delivery_id, message_id=message_id_of(generation), tenant=generation.tenant,
            generation_id=generation.id, type=event_of(generation), url=webhook.url,
            created_at=now, next_attempt_at=now,
        )  # fmt: skip

    @property
    def over(self) -> bool:
        """Whether it is not tried any more."""
        return self.status is not DeliveryStatus.PENDING

    def due(self, now: datetime) -> bool:
        """Whether it is time for an attempt."""
        return self.next_attempt_at is not None and self.next_attempt_at <= now

    def tried(
        self, attempt: DeliveryAttempt, schedule: tuple[int, ...], now: datetime, retry_after: float = 0
    ) -> Self:
        """After an attempt: over, or to be tried again. `retry_after` is in seconds, as the receiver asks."""
        status = _status_after(attempt, 1 + len(schedule))
        again = None
        if status is DeliveryStatus.PENDING:
            wait = schedule[attempt.number - 1] * (1 + JITTER * _share(self.id, attempt.number))
            again = now + timedelta(seconds=max(wait, min(retry_after, WAIT_SECONDS_MAX)))
        attempts = (*self.attempts, attempt)
        return self._moved(status=status, next_attempt_at=again, attempts=attempts)

    def carried_by(self, carrier: int) -> Self:
        """Another execution carries it from here on."""
        return self._moved(carrier=carrier)

    def given_up(self) -> Self:
        """Its executions have failed."""
        return self._moved(status=DeliveryStatus.FAILED, next_attempt_at=None)

    def _moved(self, **changes: object) -> Self:
        return self.having(version=self.version + 1, **changes)


def _status_after(attempt: DeliveryAttempt, attempts_max: int) -> DeliveryStatus:
    if attempt.error is None:
        return DeliveryStatus.DELIVERED
    if attempt.error is DeliveryFault.GONE:
        return DeliveryStatus.DISABLED
    # An address that is refused would be refused again.
    final = attempt.error in (DeliveryFault.ADDRESS_REFUSED, DeliveryFault.GENERATION_GONE)
    return DeliveryStatus.FAILED if final or attempt.number >= attempts_max else DeliveryStatus.PENDING


def _share(delivery_id: str, number: int) -> float:
    """From 0 to 1, alike for the same attempt of the same delivery, spread over all of them."""
    digest = hashlib.sha256(f"{delivery_id} {number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def fault_of(http_status: int) -> DeliveryFault | None:
    """What a receiver's answer means: only 2xx says that it has taken the message."""
    if 200 <= http_status < 300:
        return None
    if 300 <= http_status < 400:
        return DeliveryFault.REDIRECTED
    return DeliveryFault.GONE if http_status == GONE else DeliveryFault.HTTP_STATUS


def event_of(generation: Generation) -> WebhookEvent:
    """What is told of a generation that has ended. Raises ValueError for any other."""
    return WebhookEvent(f"generation.{generation.status.value}")


def message_id_of(generation: Generation) -> str:
    """The one id of what is told of a generation's end."""
    return delivery_id_of(generation.id, event_of(generation), generation.ended_at or generation.updated_at)


def webhook_of(generation: Generation, tenant: Tenant) -> Webhook | None:
    """Where the generation's end is told: by its request's own word, else by its tenant's."""
    return generation.request.webhook or tenant.webhook


def schedule_of(text: str) -> tuple[int, ...]:
    """Seconds after each failed attempt, from a setting such as "5,300,1800". Raises SettingsError."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and int(part) <= WAIT_SECONDS_MAX for part in parts):
        raise SettingsError(f"the webhooks' schedule must be seconds up to {WAIT_SECONDS_MAX}, with commas")
    if len(parts) >= ATTEMPTS_MAX:
        raise SettingsError(f"the webhooks' schedule may have {ATTEMPTS_MAX - 1} waits")
    return tuple(map(int, parts))
