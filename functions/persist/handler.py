"""The Persist step: keeps the images, verified, and ends the generation."""

from typing import Any

from easel import runtime
from easel.events_in import StepInput

step = runtime.Provided(runtime.keeper)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id"}, gives the state machine's last state, of a generation that has succeeded."""
    generation_id = StepInput.model_validate(event).id
    state = step.get().keep(generation_id)
    runtime.logger().info("persisted", generation_id=generation_id, status=state["status"])
    return state
