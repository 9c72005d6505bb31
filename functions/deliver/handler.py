"""The Deliver step of a webhook: one attempt to tell the end of a generation."""

from typing import Any

from easel import runtime
from easel.events_in import DeliveryInput
from easel.wiring.telling import deliverer

step = runtime.Provided(deliverer)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id"}, gives {"id", "done", "wait_seconds"}."""
    delivery_id = DeliveryInput.model_validate(event).id
    teller = step.get()
    delivery = teller.deliver(delivery_id)
    runtime.logger().info(
        "delivery",
        delivery_id=delivery.id,
        generation_id=delivery.generation_id,
        status=delivery.status.value,
        attempts=len(delivery.attempts),
    )
    return teller.state(delivery)
