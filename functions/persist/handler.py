"""The Persist step: keeps the images, verified, and ends the generation."""

from typing import Any

from easel import runtime
from easel.step_input import StepInput
from easel.wiring.keeping import keeper

step = runtime.Provided(keeper)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id", "next"?}, gives the generation as callers see it: it has succeeded."""
    given = StepInput.model_validate(event)
    view = step.get().keep(given.id, given.next)
    runtime.logger().info("persisted", generation_id=given.id, status=view["status"])
    return view
