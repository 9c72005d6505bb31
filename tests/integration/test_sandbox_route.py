"""The sandbox route on the local stack: a picture's whole way through the public API, for nothing."""

import json
import uuid
from decimal import Decimal

import pytest
import urllib3

from easel.domain.sizes import Size
from easel.sandbox import draw
from local.stack import LocalStack
from tests.integration.account_caller import AccountCaller, Answers
from tests.integration.easel_caller import EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

NOTHING = {"amount": "0", "currency": "USD"}


@pytest.fixture
def penniless(stack: LocalStack, caller: EaselCaller) -> EaselCaller:
    """A caller who may not spend a cent, nor have two pictures made at a time."""
    limits = {"usd_per_day": "0.001", "concurrency": 1}
    said = {"tenant": f"sandbox-{uuid.uuid4().hex[:8]}", "limits": limits}
    return EaselCaller(stack.url, caller.call("POST", "/v1/keys", said).body["secret"])


def test_picture_goes_its_whole_way_and_is_paid_by_nobody(stack: LocalStack, penniless: EaselCaller) -> None:
    answers, prompt = Answers(stack, "sandbox-route"), f"a fox {uuid.uuid4().hex}"
    asked = {"model": "sandbox", "prompt": prompt, "size": "16:9", "seed": 7}
    made = penniless.create(asked)
    assert penniless.call("POST", "/v1/generations", asked).status == 429, "other limits hold as ever"
    ended = penniless.ended(made["id"])

    assert (ended["status"], ended["route"], ended["seed"]) == ("succeeded", "sandbox/picture", 7)
    (image,) = ended["images"]
    drawn = draw(Size(1664, 928), 7)
    assert (image["width"], image["height"], image["bytes"]) == (1664, 928, len(drawn))
    assert urllib3.request("GET", image["url"], timeout=10.0, retries=False).data == drawn
    assert AccountCaller(stack).kept(image["s3_uri"]) == drawn

    receipt = ended["receipt"]
    assert (receipt["quoted"], receipt["billed"], receipt["possibly_billed"]) == (NOTHING, NOTHING, None)
    assert (receipt["reserved"], receipt["usd"]["billed"]) == (NOTHING, NOTHING)
    assert Decimal(receipt["aws_estimate"]["amount"]) > 0
    (row,) = penniless.call("GET", "/v1/usage").body["data"]
    assert (row["route"], row["vendor"], row["images"]) == ("sandbox/picture", "Easel's sandbox", 1)
    assert Decimal(row["billed"]["amount"]) == 0

    assert answers.generation(prompt)["id"] == made["id"]
    assert prompt not in [task["prompt"] for task in sandbox_tasks(stack.sandbox_url)], "asked of a vendor"


def test_batches_and_workflows_may_have_pictures_of_it(stack: LocalStack, caller: EaselCaller) -> None:
    row = {"model": "sandbox", "prompt": f"an owl {uuid.uuid4().hex}"}
    plan = caller.call("POST", "/v1/batches", {"rows": [row], "dry_run": True})
    assert (plan.status, plan.body["rows"]["valid"], plan.body["estimated_cost_usd"]) == (200, 1, "0")
    execution = AccountCaller(stack).execute({"request": row})
    assert execution["status"] == "SUCCEEDED", execution
    assert json.loads(execution["output"])["route"] == "sandbox/picture"
