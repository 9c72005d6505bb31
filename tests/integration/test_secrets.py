"""Planted secrets, searched for in everything that a whole scenario on a stack of its own leaves behind."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from local.settings import VendorAccess
from local.stack import LocalStack
from tests.fakes.http_server import Exchange, LocalServer
from tests.fakes.pictures import picture
from tests.integration.account_caller import AccountCaller, Answers, Inbox, listed, until
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import TERMINAL, EaselCaller
from tests.integration.test_kills import function_processes
from tests.integration.test_uploads import uploaded
from tests.integration.test_webhooks import delivered

pytestmark = pytest.mark.stack

MARK = "plant3d"  # in every secret below, and nowhere else
API_KEY = f"ezl_{MARK}-api-key"
SIGNING_SECRET = "whsec_" + f"{MARK}Signing".ljust(40, "0")  # 30 bytes in base64
OWN_SECRET = "whsec_" + f"{MARK}Webhook".ljust(40, "0")
PROMPT, NEGATIVE = f"a lighthouse, {MARK}-prompt", f"fog, {MARK}-negative"
TOKEN = f"{MARK}-token"
# What a link that opens something has in it: S3's signature, and where sandbox vendors keep their results.
OPENS = ("X-Amz-Signature=", "/files/")
ASYNC, SYNC = "mulerouter/qwen-image-max", "dashscope-intl/qwen-image-max"
ROTATED = "pixeldojo"


def vendor_key(endpoint: str, turn: int = 1) -> str:
    """The key that is planted for an endpoint."""
    return f"sk-{MARK}-{endpoint}-{turn}"


class Vendor(LocalServer):
    """A vendor that refuses everything, and remembers by which key it was asked."""

    def __init__(self) -> None:
        super().__init__(lambda exchange: self.refuse(exchange))

    def refuse(self, exchange: Exchange) -> None:
        words = {"code": "invalid_request", "message": f"no {PROMPT}", "status": 400}
        exchange.reply(400, {"error": words}, {"Content-Type": "application/json"})

    def keys(self) -> list[str]:
        """In the order in which they came."""
        return [one.headers["authorization"].removeprefix("Bearer ") for one in self.asked]


@dataclass
class Scene:
    """The stack, and what was said to its callers that were refused."""

    stack: LocalStack
    vendor: Vendor
    receiver: LocalServer
    answers: Answers
    refusals: list[str] = field(default_factory=list)

    @property
    def caller(self) -> EaselCaller:
        return EaselCaller(self.stack.url, API_KEY)

    def refused(self, method: str, path: str, body: Any = None, key: str = API_KEY) -> None:
        """One call that is refused."""
        answer = EaselCaller(self.stack.url, key).call(method, path, body)
        assert 400 <= answer.status < 500, answer
        self.refusals.append(json.dumps(answer.body))

    def bought(self, **fields: Any) -> dict[str, Any]:
        """A generation that has ended."""
        asked = {"model": "qwen-image-max", "prompt": PROMPT, "negative_prompt": NEGATIVE, **fields}
        return self.caller.ended(self.caller.create(asked)["id"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A stack with planted secrets alone, on which everything has happened once."""
    vendor, receiver = Vendor(), LocalServer(lambda exchange: exchange.reply(204))
    settings = stack_settings(tmp_path_factory.mktemp("secrets"))
    vendors = {
        name: VendorAccess(vendor_key(name), vendor.url, sandboxed=False)
        if name == ROTATED
        else VendorAccess(vendor_key(name), None, sandboxed=True)
        for name in settings.vendors
    }
    planted = replace(
        settings, vendors=vendors, api_key=API_KEY, webhook_secret=SIGNING_SECRET, vendor_limits="off"
    )
    with LocalStack(planted) as stack:
        made = Scene(stack, vendor, receiver, Answers(stack, "secrets"))
        happen_over_http(made)
        happen_inside_the_account(made)
        yield made
    vendor.stop()
    receiver.stop()


