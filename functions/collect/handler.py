"""The Collect step of a batch: writes its results and ends it."""

from typing import Any

from easel import runtime
from easel.events_in import BatchInput
from easel.wiring.batch_steps import collector

step = runtime.Provided(collector)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id", "fault"?}, gives the batch as callers see it."""
    given = BatchInput.model_validate(event)
    view = step.get().collect(given.id, given.fault.error if given.fault else None)
    runtime.logger().info("collected", batch_id=given.id, status=view["status"])
    return view
