"""The Submit step: writes the intent, asks the vendor, records the answer."""

from typing import Any

from easel import runtime
from easel.step_input import StepInput, without_record
from easel.wiring.submitting import submitter
from easel.wiring.vendors import read_keys

step = runtime.Provided(submitter, [read_keys])


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes {"id"}, gives {"id", "next", "wait_seconds"}; of {"request"}, says that it is to be created."""
    if (unrecorded := without_record(event)) is not None:
        return unrecorded
    generation_id = StepInput.model_validate(event).id
    after = step.get().submit(generation_id)
    runtime.logger().info(
        "submitted", generation_id=generation_id, next=after.next, wait_seconds=after.wait_seconds
    )
    return after.as_state()
