"""A workflow of a caller's own that uses Easel: the sample, created beside it and run to each of its ends."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.stack import LocalStack
from tests.integration.account_caller import AccountCaller, sha256
from tests.integration.easel_caller import sandbox_tasks

pytestmark = pytest.mark.stack

SAMPLE = Path(__file__).parents[2] / "events" / "caller-workflow.asl.yaml"
REFUSED = "forbidden-content"  # by the sandbox vendors, as moderation does


@pytest.fixture(scope="module")
def workflow(account: AccountCaller, stack: LocalStack) -> str:
    """The sample as a state machine."""
    text = SAMPLE.read_text()
    assert text.count("${") == 2, "one substitution, and its mention in the comment"
    definition = text.replace("${GenerateStateMachineArn}", stack.outputs["GenerateStateMachineArn"])
    return account.make_workflow("shop-order", yaml.safe_load(definition))


def order(prompt: str, **request: Any) -> dict[str, Any]:
    """The workflow's input."""
    return {"order": "4711", "request": {"model": "qwen-image-plus", "prompt": prompt, **request}}


def test_the_callers_workflow_goes_on_with_the_picture(
    workflow: str, account: AccountCaller, stack: LocalStack
) -> None:
    prompt = f"for an order {uuid.uuid4()}"
    ended = account.execute(order(prompt, size="16:9"), workflow)
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    (task,) = [one for one in sandbox_tasks(stack.sandbox_url) if one["prompt"] == prompt]
    assert list(task["served"].values()) == [sha256(account.kept(output["picture"]))] == [output["sha256"]]
    assert (output["order"], output["width"], output["height"]) == ("4711", 1664, 928)
    assert output["billed"]["amount"]


def test_the_callers_workflow_learns_which_field_was_wrong(workflow: str, account: AccountCaller) -> None:
    ended = account.execute(order("an owl", size="1000*1000"), workflow)
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["order"] == "4711"
    assert output["refused"][0]["field"] == "size"


def test_the_callers_workflow_fails_with_easels_error_and_the_generation_as_its_cause(
    workflow: str, account: AccountCaller
) -> None:
    prompt = f"{REFUSED} {uuid.uuid4()}"
    ended = account.execute(order(prompt, route="dashscope-intl/qwen-image-plus"), workflow)
    assert (ended["status"], ended["error"]) == ("FAILED", "Easel.Failed")
    generation = json.loads(ended["cause"])
    assert (generation["request"]["prompt"], generation["error"]["code"]) == (prompt, "moderation")
    assert generation["receipt"]["billed"] is None
