"""A state machine's own file on moto's interpreter, with the real steps behind its functions.

Time does not pass: what the interpreter would wait is noted, and the scene's clock goes on by it.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

from easel.domain.generation import Generation
from easel.step_input import without_record
from functions.create import handler as create
from tests.fakes.scene import Scene
from tests.state_machines import GENERATE

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/workflow"
PATIENCE_SECONDS = 20.0
HANG_SECONDS = 0.5


@dataclass
class Functions:
    """The functions as Step Functions meets them: an ARN that takes JSON and gives JSON, or an error's
    name. `breaks` are errors that a function raises before it does anything, in order; `hangs` says how
    often it does nothing for longer than it is waited for."""

    scene: Scene
    breaks: dict[str, list[Exception]] = field(default_factory=dict)
    hangs: dict[str, int] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    def invoke(self, parameters: dict[str, Any], **_: object) -> dict[str, Any]:
        name = parameters["FunctionName"].rpartition(":")[2]
        event = json.loads(parameters["Payload"])
        self.called.append(name)
        if self.hangs.get(name):
            self.hangs[name] -= 1
            time.sleep(HANG_SECONDS)
        try:
            if self.breaks.get(name):
                raise self.breaks[name].pop(0)
            state = self.step(name, event)
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime does
            told = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": told}
        self.states.append(json.dumps(state))
        return {"StatusCode": 200, "Payload": json.loads(json.dumps(state))}

    def step(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        if name == "Create":
            return create.handler(event, None)
        if name == "Submit" and (unrecorded := without_record(event)) is not None:
            return unrecorded
        scene, generation_id = self.scene, event["id"]
        if name == "Deliver":
            return scene.deliverer.state(scene.deliverer.deliver(event["id"]))
        if name == "Settle":
            return scene.settler.settle(generation_id, event.get("fault", {}).get("Error"))
        if name == "Persist":
            return scene.keeper.keep(generation_id, event["next"])
        step = {"Submit": scene.submitter.submit, "Poll": scene.poller.poll}[name]
        return dict(step(generation_id).as_state())


@dataclass
class Run:
    """What became of one execution."""

    status: str
    output: dict[str, Any] | None
    error: str | None
    cause: str | None
    entered: list[str]


@dataclass
class Machine:
    """Runs generations of a scene to their end. `waits` and `retries` are the seconds that would pass, and
    `given_up` those after which a state that hangs times out."""

    client: Any
    arn: str
    functions: Functions
    waits: list[float]
    retries: list[float]
    given_up: dict[str, float] = field(default_factory=dict)

    def run(self, generation: Generation) -> Run:
        """The execution of a generation that is there already."""
        return self.execute(generation.id, {"id": generation.id})

    def execute(self, name: str, given: Any) -> Run:
        """An execution of this name and input."""
        started = self.client.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(given))
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            told = self.client.describe_execution(executionArn=started["executionArn"])
            if told["status"] != "RUNNING":
                output = json.loads(told["output"]) if "output" in told else None
                entered = self._entered(started["executionArn"])
                return Run(told["status"], output, told.get("error"), told.get("cause"), entered)
            time.sleep(0.01)
        raise AssertionError("the execution does not end")

    def _entered(self, execution: str) -> list[str]:
        """The states that were entered, in order: each is a transition that is billed."""
        history = self.client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        key = "stateEnteredEventDetails"
        return [event[key]["name"] for event in history if key in event]


Make = Callable[..., Machine]


@pytest.fixture(scope="module")
def definition() -> str:
    """The file of the machine."""
    return GENERATE.text


@pytest.fixture(scope="module")
def deployed(definition: str) -> Iterator[tuple[Any, str]]:
    """A client of moto's Step Functions, and the ARN of the machine that was made from the file."""
    prefix = f"arn:aws:lambda:{REGION}:123456789012:function:"
    asl = json.dumps(yaml.safe_load(re.sub(r"\$\{(\w+)FunctionArn\}", rf"{prefix}\1", definition)))
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
            client = boto3.client("stepfunctions", region_name=REGION)
            made = client.create_state_machine(name="easel", definition=asl, roleArn=ROLE)
            yield client, made["stateMachineArn"]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, deployed: tuple[Any, str]) -> Make:
    def make(scene: Scene, **breaks: list[Exception]) -> Machine:
        functions = Functions(scene, breaks)
        made = Machine(*deployed, functions, [], [])
        monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", functions.invoke)
        monkeypatch.setattr(create.step, "made", scene.requests_of_workflows)

        def wait(_: WaitFunction, env: object, wait_seconds: float) -> None:
            made.waits.append(wait_seconds)
            scene.clock.sleep(wait_seconds)

        def wait_for_task(timeout: TimeoutSeconds, env: Any) -> float:
            state = env.states.context_object.context_object_data["State"]["Name"]
            if not functions.hangs.get(state.split()[0]):
                return timeout.timeout_seconds
            made.given_up[state] = timeout.timeout_seconds
            return HANG_SECONDS / 5

        monkeypatch.setattr(TimeoutSeconds, "_eval_seconds", wait_for_task)
        monkeypatch.setattr(WaitFunction, "_wait_interval", wait)
        monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=made.retries.append))
        return made

    return make
