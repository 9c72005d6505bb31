"""What the steps of a generation are invoked with: all that they read of the workflow's state."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from easel.domain.ids import GENERATION_ID


class Fault(BaseModel):
    """What the workflow caught: the error's name, and its cause, which may quote anything."""

    error: str = Field(alias="Error")


class StepInput(BaseModel):
    """A step's input. Other keys of the state are the workflow's own."""

    id: str = Field(pattern=f"^{GENERATION_ID.pattern}$")
    next: str = Field(default="persist", description="what the step before said")
    fault: Fault | None = None


def without_record(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the workflow does with an input that names no generation: it makes one of the request, or ends.
    None for one that has its record."""
    if "request" in event:
        return {"next": "create", "request": event["request"]}
    return None if "id" in event else {"next": "nothing"}
