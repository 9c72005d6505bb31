"""Deliver: one attempt to tell the end of a generation, where it is time for one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Any

from easel.domain.delivery_facts import delivery_tried
from easel.domain.facts import Tell
from easel.domain.generation import Generation
from easel.domain.webhooks import (
    ASKS_TO_WAIT,
    SCHEDULE_SECONDS,
    Delivery,
    DeliveryAttempt,
    DeliveryFault,
    fault_of,
)
from easel.errors import AddressRefusedError, AnswerLostError, NotFoundError, NotSentError
from easel.plain import time_view
from easel.ports import Clock, GenerationStore, ImageStore, Tenants
from easel.signatures import SigningKeys
from easel.steps.announce import EVENT_CHARACTERS_MAX, as_json, shortened
from easel.view import generation_view
from easel.webhook_ports import DeliveryStore, Posts
from easel.wire import HttpResponse

# Of one attempt, its look-up and connection included: the specification advises 15 to 30 s
# (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
TIMEOUT_SECONDS = 15.0
FAULTS = {
    AddressRefusedError: DeliveryFault.ADDRESS_REFUSED,
    NotSentError: DeliveryFault.NO_CONNECTION,
    AnswerLostError: DeliveryFault.NO_ANSWER,
}


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Tells receivers. `keys_of` gives a tenant's keys."""

    store: GenerationStore
    deliveries: DeliveryStore
    tenants: Tenants
    images: ImageStore
    posts: Posts
    keys_of: Callable[[str], SigningKeys]
    clock: Clock
    tell: Tell
    schedule: tuple[int, ...] = SCHEDULE_SECONDS

    def deliver(self, delivery_id: str) -> Delivery:
        """The delivery after this attempt, or as it stands where it is not time for one.

        due ──► posted ──► written
                       ▲ whoever dies here posts it again: the receiver knows it by its id, so a message
                         may come twice, and is never lost

        Raises NotFoundError, and VersionConflictError where somebody else tried at the same time.
        """
        delivery = self.deliveries.get(delivery_id)
        if delivery is None:
            raise NotFoundError(f"There is no delivery {delivery_id}.")
        if delivery.due(self.clock.now()):
            delivery = self._tried(delivery)
            self.deliveries.save(delivery)
            self.tell(delivery_tried(delivery))
        return delivery

    def state(self, delivery: Delivery) -> dict[str, Any]:
        """What the state machine is told: whether it is over, else how many seconds to wait."""
        again = delivery.next_attempt_at
        wait = 0.0 if again is None else (again - self.clock.now()).total_seconds()
        return {"id": delivery.id, "done": delivery.over, "wait_seconds": max(0, ceil(wait))}

    def _tried(self, delivery: Delivery) -> Delivery:
        started = self.clock.now()
        generation = self.store.get(delivery.generation_id)
        answer, fault = None, DeliveryFault.GENERATION_GONE
        if generation is not None:
            answer, fault = self._posted(delivery, generation, started)
        ended = self.clock.now()
        attempt = DeliveryAttempt(
            number=len(delivery.attempts) + 1,
            at=started,
            duration_ms=round((ended - started).total_seconds() * 1000),
            http_status=answer.status if answer else None,
            error=fault_of(answer.status) if answer else fault,
        )
        asked = retry_after_seconds(answer, ended) if answer else 0
        return delivery.tried(attempt, self.schedule, ended, asked)

    def _posted(
        self, delivery: Delivery, generation: Generation, now: datetime
    ) -> tuple[HttpResponse | None, DeliveryFault]:
        body = self._body(delivery, generation)
        webhook = generation.request.webhook or self.tenants.get(delivery.tenant).webhook
        own_secret = webhook.secret if webhook else None
        headers = self.keys_of(delivery.tenant).headers(delivery.message_id, now, body, own_secret)
        headers |= {"content-type": "application/json", "user-agent": "Easel-Webhooks/1"}
        try:
            return self.posts.post(delivery.url, headers, body, TIMEOUT_SECONDS), DeliveryFault.HTTP_STATUS
        except tuple(FAULTS) as error:
            return None, FAULTS[type(error)]

    def _body(self, delivery: Delivery, generation: Generation) -> bytes:
        """What is told. Its links are signed at each attempt: they may have died since the last one."""
        view = generation_view(generation, self.images.uri, self.images.signed_url)
        message = {
            "type": delivery.type.value,
            "timestamp": time_view(generation.ended_at),
            "data": shortened(view, EVENT_CHARACTERS_MAX),
        }
        # Half a character, which a vendor's words might hold, has no bytes.
        return as_json(message).encode("utf-8", "replace")


def retry_after_seconds(answer: HttpResponse, now: datetime) -> float:
    """How long a receiver asks us to wait, as a number of seconds or a date (RFC 9110, 10.2.3); 0 where it
    does not, or its answer is none that may ask."""
    value = answer.headers.get("retry-after", "").strip()
    if answer.status not in ASKS_TO_WAIT or not value:
        return 0.0
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return 0.0