def happen_over_http(scene: Scene) -> None:
    """Generations that succeed, fail and are refused; a webhook, an upload and its edit, a rotation."""
    webhook = {"url": f"{scene.receiver.url}/told?token={TOKEN}", "secret": OWN_SECRET}
    told = scene.bought(route=ASYNC, webhook=webhook, metadata={"note": f"{MARK}-metadata"})
    assert (told["status"], delivered(scene.caller, told["id"])[0]["status"]) == ("succeeded", "delivered")
    assert scene.bought(route=SYNC)["status"] == "succeeded"
    assert scene.bought(route=SYNC, prompt=f"forbidden-content {PROMPT}")["status"] == "failed"
    photo = uploaded(scene.caller, picture("png", 800, 600))
    link = f"https://nowhere.invalid/a.png?token={TOKEN}"
    for image in (photo, link):
        scene.bought(model="qwen-image-edit-max", images=[image], route="mulerouter/qwen-image-edit-max")
    rotate(scene)
    asked = {"model": "qwen-image-max", "prompt": PROMPT}
    scene.refused("POST", "/v1/generations", {**asked, "n": 99})
    scene.refused("POST", "/v1/generations", {**asked, "webhook": f"https://10.0.0.1/?token={TOKEN}"})
    scene.refused("POST", "/v1/generations", f'{{"prompt": "{PROMPT}"')
    scene.refused("POST", "/v1/generations", asked, key=f"{API_KEY}-forged")
    scene.refused("POST", "/openai/v1/images/generations", {**asked, "n": 99}, key=f"{API_KEY}-forged")
    call = {"name": "generate_image", "arguments": {"prompt": PROMPT, "n": 99}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accept = {"Accept": "application/json, text/event-stream"}
    answer = scene.caller.call("POST", "/mcp", message, headers=accept)
    assert answer.body["result"]["isError"], answer.body
    scene.refusals.append(json.dumps(answer.body))


def happen_inside_the_account(scene: Scene) -> None:
    """A batch that was dropped, with rows that are refused; events and workflows, refused too."""
    webhook = {"url": f"{scene.receiver.url}/told?token={TOKEN}", "secret": OWN_SECRET}
    row = {"model": "qwen-image-max", "prompt": PROMPT, "route": ASYNC, "webhook": webhook}
    rows = [row, row | {"n": 99}]
    Inbox(scene.stack).drop("requests/a.jsonl", "\n".join(map(json.dumps, rows)))
    account = AccountCaller(scene.stack)
    account.publish({"model": "qwen-image-max", "prompt": PROMPT, "n": 99, "correlation_id": "c"})
    assert (
        account.execute({"request": {"model": "qwen-image-max", "prompt": PROMPT, "n": 99}})["status"]
        == "FAILED"
    )
    scene.answers.wait_for("Image Generation Rejected", lambda one: one["correlation_id"] == "c")
    scene.answers.wait_for("Image Batch Completed", lambda one: True)


def rotate(scene: Scene) -> None:
    """Another key for one vendor, put into Secrets Manager as an operator puts it, and nothing deployed."""
    asked: dict[str, Any] = {"route": "pixeldojo/qwen-image-max"}
    assert scene.bought(**asked)["status"] == "failed"
    secrets, name = scene.stack.aws.client("secretsmanager"), scene.stack.outputs["VendorKeysSecretArn"]
    keys = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    keys[ROTATED] = vendor_key(ROTATED, 2)
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(keys))
    for process in function_processes(scene.stack):  # may use the one that they know for five minutes more
        os.kill(process, signal.SIGKILL)
    until(lambda: again(scene, asked), "no function has come up again")
    assert scene.vendor.keys() == [vendor_key(ROTATED), vendor_key(ROTATED, 2)]


def again(scene: Scene, asked: dict[str, Any]) -> dict[str, Any] | None:
    """One try of a generation that has ended, or None where the function was ended in the middle."""
    body = {"model": "qwen-image-max", "prompt": PROMPT, **asked}
    answer = scene.caller.call("POST", "/v1/generations", body, headers={"Idempotency-Key": "again"})
    if answer.status >= 500:
        return None
    ended = scene.caller.call("GET", f"/v1/generations/{answer.body['id']}?wait=20")
    return dict(ended.body) if ended.body.get("status") in TERMINAL else None


# ── What is left behind ───────────────────────────────────────────────────────────────────────────────


def logs(scene: Scene) -> str:
    """All that any process wrote."""
    files = sorted(scene.stack.settings.data.glob("*.log"))
    return "\n".join(file.read_text(errors="replace") for file in files)


