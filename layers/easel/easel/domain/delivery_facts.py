"""What operators are told of webhooks' deliveries; see `facts.py`."""

from easel.domain.facts import Fact, Word
from easel.domain.webhooks import Delivery, DeliveryStatus


def delivery_tried(delivery: Delivery) -> Fact:
    """An attempt to tell a webhook was made and written down."""
    attempt = delivery.attempts[-1]
    about = _about_delivery(delivery) | {
        "attempt": attempt.number,
        "http_status": attempt.http_status,
        "code": attempt.error.value if attempt.error else None,
        "seconds": attempt.duration_ms / 1000,
    }
    counts = {"WebhookAttemptsFailed": 1} if attempt.error else {}
    if delivery.over and delivery.status is not DeliveryStatus.DELIVERED:
        counts["DeliveriesGivenUp"] = 1
    return Fact("delivery tried", about, counts)


def delivery_given_up(delivery: Delivery) -> Fact:
    """Its executions have failed: nobody tries it any more."""
    return Fact("delivery given up", _about_delivery(delivery), {"DeliveriesGivenUp": 1})


def _about_delivery(delivery: Delivery) -> dict[str, Word]:
    about = {"generation_id": delivery.generation_id, "delivery_id": delivery.id}
    return {**about, "status": delivery.status.value}
