"""The state machine's own file, run by moto's interpreter over the real steps.

It is a second opinion beside the emulator of the local stack, which knows neither `MaxDelaySeconds` nor
jitter. Time does not pass: what the interpreter would wait is noted instead.
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
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

from easel.domain.generation import Generation
from easel.errors import AnswerLostError, NotSentError, VersionConflictError
from easel.wire import HttpResponse
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.template import ROOT
from tests.unit.steps.vendor_words import (
    LINK,
    SYNC,
    dashscope_finished,
    mule_completed,
    mule_error,
    mule_submitted,
    mule_task,
)

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/workflow"
DEFINITION = (ROOT / "functions" / "generate.asl.yaml").read_text(encoding="utf-8")
PATIENCE_SECONDS = 20.0


@dataclass
class Functions:
    """The five functions as Step Functions meets them: an ARN that takes JSON and gives JSON, or an error's
    name. `breaks` are errors that a function raises before it does anything, in order."""

    scene: Scene
    breaks: dict[str, list[Exception]] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    def invoke(self, parameters: dict[str, Any], **_: object) -> dict[str, Any]:
        name = parameters["FunctionName"].rpartition(":")[2]
        event = json.loads(parameters["Payload"])
        self.called.append(name)
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
        scene, generation_id = self.scene, event["id"]
        if name == "Settle":
            return scene.settler.settle(generation_id, event.get("fault", {}).get("Error"))
        step = {
            "Submit": scene.submitter.submit,
            "Poll": scene.poller.poll,
            "Persist": scene.persister.persist,
        }[name]
        return dict(step(generation_id).as_state())


@dataclass
class Run:
    """What became of one execution."""

    status: str
    output: dict[str, Any] | None
    error: str | None
    cause: str | None


@dataclass
class Machine:
    """Runs generations of a scene to their end. `waits` and `retries` are the seconds that would pass."""

    client: Any
    arn: str
    functions: Functions
    waits: list[float]
    retries: list[float]

    def run(self, generation: Generation) -> Run:
        started = self.client.start_execution(
            stateMachineArn=self.arn, name=generation.id, input=json.dumps({"id": generation.id})
        )
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            told = self.client.describe_execution(executionArn=started["executionArn"])
            if told["status"] != "RUNNING":
                output = json.loads(told["output"]) if "output" in told else None
                return Run(told["status"], output, told.get("error"), told.get("cause"))
            time.sleep(0.01)
        raise AssertionError("the execution does not end")


Make = Callable[..., Machine]


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Any, str]]:
    """A client of moto's Step Functions, and the ARN of the machine that was made from the file."""
    prefix = f"arn:aws:lambda:{REGION}:123456789012:function:"
    definition = json.dumps(yaml.safe_load(re.sub(r"\$\{(\w+)FunctionArn\}", rf"{prefix}\1", DEFINITION)))
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
            client = boto3.client("stepfunctions", region_name=REGION)
            made = client.create_state_machine(name="easel", definition=definition, roleArn=ROLE)
            yield client, made["stateMachineArn"]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, deployed: tuple[Any, str]) -> Make:
    def make(scene: Scene, **breaks: list[Exception]) -> Machine:
        functions = Functions(scene, breaks)
        made = Machine(*deployed, functions, [], [])
        monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", functions.invoke)

        def wait(_: WaitFunction, env: object, wait_seconds: float) -> None:
            made.waits.append(wait_seconds)
            scene.clock.sleep(wait_seconds)

        monkeypatch.setattr(WaitFunction, "_wait_interval", wait)
        monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=made.retries.append))
        return made

    return make


def test_asynchronous_generation_succeeds_and_its_output_is_the_generation(machine: Make) -> None:
    answers = [mule_submitted(), *[mule_task("running")] * 60, mule_completed()]
    scene = Scene(*answers, links={LINK: picture()})
    made = scene.create(deadline_seconds=3600)
    run = machine(scene)
    ended = run.run(made)
    assert ended.status == "SUCCEEDED"
    assert ended.output is not None
    assert (ended.output["id"], ended.output["status"]) == (made.id, "succeeded")
    assert len(ended.output["images"]) == 1
    assert "url" not in ended.output["images"][0]
    assert run.functions.called[0] == "Submit"
    assert run.functions.called[-2:] == ["Persist", "Settle"]
    assert run.functions.called.count("Poll") == len(run.waits) > 2
    assert all(isinstance(seconds, int) for seconds in run.waits)
    assert scene.way(made)[-1] == "succeeded"


def test_synchronous_generation_never_waits(machine: Make) -> None:
    answer = dashscope_finished()
    scene = Scene(answer, links={link_of(answer): picture()})
    made = scene.create(**SYNC)
    run = machine(scene)
    assert run.run(made).status == "SUCCEEDED"
    assert run.functions.called == ["Submit", "Persist", "Settle"]
    assert run.waits == []


def link_of(answer: HttpResponse) -> str:
    link: str = answer.json()["output"]["choices"][0]["message"]["content"][0]["image"]
    return link


