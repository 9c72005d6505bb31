"""What the steps of a generation are invoked with: all that they read of the workflow's state."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from easel.domain.ids import GENERATION_ID, is_generation_id


class Fault(BaseModel):
    """What the workflow caught: the error's name, and its cause, which may quote anything."""

    error: str = Field(alias="Error")


class StepInput(BaseModel):
    """A step's input. Other keys of the state are the workflow's own."""

    model_config = ConfigDict(hide_input_in_errors=True)  # it may be anybody's words, and errors are logged

    id: str = Field(pattern=f"^{GENERATION_ID.pattern}$")
    next: str = Field(default="persist", description="what the step before said")
    fault: Fault | None = None


def without_record(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the workflow does with an input that names no generation: it makes one of the request, or ends.
    None for one that has its record."""
    if not isinstance(event, dict):  # any JSON may start an execution
        return {"next": "nothing"}
    if "request" in event:
        return {"next": "create", "request": writable(event["request"])}
    named = event.get("id")
    return None if isinstance(named, str) and is_generation_id(named) else {"next": "nothing"}


def writable(request: Any) -> Any:
    """The request with U+FFFD in the place of half characters, and a list in that of what is read as infinite
    (1e999): an answer with a half character cannot be written, and ends the function's process; one with
    `Infinity` is no JSON. A request is refused for either."""
    try:
        json.dumps(request, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        text = json.dumps(request, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return json.loads(text.decode("utf-8", "replace"), parse_constant=lambda name: [name])
    return request
