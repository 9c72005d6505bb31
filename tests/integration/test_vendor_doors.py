"""MuleRouter's and PixelDojo's front doors on the local stack: programs as the vendors' documents teach them,
and Easel's own adapters, which are clients of the same wire contracts."""

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from easel.aws.keys import put_api_key
from easel.domain.ask import Ask
from easel.domain.failure import FailureClass
from easel.domain.tenancy import ApiKey
from easel.transport import HttpTransport
from easel.vendors.base import Adapter, Failed, Pending, PollAnswer, VendorTask
from easel.vendors.mulerouter import MuleRouter
from easel.vendors.pixeldojo import PixelDojo
from local.stack import LocalStack
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.unit.local.sandbox_caller import input_image, size_of

pytestmark = pytest.mark.stack

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.3


def http_json(method: str, url: str, key: str, body: dict[str, Any] | None = None) -> Any:
    """What the vendors' samples do with `requests`; raises HTTPError for a refusal."""
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def download(url: str) -> bytes:
    """The bytes behind a result link, without the key."""
    with urllib.request.urlopen(url, timeout=30) as response:
        data: bytes = response.read()
        return data


def mulerouter_program(base: str, key: str, model: str, body: dict[str, Any]) -> list[bytes]:
    """Submit, ask every moment until it is completed, download."""
    url = f"{base}/vendors/alibaba/v1/{model}/generation"
    task_id = http_json("POST", url, key, body)["task_info"]["id"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        result = http_json("GET", f"{url}/{task_id}", key)
        status = result["task_info"]["status"]
        if status in ("completed", "succeeded"):
            return [download(image) for image in result["images"]]
        if status == "failed":
            raise RuntimeError(result["task_info"]["error"]["detail"])
        time.sleep(LOOK_SECONDS)
    raise TimeoutError


def pixeldojo_program(base: str, key: str, body: dict[str, Any]) -> list[bytes]:
    """Run a model, follow the address of its status until it is completed, download."""
    job = http_json("POST", f"{base}/models/qwen-image-max/run", key, body)
    assert job["statusUrl"] == f"{base}/jobs/{job['jobId']}"
    assert job["creditsRemaining"] > 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        result = http_json("GET", job["statusUrl"], key)
        if result["status"] == "completed":
            assert result["creditCost"] == job["creditCost"]
            return [download(image) for image in result["output"]["images"]]
        if result["status"] == "failed":
            raise RuntimeError(result["error"])
        time.sleep(LOOK_SECONDS)
    raise TimeoutError


def test_mulerouters_programs_draw_and_edit(stack: LocalStack) -> None:
    base = f"{stack.url}/mulerouter"
    prompt = f"a lighthouse for {base}"
    edit = {"prompt": prompt, "images": [input_image()], "n": 2, "size": "512*768"}
    with ThreadPoolExecutor(2) as threads:
        drawn = threads.submit(
            mulerouter_program, base, stack.api_key, "qwen-image-max", {"prompt": prompt, "seed": 7}
        )
        edited = threads.submit(mulerouter_program, base, stack.api_key, "qwen-image-edit-max", edit)
        assert [size_of(image) for image in drawn.result()] == [(1664, 928)]
        assert [size_of(image) for image in edited.result()] == [(512, 768)] * 2
    bought = [task for task in sandbox_tasks(stack.sandbox_url) if task["prompt"] == prompt]
    assert {(task["endpoint"], task["model"]) for task in bought} == {
        ("mulerouter", "qwen-image-max"),
        ("mulerouter", "qwen-image-edit-max"),
    }
    assert len(bought) == 2


def test_pixeldojos_programs_draw_with_the_default_model_and_with_a_lora(stack: LocalStack) -> None:
    base = f"{stack.url}/pixeldojo/api/v1"
    prompt = f"a lighthouse for {base}"
    lora = {
        "prompt": prompt, "lora_weights": "owner/name", "lora_scale": 0.8, "aspect_ratio": "21:9",
        "numberOfImages": 2,
    }  # fmt: skip
    with ThreadPoolExecutor(2) as threads:
        plain = threads.submit(pixeldojo_program, base, stack.api_key, {"prompt": prompt})
        styled = threads.submit(pixeldojo_program, base, stack.api_key, lora)
        assert [size_of(image) for image in plain.result()] == [(1328, 1328)]
        assert len(styled.result()) == 2
    bought = [task for task in sandbox_tasks(stack.sandbox_url) if task["prompt"] == prompt]
    assert {(task["endpoint"], task["model"]) for task in bought} == {
        ("pixeldojo", "qwen-image-plus"),
        ("pixeldojo", "qwen-image-lora"),
    }
    assert len(bought) == 2


def test_catalogue_of_pixeldojo_is_read_without_a_key(stack: LocalStack) -> None:
    with urllib.request.urlopen(f"{stack.url}/pixeldojo/api/v1/models", timeout=30) as response:
        (model,) = json.load(response)["models"]
    assert model["apiId"] == "qwen-image-max"


def adapter_run(stack: LocalStack, adapter: Adapter, base: str, ask: Ask) -> PollAnswer:
    """What Easel itself reads from a door that is told to it as a vendor."""
    transport = HttpTransport((stack.url.removeprefix("http://"),))
    request = adapter.build_submit(ask)
    headers = {**request.headers, **adapter.authorize(stack.api_key)}
    taken = adapter.read_submit(
        transport.send("POST", base + request.path, headers, request.body, timeout_seconds=30)
    )
    assert isinstance(taken, Pending)
    poll = adapter.build_poll(VendorTask(ask.model, taken.task_id))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = transport.send(poll.method, base + poll.path, headers, None, timeout_seconds=30)
        told = adapter.read_poll(answer)
        if not isinstance(told, Pending):
            return told
        assert told.known
        time.sleep(LOOK_SECONDS)
    raise TimeoutError


def test_prompt_that_every_vendor_refuses_is_a_moderated_task_to_easels_own_adapters(
    stack: LocalStack,
) -> None:
    ask = Ask(model="qwen-image-max", prompt="forbidden-content at a door")
    doors: list[tuple[Adapter, str]] = [
        (MuleRouter(), f"{stack.url}/mulerouter"),
        (PixelDojo(), f"{stack.url}/pixeldojo"),
    ]
    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(lambda door: adapter_run(stack, door[0], door[1], ask), doors))
    for answer in told:
        assert isinstance(answer, Failed)
        assert answer.failure.failure_class is FailureClass.MODERATION