def test_refused_generation_fails_with_the_generation_as_the_cause(machine: Make) -> None:
    scene = Scene(mule_error(400, "no such thing"))
    made = scene.create()
    run = machine(scene)
    ended = run.run(made)
    assert (ended.status, ended.error) == ("FAILED", "Easel.Failed")
    cause = json.loads(ended.cause or "")
    assert (cause["id"], cause["error"]["code"]) == (made.id, "validation")
    assert run.functions.called == ["Submit", "Settle"]
    assert run.retries == []


def test_vendor_that_is_out_of_order_is_asked_again_with_growing_pauses(machine: Make) -> None:
    scene = Scene(mule_error(503), NotSentError("refused"), mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene)
    assert run.run(made).status == "SUCCEEDED"
    assert run.functions.called == ["Submit"] * 3 + ["Persist", "Settle"]
    assert len(run.retries) == 2
    assert all(0 <= seconds <= 20 for seconds in run.retries)
    assert len(scene.now(made).attempts) == 3


@pytest.mark.parametrize(("http", "asks", "code"), [(429, 6, "rate_limit"), (503, 4, "transient")])
def test_vendor_that_stays_out_of_order_ends_the_generation(
    machine: Make, http: int, asks: int, code: str
) -> None:
    scene = Scene(*[mule_error(http)] * 20)
    made = scene.create()
    run = machine(scene)
    ended = run.run(made)
    assert (ended.status, ended.error) == ("FAILED", "Easel.Failed")
    assert run.functions.called == ["Submit"] * asks + ["Settle"]
    error = scene.now(made).error
    assert error is not None
    assert (error.code, error.retryable) == (code, True)
    assert all(seconds <= 60 for seconds in run.retries)


def test_lost_answer_is_never_asked_for_again(machine: Make) -> None:
    scene = Scene(AnswerLostError("time"), mule_completed())
    made = scene.create()
    run = machine(scene)
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called == ["Submit", "Settle"]
    assert len(scene.script.asked) == 1


class KilledError(Exception):
    """The function's process died."""


def test_function_that_died_while_it_asked_leaves_an_unknown_and_ends_the_generation(machine: Make) -> None:
    scene = Scene(KilledError("out of memory"), mule_completed())
    made = scene.create()
    run = machine(scene)
    assert run.run(made).error == "Easel.Failed"
    assert len(scene.script.asked) == 1
    attempt = scene.attempt(made)
    assert (attempt.state.value, attempt.possibly_billed) == ("unknown", attempt.quoted)


def test_step_that_breaks_goes_to_the_one_exit_with_what_was_caught(machine: Make) -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    run = machine(scene, Poll=[KilledError("out of memory")])
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called == ["Submit", "Poll", "Settle"]
    error = scene.now(made).error
    assert error is not None
    assert error.code == "internal"


@pytest.mark.parametrize("step", ["Submit", "Poll", "Persist", "Settle"])
def test_lost_race_is_run_again_and_harms_nothing(machine: Make, step: str) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene, **{step: [VersionConflictError("raced")] * 2})
    assert run.run(made).status == "SUCCEEDED"
    assert run.functions.called.count(step) == 3
    assert len(run.retries) == 2


def test_broken_image_is_fetched_three_times_and_then_is_the_vendors_failure(machine: Make) -> None:
    scene = Scene(mule_completed(), links={LINK: picture()[:-1]})
    made = scene.create()
    run = machine(scene)
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called == ["Submit"] + ["Persist"] * 3 + ["Settle"]
    error = scene.now(made).error
    assert error is not None
    assert error.code == "image_invalid"
    assert scene.attempt(made).billed == scene.attempt(made).quoted, "the vendor delivered, and bills it"


def test_deadline_ends_the_loop(machine: Make) -> None:
    scene = Scene(mule_submitted(), *[mule_task("running")] * 1000)
    made = scene.create(deadline_seconds=120)
    run = machine(scene)
    ended = run.run(made)
    assert (ended.status, ended.error) == ("FAILED", "Easel.Expired")
    assert scene.now(made).ended_at is not None
    late = (scene.clock.now() - made.deadline_at).total_seconds()
    assert 0 <= late <= 2


def test_end_that_cannot_be_told_is_tried_again_and_then_said_to_be_so(machine: Make) -> None:
    scene = Scene(mule_error(400))
    made = scene.create()
    run = machine(scene, Settle=[ConnectionError("away")] * 3)
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called.count("Settle") == 4
    other = scene.creator.create("t", made.request)
    scene.script.answers.append(mule_error(400))
    run = machine(scene, Settle=[ConnectionError("away")] * 100)
    ended = run.run(other)
    assert (ended.status, ended.error) == ("FAILED", "Easel.NotSettled")
    assert run.functions.called.count("Settle") == 7


def test_only_ids_words_and_seconds_travel_between_the_steps(machine: Make) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create(prompt="PLANTED-PROMPT")
    run = machine(scene)
    assert run.run(made).status == "SUCCEEDED"
    for state in run.functions.states[:-1]:
        assert set(json.loads(state)) == {"id", "next", "wait_seconds"}
    assert "PLANTED-LINK" not in "".join(run.functions.states)
