"""What the other functions are invoked with: by workflows and by the schedule."""

from typing import Any

from pydantic import BaseModel, Field, field_validator

from easel.domain.ids import (
    BATCH_ID,
    DELIVERY_ID,
    is_batch_id,
    is_delivery_id,
    is_generation_id,
)
from easel.step_input import Fault


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
    def carried_id(self) -> str | None:
        """The generation, batch or delivery that the execution carried; None for the schedule, and a foreign
        name."""
        name = self.detail.name[: len("gen_") + 26] if self.detail else ""
        ours = is_generation_id(name) or is_batch_id(name) or is_delivery_id(name)
        return name if ours else None


class CreateInput(BaseModel):
    """What a caller's workflow asks for, and the execution that carries it."""

    request: Any
    execution: str = Field(min_length=1, max_length=512)


class BatchInput(BaseModel):
    """A batch step's input: the batch, and for the feed step its chunk, as the key of its rows, and how often
    this execution has looked at it."""

    id: str = Field(pattern=f"^{BATCH_ID.pattern}$")
    key: str | None = None
    looks: int = Field(default=0, ge=0)
    fault: Fault | None = None


class DeliveryInput(BaseModel):
    """The Deliver step's input."""

    id: str = Field(pattern=f"^{DELIVERY_ID.pattern}$")
