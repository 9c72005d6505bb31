"""The Settle step: the one exit of every generation."""

from typing import Any

from easel import runtime
from easel.step_input import StepInput
from easel.wiring.ending import settler

step = runtime.Provided(settler)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id", "fault"?}, gives the state machine's last state."""
    given = StepInput.model_validate(event)
    state = step.get().settle(given.id, given.fault.error if given.fault else None)
    runtime.logger().info("settled", generation_id=given.id, status=state["status"])
    return state
