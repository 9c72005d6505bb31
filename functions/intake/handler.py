"""Intake: files in the inbox and requests on the bus become batches and generations."""

from typing import Any

from easel import runtime
from easel.intake_events import IntakeEvent
from easel.wiring.intake import intake

step = runtime.Provided(intake)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes an EventBridge event, gives {"id"} of what it became, null where it was refused."""
    given = IntakeEvent.model_validate(event)
    source = given.dropped
    runtime.logger().append_keys(event_id=given.id)  # on every line of this event
    taker = step.get()
    made = taker.dropped(source, event) if source else taker.requested(given.detail, given.id, event)
    runtime.logger().info("taken in", made=made)
    return {"id": made}
