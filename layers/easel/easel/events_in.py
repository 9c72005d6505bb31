"""What the functions are invoked with: by the workflow, by the schedule, by executions that ended badly."""

from typing import Any

from pydantic import BaseModel, Field, field_validator

from easel.domain.ids import GENERATION_ID, is_generation_id


class Fault(BaseModel):
    """What the workflow caught: the error's name, and its cause, which may quote anything."""

    error: str = Field(alias="Error")


class StepInput(BaseModel):
    """A step's input. Other keys of the state are the workflow's own."""

    id: str = Field(pattern=f"^{GENERATION_ID.pattern}$")
    fault: Fault | None = None


class EndedExecution(BaseModel):
    """The detail of `Step Functions Execution Status Change`: only the execution's name is needed."""

    name: str


class ReconcileInput(BaseModel):
    """An EventBridge event: of the schedule (no name in its detail), or of an execution that ended badly."""

    detail: EndedExecution | None = None

    @field_validator("detail", mode="before")
    @classmethod
    def only_of_executions(cls, detail: Any) -> Any:
        """The schedule's detail is an empty object."""
        return detail or None

    @property
    def generation_id(self) -> str | None:
        """The generation that the execution carried; None for the schedule, and for a foreign name."""
        name = self.detail.name[: len("gen_") + 26] if self.detail else ""
        return name if is_generation_id(name) else None
