"""The state machine that carries a generation."""

import json
from typing import Any

from botocore.exceptions import ClientError

from easel.errors import SettingsError


class StepFunctionsWorkflow:
    """The port `Workflow`. The execution is named by the generation's id, which is unique for ever, so a
    second start of the same generation cannot run it twice
    (StartExecution is idempotent by name: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
    """

    def __init__(self, client: Any, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def start(self, generation_id: str, carrier: int = 0) -> None:
        """Start the execution; one that is there already is as good."""
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine,
                name=execution_name(generation_id, carrier),
                input=json.dumps({"id": generation_id}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def is_carried(self, generation_id: str, carrier: int, first: str | None = None) -> bool | None:
        """Whether the execution runs; None where there is none."""
        machine = self._state_machine.replace(":stateMachine:", ":execution:")
        arn = f"{machine}:{execution_name(generation_id, carrier)}"
        if first and not carrier:
            arn = first
        try:
            return bool(self._client.describe_execution(executionArn=arn)["status"] == "RUNNING")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return None


class NoWorkflow:
    """The port `Workflow` where every generation is carried by an execution of its caller's."""

    def start(self, generation_id: str, carrier: int = 0) -> None:
        """There is none to start. Raises SettingsError."""
        raise SettingsError(f"{generation_id} has no execution, and this function may start none")

    def is_carried(self, generation_id: str, carrier: int, first: str | None = None) -> bool | None:
        """This function cannot tell. Raises SettingsError."""
        raise SettingsError("this function may not look at executions")


def execution_name(generation_id: str, carrier: int) -> str:
    """The first execution bears the generation's id, later ones a number behind it."""
    return f"{generation_id}-{carrier}" if carrier else generation_id
