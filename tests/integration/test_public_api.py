"""The public API on the local stack: what a caller sees, and what is written and bought."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from easel.aws.keys import put_api_key
from easel.domain.tenancy import ApiKey
from local.stack import LocalStack
from tests.integration.account_caller import until
from tests.integration.easel_caller import Answer, EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

GOOD = {"model": "qwen-image-max", "prompt": "an owl reading by candlelight", "size": "1:1"}


@pytest.fixture(scope="module")
def other(stack: LocalStack) -> EaselCaller:
    """A caller of another tenant."""
    key = ApiKey(id="key_other", tenant="other", prefix="ezl_other")
    put_api_key(stack.aws.client("dynamodb"), stack.outputs["TableName"], "ezl_other", key)
    return EaselCaller(stack.url, "ezl_other")


def statuses(stack: LocalStack) -> list[str]:
    """Of all generations that are recorded."""
    answer = stack.aws.client("dynamodb").scan(
        TableName=stack.outputs["TableName"],
        FilterExpression="sk = :gen",
        ExpressionAttributeValues={":gen": {"S": "gen"}},
        ConsistentRead=True,
    )
    return [item["status"]["S"] for item in answer["Items"]]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"model": "qwen-image-max", ', 400, None),
        ({**GOOD, "promt": "typo"}, 422, "promt"),
        ({**GOOD, "n": "two"}, 422, "n"),
        ({**GOOD, "n": 3}, 422, "n"),
        ({**GOOD, "prompt": "x" * 4001}, 422, "prompt"),
        ({**GOOD, "prompt": "x" * 801, "strict": True}, 422, "prompt"),
        ({**GOOD, "size": "1000*1000"}, 422, "size"),
        ({**GOOD, "images": ["https://example.com/a.png"]}, 422, "images"),
        ({"model": "qwen-image-edit-max", "prompt": "stormy sky"}, 422, "images"),
        (
            {**GOOD, "model": "qwen-image-edit-max", "images": ["https://example.com/a.png"] * 4},
            422,
            "images",
        ),
        ({**GOOD, "route": "aimlapi/qwen-image"}, 422, "route"),
        ({**GOOD, "route": "nobody/nothing"}, 422, "route"),
        ({**GOOD, "seed": -1}, 422, "seed"),
        ({**GOOD, "deadline_seconds": 5}, 422, "deadline_seconds"),
        ({**GOOD, "model": "qwen-image-lora"}, 422, "lora"),
    ],
)
def test_bad_input_names_the_field_and_writes_and_buys_nothing(
    body: Any, status: int, field: str | None, caller: EaselCaller, stack: LocalStack
) -> None:
    until(lambda: not {"queued", "submitting"} & set(statuses(stack)), "others' are still to be asked for")
    recorded, bought = len(statuses(stack)), len(sandbox_tasks(stack.sandbox_url))
    answer = caller.call("POST", "/v1/generations", body)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["status"] == status
    if field is not None:
        problems = [one for one in answer.body["errors"] if one["field"] == field]
        assert problems, answer.body
        assert problems[0]["message"]
    assert (len(statuses(stack)), len(sandbox_tasks(stack.sandbox_url))) == (recorded, bought)


def test_concurrent_posts_with_one_idempotency_key_make_one_generation(
    caller: EaselCaller, stack: LocalStack
) -> None:
    key, body = str(uuid.uuid4()), {**GOOD, "prompt": f"idempotent owl {uuid.uuid4()}"}

    def post(_: int) -> Answer:
        return caller.call("POST", "/v1/generations", body, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(post, range(10)))
    assert {answer.status for answer in answers} <= {202, 200}, "200: it had ended by then"
    (made,) = {answer.body["id"] for answer in answers}
    caller.ended(made)
    assert [task["prompt"] for task in sandbox_tasks(stack.sandbox_url)].count(body["prompt"]) == 1
    other = caller.call("POST", "/v1/generations", {**body, "seed": 1}, headers={"Idempotency-Key": key})
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")


def test_a_refused_prompt_ends_as_failed_with_the_vendors_reason_and_no_bill(caller: EaselCaller) -> None:
    body = {**GOOD, "model": "qwen-image-plus", "prompt": "forbidden-content"}
    body["route"] = "dashscope-intl/qwen-image-plus"
    generation = caller.ended(caller.create(body)["id"])
    assert generation["status"] == "failed"
    assert generation["error"]["code"] == "moderation"
    assert generation["error"]["vendor_code"] == "DataInspectionFailed"
    assert generation["images"] == []
    assert generation["receipt"]["billed"] is None


def test_a_prompt_over_a_routes_limit_is_cut_and_reported(caller: EaselCaller, stack: LocalStack) -> None:
    prompt = f"{uuid.uuid4()} " + "长" * 1000
    body = {**GOOD, "prompt": prompt, "route": "mulerouter/qwen-image-max"}
    generation = caller.ended(caller.create(body)["id"])
    assert generation["parameters"]["truncated"] == {"prompt": {"from": 1037, "to": 800}}
    received = [task["prompt"] for task in sandbox_tasks(stack.sandbox_url)]
    assert prompt[:800] in received


def test_the_list_is_newest_first_and_pages_to_its_end(caller: EaselCaller) -> None:
    made = [caller.create(GOOD)["id"] for _ in range(3)]
    seen: list[str] = []
    cursor = ""
    for _ in range(100):
        page = caller.call("GET", f"/v1/generations?limit=2{cursor}").body
        seen += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert seen == sorted(seen, reverse=True)
    assert set(made) <= set(seen)
    for generation_id in made:
        caller.ended(generation_id)


def test_another_tenants_generation_is_not_found(caller: EaselCaller, other: EaselCaller) -> None:
    generation = caller.create(GOOD)
    assert other.call("GET", f"/v1/generations/{generation['id']}").status == 404
    assert generation["id"] not in json.dumps(other.call("GET", "/v1/generations").body)
    caller.ended(generation["id"])


def test_executions_and_events_are_there_for_the_aws_cli(caller: EaselCaller, stack: LocalStack) -> None:
    generation = caller.ended(caller.create(GOOD)["id"])
    steps = stack.aws.client("stepfunctions")
    machine = stack.outputs["GenerateStateMachineArn"]
    executions = steps.list_executions(stateMachineArn=machine)["executions"]
    (mine,) = [one for one in executions if one["name"] == generation["id"]]
    assert mine["status"] == "SUCCEEDED"
    history = steps.get_execution_history(executionArn=mine["executionArn"])["events"]
    entered = [
        event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event
    ]
    assert entered[:2] == ["Submit to vendor", "What comes next"]
    assert entered[-1] == "Persist images"
    output = json.loads(steps.describe_execution(executionArn=mine["executionArn"])["output"])
    assert output["id"] == generation["id"]
    assert "url" not in output["images"][0]


def test_neither_prompts_nor_keys_nor_links_are_logged(caller: EaselCaller, stack: LocalStack) -> None:
    planted = f"planted-{uuid.uuid4().hex}"
    generation = caller.ended(caller.create({**GOOD, "prompt": planted, "metadata": {"note": planted}})["id"])
    assert generation["status"] == "succeeded"
    caller.call("POST", "/v1/generations", {**GOOD, "prompt": planted, "n": 99})
    log = "\n".join(file.read_text(errors="replace") for file in stack.settings.data.glob("*.log"))
    assert generation["id"] in log
    for secret in (planted, caller.key, "sandbox-key", "X-Amz-Signature", "/files/"):
        assert secret not in log
