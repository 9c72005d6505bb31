"""The Poll step: asks how the vendor's task stands, for a bounded while."""

from typing import Any

from easel import runtime
from easel.step_input import StepInput
from easel.wiring.polling import poller
from easel.wiring.vendors import read_keys

step = runtime.Provided(poller, [read_keys])


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id"}, gives {"id", "next", "wait_seconds"}."""
    generation_id = StepInput.model_validate(event).id
    after = step.get().poll(generation_id)
    runtime.logger().info(
        "polled", generation_id=generation_id, next=after.next, wait_seconds=after.wait_seconds
    )
    return after.as_state()