def executions(scene: Scene) -> str:
    """The input, the output and every event of each execution of each state machine."""
    steps = scene.stack.aws.client("stepfunctions")
    told: list[Any] = []
    for machine in steps.list_state_machines()["stateMachines"]:
        told.append(steps.describe_state_machine(stateMachineArn=machine["stateMachineArn"])["definition"])
        for one in steps.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
            told.append(steps.describe_execution(executionArn=one["executionArn"]))
            told.append(steps.get_execution_history(executionArn=one["executionArn"])["events"])
    return json.dumps(told, default=str)


def deployment(scene: Scene) -> str:
    """The stack's parameters and outputs, and each function's whole configuration."""
    stacks, functions = scene.stack.aws.client("cloudformation"), scene.stack.aws.client("lambda")
    told = [stacks.describe_stacks()["Stacks"]]
    told += [functions.get_function(FunctionName=one["FunctionName"])["Configuration"]
             for one in functions.list_functions()["Functions"]]  # fmt: skip
    return json.dumps(told, default=str)


def table(scene: Scene) -> str:
    """Every item."""
    pages = scene.stack.aws.client("dynamodb").get_paginator("scan")
    return json.dumps([page["Items"] for page in pages.paginate(TableName=scene.stack.outputs["TableName"])])


def objects(scene: Scene) -> str:
    """Every object of the image bucket, its key, metadata and bytes; but for the rows of batches, which lie
    there as they came."""
    s3, bucket = scene.stack.aws.client("s3"), scene.stack.outputs["ImageBucketName"]
    told = ""
    for key in listed(s3, bucket, ""):
        if "/work/rows/" in key:
            continue
        found = s3.get_object(Bucket=bucket, Key=key)
        told += f"{key} {found['Metadata']} {found['Body'].read().decode('latin-1')}\n"
    return told


def events(scene: Scene) -> str:
    """What was told on the bus."""
    return json.dumps(scene.answers.all_heard())


def letters(scene: Scene) -> str:
    """What could not be taken, which stays there."""
    sqs, queue = scene.stack.aws.client("sqs"), scene.stack.outputs["DeadLettersUrl"]
    look = {"MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "WaitTimeSeconds": 5}
    return json.dumps(sqs.receive_message(QueueUrl=queue, **look)["Messages"])


def refusals(scene: Scene) -> str:
    """What callers who were refused were told."""
    return "\n".join(scene.refusals)


PLACES = (logs, executions, deployment, table, objects, events, letters, refusals)
KEYS = (f"sk-{MARK}", API_KEY, SIGNING_SECRET, *OPENS)


@pytest.mark.parametrize("place", PLACES)
def test_keys_and_links_that_open_something_are_left_nowhere(
    place: Callable[[Scene], str], scene: Scene
) -> None:
    left = place(scene)
    assert len(left) > 500, "there was something to search in"
    assert not [secret for secret in KEYS if secret in left]


@pytest.mark.parametrize("place", [place for place in PLACES if place is not table])
def test_webhooks_own_secret_and_tokens_of_links_are_in_the_table_alone(
    place: Callable[[Scene], str], scene: Scene
) -> None:
    assert OWN_SECRET in table(scene)
    left = place(scene)
    assert OWN_SECRET not in left
    assert TOKEN not in left


@pytest.mark.parametrize("place", [logs, deployment, refusals])
def test_callers_words_are_in_no_log_and_no_refusal(place: Callable[[Scene], str], scene: Scene) -> None:
    assert MARK in table(scene)
    assert MARK not in place(scene).replace(API_KEY, "")


@pytest.mark.parametrize("place", [logs, executions, table, objects, events])
def test_what_is_searched_tells_of_the_generations(place: Callable[[Scene], str], scene: Scene) -> None:
    assert "gen_" in place(scene)
    assert scene.vendor.keys() == [vendor_key(ROTATED), vendor_key(ROTATED, 2)], "and the rotation was seen"


def test_functions_log_what_they_have_to_say_and_no_librarys_small_talk(scene: Scene) -> None:
    said = logs(scene)
    assert '"level":"INFO"' in said
    assert "botocore" not in said
