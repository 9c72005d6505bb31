"""The Create step: a request that a caller's workflow brought becomes a generation."""

from typing import Any

from easel import runtime
from easel.errors import ConflictError, LimitReachedError, RequestError
from easel.events_in import CreateInput
from easel.steps.settle import refused_state
from easel.wiring.workflows import requests_of_workflows

step = runtime.Provided(requests_of_workflows)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"request", "execution"}, gives {"id"}, or {"error", "cause"} where it is refused."""
    given = CreateInput.model_validate(event)
    try:
        generation = step.get().create(given.request, f"execution:{given.execution}", given.execution)
    except (ConflictError, LimitReachedError):
        raise  # the same step runs twice at this moment, or too many are at work: the workflow tries again
    except RequestError as error:
        return refused_state(error)
    runtime.logger().info("created", generation_id=generation.id)
    return {"id": generation.id}
