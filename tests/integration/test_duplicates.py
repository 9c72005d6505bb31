"""Every event and asynchronous invocation comes twice (`local/duplicates.py`): what both do is done once."""

import base64
import io
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from local.stack import LocalStack
from tests.integration.account_caller import AccountCaller, Answers, Inbox, received
from tests.integration.easel_caller import EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.2
ROUTE = "mulerouter/qwen-image-max"


@pytest.fixture(scope="module")
def answers(stack: LocalStack) -> Answers:
    """What Easel tells from now on."""
    return Answers(stack, "duplicates")


def lines_in(text: str) -> Iterator[dict[str, Any]]:
    """What functions logged in a line of the emulator's log; two may stand in one, as threads write."""
    end = 0
    while (start := text.find("] {", end)) >= 0:
        try:
            line, end = json.JSONDecoder().raw_decode(text, start + 2)
        except ValueError:
            end = start + 2
        else:
            yield line


def logged(stack: LocalStack, message: str, field: str, value: str) -> list[dict[str, Any]]:
    """The functions' log lines of this message with this value, once there are two; else what there is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        texts = (stack.settings.data / "emulator.log").read_text().splitlines()
        lines = [line for text in texts if f'"{value}"' in text for line in lines_in(text)]
        found = [line for line in lines if line["message"] == message and line.get(field) == value]
        if len(found) >= 2 or time.monotonic() > deadline:
            return found
        time.sleep(LOOK_SECONDS)


def bought(stack: LocalStack, prompt: str) -> int:
    """How often a vendor took the prompt."""
    return sum(task["prompt"] == prompt for task in sandbox_tasks(stack.sandbox_url))


def png() -> bytes:
    """A small picture."""
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), (9, 90, 60)).save(picture, "PNG")
    return picture.getvalue()


@dataclass(frozen=True)
class Asked:
    """Two of each way in: the second delivery comes at the same time in one half of the cases, or later.

    Prompts by the event's id, by the batch's source, of the edits, and by the id of a generation whose
    execution was ended from outside.
    """

    events: dict[str, str]
    files: dict[str, str]
    edits: list[str]
    left: dict[str, str]


@pytest.fixture(scope="module")
def asked(
    stack: LocalStack, caller: EaselCaller, account: AccountCaller, answers: Answers, inbox: Inbox
) -> Asked:
    """All of it at once."""
    given = Asked({}, {}, [], {})
    for number in range(2):
        prompt = f"left lying {uuid.uuid4()} [sandbox: slow-task=4]"
        made = caller.create({"model": "qwen-image-max", "prompt": prompt, "route": ROUTE})
        given.left[made["id"]] = prompt
        prompt = f"asked once {uuid.uuid4()}"
        given.events[account.publish({"model": "qwen-image-max", "prompt": prompt})] = prompt
        prompt, key = f"rows once {uuid.uuid4()}", f"requests/once-{number}.jsonl"
        inbox.drop(key, json.dumps({"model": "qwen-image-max", "prompt": prompt}))
        given.files[f"s3://{inbox.bucket}/{key}"] = prompt
        prompt = f"edited once {uuid.uuid4()}"
        inbox.drop(f"edits/only-{number}.png", png(), prompt=prompt)
        given.edits.append(prompt)
    machine = stack.outputs["GenerateStateMachineArn"].replace(":stateMachine:", ":execution:")
    for made_id, prompt in given.left.items():
        deadline = time.monotonic() + PATIENCE_SECONDS
        while bought(stack, prompt) == 0 and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        stack.aws.client("stepfunctions").stop_execution(executionArn=f"{machine}:{made_id}")
    return given


def test_an_event_that_comes_twice_makes_one_generation(
    asked: Asked, stack: LocalStack, answers: Answers
) -> None:
    for event_id, prompt in asked.events.items():
        generation = answers.generation(prompt)
        taken = logged(stack, "taken in", "event_id", event_id)
        assert [line["made"] for line in taken] == [generation["id"]] * 2
        assert bought(stack, prompt) == 1


def test_a_file_whose_event_comes_twice_makes_one_batch(
    asked: Asked, stack: LocalStack, answers: Answers
) -> None:
    for source, prompt in asked.files.items():

        def is_wanted(batch: dict[str, Any], source: str = source) -> bool:
            return bool(batch["source"] == source)

        batch = answers.wait_for("Image Batch Completed", is_wanted)
        assert len(logged(stack, "taken in", "made", batch["id"])) == 2
        assert batch["rows"]["total"] == 1
        assert bought(stack, prompt) == 1


def test_an_edit_whose_event_comes_twice_makes_one_generation(
    asked: Asked, stack: LocalStack, answers: Answers
) -> None:
    for prompt in asked.edits:
        generation = answers.generation(prompt)
        assert len(logged(stack, "taken in", "made", generation["id"])) == 2
        assert bought(stack, prompt) == 1


def test_a_generation_that_two_reconcile_is_bought_and_ended_once(
    asked: Asked, stack: LocalStack, caller: EaselCaller, answers: Answers
) -> None:
    for made_id, prompt in asked.left.items():
        assert caller.ended(made_id)["status"] == "succeeded"
        assert len(logged(stack, "reconciled", "carried_id", made_id)) == 2
        assert bought(stack, prompt) == 1
        assert answers.generation(prompt)["id"] == made_id


def test_another_target_of_the_bus_gets_each_event_twice(stack: LocalStack, account: AccountCaller) -> None:
    sqs, bus = stack.aws.client("sqs"), stack.aws.client("events")
    queue = sqs.create_queue(QueueName="twice")["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    rule = {"Rule": "twice", "EventBusName": stack.outputs["EventBusName"]}
    bus.put_rule(Name="twice", EventBusName=rule["EventBusName"], EventPattern='{"detail-type": ["Twice"]}')
    bus.put_targets(**rule, Targets=[{"Id": "queue", "Arn": told["QueueArn"]}])
    event_id = account.publish({"nonce": base64.b64encode(b"twice").decode()}, "Twice")
    ids: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(ids) < 2 and time.monotonic() < deadline:
        ids += [message["id"] for message in received(sqs, queue)]
    assert ids == [event_id] * 2
