"""What the functions are invoked with by the workflow."""

from pydantic import BaseModel, Field

from easel.domain.ids import GENERATION_ID


class Fault(BaseModel):
    """What the workflow caught: the error's name, and its cause, which may quote anything."""

    error: str = Field(alias="Error")


class StepInput(BaseModel):
    """A step's input. Other keys of the state are the workflow's own."""

    id: str = Field(pattern=f"^{GENERATION_ID.pattern}$")
    fault: Fault | None = None
