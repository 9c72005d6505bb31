"""The event bus, the dead letters and the state machine, as AWS's clients are called."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from easel.aws.clients import CONFIG
from easel.aws.events import EventBridgeBus, EventNotTakenError, SqsDeadLetters
from easel.aws.workflow import NoWorkflow, StepFunctionsWorkflow
from easel.errors import SettingsError, WorkflowBusyError


class Bus:
    """A client of EventBridge."""

    def __init__(self, failed: int = 0) -> None:
        self.failed = failed
        self.entries: list[dict[str, Any]] = []

    def put_events(self, **asked: list[dict[str, Any]]) -> dict[str, Any]:
        self.entries += asked.pop("Entries")
        assert not asked
        return {"FailedEntryCount": self.failed, "Entries": [{"ErrorCode": "ThrottlingException"}]}


def test_event_goes_to_the_bus_from_easel_with_its_detail() -> None:
    bus = Bus()
    EventBridgeBus(bus, "easel-dev").publish("Image Generation Succeeded", {"id": "gen_1", "p": "\u4e2d"})
    (entry,) = bus.entries
    assert (entry["EventBusName"], entry["Source"]) == ("easel-dev", "easel")
    assert entry["DetailType"] == "Image Generation Succeeded"
    assert json.loads(entry["Detail"]) == {"id": "gen_1", "p": "\u4e2d"}


def test_detail_takes_no_more_bytes_than_its_text() -> None:
    bus = Bus()
    EventBridgeBus(bus, "b").publish("t", {"p": "\U0001f308" * 1000})
    assert len(bus.entries[0]["Detail"].encode()) < 4100, (
        "an escaped one takes twelve bytes, and 256 KB is all"
    )


def test_event_that_the_bus_did_not_take_is_an_error_although_the_call_succeeded() -> None:
    with pytest.raises(EventNotTakenError, match="ThrottlingException"):
        EventBridgeBus(Bus(failed=1), "b").publish("t", {})


class Queue:
    """A client of SQS."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []

    def send_message(self, **asked: str) -> None:
        self.sent.append(asked)


def test_dead_letter_is_one_message_of_json_in_its_queue() -> None:
    queue, letter = Queue(), {"reason": {"code": "invalid_request"}, "event": {"p": "\u4e2d"}}
    SqsDeadLetters(queue, "https://queue").put(letter)
    (sent,) = queue.sent
    assert set(sent) == {"QueueUrl", "MessageBody"}
    assert sent["QueueUrl"] == "https://queue"
    assert json.loads(sent["MessageBody"]) == letter


def test_letter_that_is_too_long_for_a_message_keeps_all_but_the_detail() -> None:
    queue, event = Queue(), {"id": "e1", "detail": {"prompt": ""}}
    frame = len(json.dumps({"reason": "r", "event": event}).encode())
    for more, kept in ((0, True), (1, False)):
        event["detail"] = {"prompt": "\u00e9" * 8 + "x" * (1024 * 1024 - frame - 16 + more)}
        SqsDeadLetters(queue, "https://queue").put({"reason": "r", "event": event})
        body = json.loads(queue.sent[-1]["MessageBody"])
        assert (body["reason"], body["event"]["id"]) == ("r", "e1")
        assert body["event"]["detail"] == (event["detail"] if kept else None)


@pytest.mark.parametrize("text", ["\ud800", "x\udfff", "\ufffe", "\uffff", "\x00\n\u2028 \U0001f308"])
def test_what_no_message_may_hold_is_escaped_and_reads_as_it_was(text: str) -> None:
    queue, bus = Queue(), Bus()
    SqsDeadLetters(queue, "https://queue").put({"event": text})
    EventBridgeBus(bus, "b").publish("t", {"event": text})
    for said in (queue.sent[0]["MessageBody"], bus.entries[0]["Detail"]):
        said.encode()
        assert not {"\ufffe", "\uffff"} & set(said)
        assert json.loads(said) == {"event": text}


class Machine:
    """A client of Step Functions. `status` is what it says of every execution, `started_ago` is when the one
    that runs was started."""

    def __init__(
        self,
        code: str | None = None,
        status: str = "RUNNING",
        start_code: str | None = None,
        started_ago: float = 0,
    ) -> None:
        self.code, self.start_code = code, start_code or code
        self.status, self.started_ago = status, started_ago
        self.started: list[dict[str, str]] = []
        self.described: list[str] = []

    def describe_execution(self, **asked: str) -> dict[str, str]:
        self.described.append(asked.pop("executionArn"))
        assert not asked
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": "m"}}, "DescribeExecution")
        return {"status": self.status}

    def start_execution(self, **asked: str) -> dict[str, datetime]:
        self.started.append(asked)
        if self.start_code:
            raise ClientError({"Error": {"Code": self.start_code, "Message": "m"}}, "StartExecution")
        return {"startDate": datetime.now(UTC) - timedelta(seconds=self.started_ago)}