def test_what_one_tenant_asked_for_is_unknown_to_another(stack: LocalStack, caller: EaselCaller) -> None:
    put_api_key(
        stack.aws.client("dynamodb"), stack.outputs["TableName"], "ezl_doors",
        ApiKey(id="key_doors", tenant="doors", prefix="ezl_doors"),
    )  # fmt: skip
    stranger = EaselCaller(stack.url, "ezl_doors")
    generation = "/mulerouter/vendors/alibaba/v1/qwen-image-max/generation"
    task_id = caller.call("POST", generation, {"prompt": "a secret lighthouse"}).body["task_info"]["id"]
    answer = stranger.call("GET", f"{generation}/{task_id}")
    assert (answer.status, answer.body["error_code"]) == (404, 3000)
    job_id = caller.call("GET", "/v1/generations?limit=1").body["data"][0]["id"].replace("gen_", "job_")
    answer = stranger.call("GET", f"/pixeldojo/api/v1/jobs/{job_id}")
    assert (answer.status, answer.body["error"]["code"]) == (404, "not_found")
    assert caller.call("GET", f"/pixeldojo/api/v1/jobs/{job_id}").status == 200


@pytest.mark.parametrize(
    ("path", "body", "shape"),
    [
        (
            "/mulerouter/vendors/alibaba/v1/qwen-image-max/generation",
            {"prompt": "", "n": 2},
            {"status", "title", "detail", "instance", "error_code"},
        ),
        ("/pixeldojo/api/v1/models/qwen-image-max/run", {"prompt": "x", "numberOfImages": 2}, {"error"}),
    ],
)
def test_refusal_is_in_the_vendors_form(
    caller: EaselCaller, path: str, body: dict[str, Any], shape: set[str]
) -> None:
    answer = caller.call("POST", path, body)
    assert (answer.status, set(answer.body)) == (400, shape)
    assert answer.headers["content-type"] == "application/json"
