"""The Feed step of a batch: starts rows of one chunk, and counts those that have ended."""

from typing import Any

from easel import runtime
from easel.domain.batch import chunk_number
from easel.events_in import BatchInput
from easel.wiring.batch_steps import feeder

step = runtime.Provided(feeder)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id", "key", "looks"}, gives {"id", "key", "looks", "done", "wait_seconds"}."""
    given = BatchInput.model_validate(event)
    number = chunk_number(given.key or "")
    after = step.get().feed(given.id, number, given.looks)
    runtime.logger().info("fed", batch_id=given.id, chunk=number, done=after["done"])
    return {"id": given.id, "key": given.key, "looks": given.looks + 1, **after}