def test_execution_is_named_by_the_generation_and_carries_its_id_alone() -> None:
    machine = Machine()
    StepFunctionsWorkflow(machine, "arn").start("gen_1")
    (asked,) = machine.started
    assert (asked["stateMachineArn"], asked["name"]) == ("arn", "gen_1")
    assert json.loads(asked["input"]) == {"id": "gen_1"}


def test_starting_again_is_harmless() -> None:
    machine = Machine("ExecutionAlreadyExists")
    StepFunctionsWorkflow(machine, "arn").start("gen_1")
    assert len(machine.started) == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "ExecutionLimitExceeded"])
def test_start_that_is_put_off_is_told_apart_from_one_that_fails(code: str) -> None:
    with pytest.raises(WorkflowBusyError, match=code):
        StepFunctionsWorkflow(Machine(code), "arn").start("gen_1")
    with pytest.raises(WorkflowBusyError, match=code):
        StepFunctionsWorkflow(Machine(code), MACHINE).go_on("gen_1", 0, CALLERS)


@pytest.mark.parametrize("code", ["AccessDeniedException", "StateMachineDoesNotExist"])
def test_any_other_refusal_is_an_error(code: str) -> None:
    with pytest.raises(ClientError, match=code):
        StepFunctionsWorkflow(Machine(code), "arn").start("gen_1")


def test_later_executions_bear_their_number() -> None:
    machine = Machine()
    StepFunctionsWorkflow(machine, "arn").start("gen_1", 3)
    (asked,) = machine.started
    assert asked["name"] == "gen_1-3"
    assert json.loads(asked["input"]) == {"id": "gen_1"}


MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:easel-generate-dev"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:easel-generate-dev"
CALLERS = "arn:aws:states:eu-west-1:123456789012:execution:easel-generate-dev:a-name-of-the-callers"
STATUSES = [
    ("RUNNING", "carried"), ("PENDING_REDRIVE", "over"), ("FAILED", "over"), ("TIMED_OUT", "over"),
    ("ABORTED", "over"), ("SUCCEEDED", "over"),
]  # fmt: skip


def test_execution_that_was_not_there_is_started_and_nothing_is_asked() -> None:
    machine = Machine()
    assert StepFunctionsWorkflow(machine, MACHINE).go_on("gen_1", 2) == "restarted"
    (asked,) = machine.started
    assert asked["name"] == "gen_1-2"
    assert machine.described == []


def test_start_of_one_that_runs_is_answered_with_it_and_nothing_is_asked() -> None:
    machine = Machine(started_ago=61)
    assert StepFunctionsWorkflow(machine, MACHINE).go_on("gen_1", 0) == "carried"
    assert machine.described == []


@pytest.mark.parametrize(("status", "carriage"), STATUSES)
def test_of_one_whose_name_is_taken_is_asked_how_it_stands(status: str, carriage: str) -> None:
    machine = Machine(start_code="ExecutionAlreadyExists", status=status)
    assert StepFunctionsWorkflow(machine, MACHINE).go_on("gen_1", 0) == carriage
    assert machine.described == [f"{EXECUTION}:gen_1"]


def test_generation_that_a_callers_execution_carries_is_asked_for_by_that_ones_arn() -> None:
    machine = Machine()
    workflow = StepFunctionsWorkflow(machine, MACHINE)
    assert workflow.go_on("gen_1", 0, CALLERS) == "carried"
    assert (machine.started, machine.described) == ([], [CALLERS])
    assert workflow.go_on("gen_1", 1, CALLERS) == "restarted", "the second one is ours"


def test_callers_execution_that_is_not_there_is_over() -> None:
    machine = Machine("ExecutionDoesNotExist")
    assert StepFunctionsWorkflow(machine, MACHINE).go_on("gen_1", 0, CALLERS) == "over"


def test_where_callers_carry_their_generations_none_is_started_or_asked_for() -> None:
    with pytest.raises(SettingsError):
        NoWorkflow().start("gen_1")
    with pytest.raises(SettingsError):
        NoWorkflow().go_on("gen_1", 0)


def test_question_that_is_refused_is_an_error_and_no_answer() -> None:
    with pytest.raises(ClientError, match="AccessDeniedException"):
        StepFunctionsWorkflow(Machine("AccessDeniedException"), MACHINE).go_on("gen_1", 0, CALLERS)


def test_aws_calls_have_time_outs_and_bounded_retries() -> None:
    settings: Any = CONFIG
    assert 0 < settings.connect_timeout <= 5
    assert 0 < settings.read_timeout <= 15
    assert settings.retries["total_max_attempts"] <= 5
