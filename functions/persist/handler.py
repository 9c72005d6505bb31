"""The Persist step: keeps the images, verified."""

from typing import Any

from easel import runtime
from easel.events_in import StepInput

step = runtime.Provided(runtime.persister)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id"}, gives {"id", "next", "wait_seconds"}."""
    generation_id = StepInput.model_validate(event).id
    after = step.get().persist(generation_id)
    runtime.logger().info("persisted", generation_id=generation_id, next=after.next)
    return after.as_state()
