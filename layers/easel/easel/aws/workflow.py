"""The state machine that carries a generation."""

import json
import time
from typing import Any, Literal

from botocore.exceptions import ClientError

from easel.aws.items import error_code
from easel.errors import SettingsError, WorkflowBusyError

BUSY = frozenset({"ThrottlingException", "ExecutionLimitExceeded"})
CLOCKS_DIFFER_SECONDS = 5.0  # at most; who is looked for has lain for longer


class StepFunctionsWorkflow:
    """The port `Workflow`. The execution is named by the generation's id, which is unique for ever, so a
    second start of the same generation cannot run it twice
    (StartExecution is idempotent by name: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
    """

    def __init__(self, client: Any, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def start(self, generation_id: str, carrier: int = 0) -> None:
        """Start the execution; one that is there already is as good. Raises WorkflowBusyError."""
        self._started(execution_name(generation_id, carrier), generation_id)

    def go_on(
        self, generation_id: str, carrier: int, first: str | None = None
    ) -> Literal["carried", "restarted", "over"]:
        """By starting it: the start of one that runs is answered with that one.

        Step Functions takes 300 starts a second (150 in most regions), and 15 questions how one stands (10):
        these are left to those that have ended
        (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
        """
        name = execution_name(generation_id, carrier)
        machine = self._state_machine.replace(":stateMachine:", ":execution:")
        if first and not carrier:
            return "carried" if self._runs(first) else "over"
        asked_at = time.time()
        answer = self._started(name, generation_id)
        if answer is None:
            return "carried" if self._runs(f"{machine}:{name}") else "over"
        is_new = answer["startDate"].timestamp() > asked_at - CLOCKS_DIFFER_SECONDS
        return "restarted" if is_new else "carried"

    def _started(self, name: str, generation_id: str) -> dict[str, Any] | None:
        """Step Functions' answer, of an execution that runs; None where the name is taken."""
        try:
            answer: dict[str, Any] = self._client.start_execution(
                stateMachineArn=self._state_machine, name=name, input=json.dumps({"id": generation_id})
            )
        except ClientError as error:
            if error_code(error) == "ExecutionAlreadyExists":
                return None
            raise _translated(error) from error
        return answer

    def _runs(self, arn: str) -> bool:
        try:
            return bool(self._client.describe_execution(executionArn=arn)["status"] == "RUNNING")
        except ClientError as error:
            if error_code(error) == "ExecutionDoesNotExist":
                return False
            raise _translated(error) from error


class NoWorkflow:
    """The port `Workflow` where every generation is carried by an execution of its caller's."""

    def start(self, generation_id: str, carrier: int = 0) -> None:
        """There is none to start. Raises SettingsError."""
        raise SettingsError(f"{generation_id} has no execution, and this function may start none")

    def go_on(
        self, generation_id: str, carrier: int, first: str | None = None
    ) -> Literal["carried", "restarted", "over"]:
        """This function cannot tell. Raises SettingsError."""
        raise SettingsError("this function may not look at executions")


def execution_name(generation_id: str, carrier: int) -> str:
    """The first execution bears the generation's id, later ones a number behind it."""
    return f"{generation_id}-{carrier}" if carrier else generation_id


def _translated(error: ClientError) -> Exception:
    return WorkflowBusyError(error_code(error)) if error_code(error) in BUSY else error
