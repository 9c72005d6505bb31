"""The Prepare step of a batch: reads its manifest and lays its rows down in chunks."""

from typing import Any

from easel import runtime
from easel.events_in import BatchInput
from easel.wiring.batch_steps import preparer

step = runtime.Provided(preparer)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id"}, gives {"id", "next", "prefix", "max_chunks"}."""
    batch_id = BatchInput.model_validate(event).id
    after = step.get().prepare(batch_id)
    runtime.logger().info("prepared", batch_id=batch_id, next=after["next"])
    return after
