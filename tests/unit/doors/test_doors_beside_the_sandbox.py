"""The vendors' front doors answer what the sandbox vendors answer: two readings of one wire contract."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from easel.domain.generation import Status
from local.sandbox.server import SandboxServer
from tests.unit.doors.vendor_door import Answer, Api, delivering, ended_as, moved
from tests.unit.local.sandbox_caller import QUICK, Caller, Reply, input_image
from tests.unit.steps.vendor_words import LINK, mule_completed

GENERATION = "/vendors/alibaba/v1/qwen-image-max/generation"
EDIT = "/vendors/alibaba/v1/qwen-image-edit-max/generation"
RUN = "/api/v1/models/qwen-image-max/run"
NOBODYS_TASK = "2c5f0a3e-6a57-4b1e-9f5d-0f2f7c1d9a10"
GOOD: Mapping[str, dict[str, Any]] = {
    GENERATION: {"prompt": "a lighthouse"},
    EDIT: {"prompt": "a stormy sky", "images": [input_image()]},
    RUN: {"prompt": "a lighthouse", "generation_model": "qwen-image-max"},
}
# What is changed of a good body; both refuse it, or both take it.
CHANGES: Mapping[str, list[dict[str, Any]]] = {
    GENERATION: [
        {}, {"prompt": ""}, {"prompt": None}, {"prompt": 1}, {"prompt": "长" * 800}, {"prompt": "长" * 801},
        {"negative_prompt": None}, {"negative_prompt": ""}, {"negative_prompt": "x" * 501},
        {"size": "928*1664"}, {"size": ""}, {"size": "928x1664"}, {"size": "1000*1000"}, {"size": None},
        {"seed": 0}, {"seed": 2147483647}, {"seed": 2147483648}, {"seed": -1}, {"seed": 1.5}, {"seed": None},
        {"seed": True}, {"prompt_extend": False}, {"prompt_extend": None}, {"prompt_extend": 1},
        {"safety_filter": None}, {"safety_filter": "no"}, {"n": 1}, {"model": "qwen-image-max"},
    ],
    EDIT: [
        {}, {"n": 6}, {"n": 7}, {"n": 0}, {"n": "2"}, {"size": "512*2048"}, {"size": "511*1024"},
        {"size": "1024x1024"}, {"size": ""}, {"size": "1:1"}, {"images": []}, {"images": None},
        {"images": [""]}, {"images": [input_image()] * 3}, {"images": [input_image()] * 4},
        {"images": [input_image().partition(",")[2]]}, {"images": input_image()},
    ],
    RUN: [
        {}, {"prompt": ""}, {"prompt": "x" * 4000}, {"generation_model": "flux"}, {"aspect_ratio": "9:16"},
        {"aspect_ratio": "21:9"}, {"aspect_ratio": "21:9", "lora_weights": "owner/name"},
        {"aspect_ratio": "1328*1328"}, {"negative_prompt": "x" * 501}, {"negative_prompt": None},
        {"numberOfImages": 1}, {"numberOfImages": 2}, {"numberOfImages": 4, "lora_weights": "owner/name"},
        {"numberOfImages": 5, "lora_weights": "owner/name"}, {"lora_weights": ""}, {"lora_scale": 2},
        {"lora_scale": 2.5}, {"num_inference_steps": 27}, {"guidance": 2}, {"guidance": 5},
        {"go_fast": True}, {"go_fast": "yes"}, {"watermark": True}, {"watermark": None}, {"seed": 1.0},
        {"seed": 2147483648}, {"webhook_url": "https://example.com/hook"}, {"webhook_url": 7}, {"n": 1},
    ],
}  # fmt: skip
CASES = [(path, change) for path, changes in CHANGES.items() for change in changes]
OTHER_CALLS = [
    ("mulerouter", "GET", f"{GENERATION}/{NOBODYS_TASK}", None),
    ("mulerouter", "POST", f"{GENERATION}/{NOBODYS_TASK}", None),
    ("mulerouter", "GET", f"/v1/inference/qwen-image-max/{NOBODYS_TASK}/", None),
    ("mulerouter", "GET", GENERATION, None),
    ("mulerouter", "GET", f"{GENERATION}/", None),
    ("mulerouter", "DELETE", GENERATION, None),
    ("mulerouter", "POST", "/v1/inference/qwen-image-max", {"prompt": "a lighthouse"}),
    ("mulerouter", "POST", "/vendors/alibaba/v1/unknown/generation", {"prompt": "a lighthouse"}),
    ("mulerouter", "POST", "/nowhere", {}),
    ("mulerouter", "POST", GENERATION, "[]"),
    ("mulerouter", "POST", GENERATION, "{"),
    ("pixeldojo", "GET", "/api/v1/jobs/job_abc123", None),
    ("pixeldojo", "GET", "/api/v1/jobs/{job_id}", None),
    ("pixeldojo", "POST", "/api/v1/models/unknown/run", {"prompt": "a lighthouse"}),
    ("pixeldojo", "POST", "/nowhere", {}),
    ("pixeldojo", "POST", RUN, "[]"),
    ("pixeldojo", "POST", RUN, "{"),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(settings=QUICK) as running:
        yield running


def endpoint_of(path: str) -> str:
    return "pixeldojo" if path.startswith("/api/") else "mulerouter"


def shape(value: Any) -> Any:
    """Keys and types, all the way down."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def assert_alike(door: Answer, vendor: Reply) -> None:
    """The same status, and bodies of the same shape."""
    assert door.status == vendor.status, (door.body, vendor.json)
    assert shape(door.body) == shape(vendor.json)
    assert door.headers["content-type"] == vendor.headers["Content-Type"]
    assert ("traceparent" in door.headers) == ("traceparent" in vendor.headers)


@pytest.mark.parametrize(("path", "change"), CASES)
def test_submit_is_taken_or_refused_alike(sandbox: SandboxServer, path: str, change: dict[str, Any]) -> None:
    endpoint, body = endpoint_of(path), GOOD[path] | change
    vendor = Caller(sandbox, endpoint).post(path, body)
    assert vendor.status in (202, 400)
    door = Api().call("POST", f"/{endpoint}{path}", body=body)
    assert_alike(door, vendor)


@pytest.mark.parametrize(("endpoint", "method", "path", "body"), OTHER_CALLS)
def test_other_calls_are_answered_alike(
    sandbox: SandboxServer, endpoint: str, method: str, path: str, body: Any
) -> None:
    api, caller = Api(), Caller(sandbox, endpoint)
    if isinstance(body, dict):
        vendor, door = caller.post(path, body), api.call(method, f"/{endpoint}{path}", body=body)
    else:
        headers: dict[str, Any] = {} if body is None else {"content_type": "application/json"}
        vendor = caller.send(method, path, body and body.encode(), **headers)
        door = api.call(method, f"/{endpoint}{path}", raw=body, **headers)
    assert_alike(door, vendor)


@pytest.mark.parametrize("endpoint", ["mulerouter", "pixeldojo"])
def test_calls_without_a_key_are_refused_alike(sandbox: SandboxServer, endpoint: str) -> None:
    path = GENERATION if endpoint == "mulerouter" else RUN
    vendor = Caller(sandbox, endpoint, key=None).post(path, GOOD[path])
    door = Api().call("POST", f"/{endpoint}{path}", body=GOOD[path], key=None)
    assert_alike(door, vendor)
    if endpoint == "mulerouter":
        assert door.body["title"] == vendor.json["title"]


def test_mulerouters_task_is_told_alike_from_submit_to_links(sandbox: SandboxServer) -> None:
    caller, api = Caller(sandbox, "mulerouter"), delivering(mule_completed(), LINK)
    vendor = caller.post(GENERATION, GOOD[GENERATION])
    door = api.call("POST", f"/mulerouter{GENERATION}", body=GOOD[GENERATION])
    assert_alike(door, vendor)
    assert door.body["task_info"]["status"] == vendor.json["task_info"]["status"]
    task, job = (f"{GENERATION}/{answer['task_info']['id']}" for answer in (vendor.json, door.body))
    assert_alike(api.call("GET", f"/mulerouter{job}"), caller.get(task))
    done = caller.settle(lambda: caller.get(task), lambda body: body["task_info"]["status"] == "completed")
    moved(api)
    assert shape(api.call("GET", f"/mulerouter{job}").body) == shape(done)


def test_mulerouters_refused_prompt_is_told_alike(sandbox: SandboxServer) -> None:
    caller, api = Caller(sandbox, "mulerouter"), Api()
    body = {"prompt": "forbidden-content"}
    task = f"{GENERATION}/{caller.post(GENERATION, body).json['task_info']['id']}"
    failed = caller.settle(lambda: caller.get(task), lambda body: body["task_info"]["status"] == "failed")
    made = api.call("POST", f"/mulerouter{GENERATION}", body=body).body["task_info"]["id"]
    ended_as(api, Status.FAILED, "moderation")
    told = api.call("GET", f"/mulerouter{GENERATION}/{made}").body
    assert shape(told) == shape(failed)
    assert told["task_info"]["error"] == failed["task_info"]["error"]


def test_pixeldojos_job_is_told_alike_from_submit_to_its_end(sandbox: SandboxServer) -> None:
    caller, api = Caller(sandbox, "pixeldojo"), Api()
    vendor, door = caller.post(RUN, GOOD[RUN]), api.call("POST", f"/pixeldojo{RUN}", body=GOOD[RUN])
    assert_alike(door, vendor)
    assert door.body["creditCost"] == vendor.json["creditCost"]
    task, job = (f"/api/v1/jobs/{answer['jobId']}" for answer in (vendor.json, door.body))
    assert door.body["statusUrl"].endswith(f"/pixeldojo{job}")
    assert_alike(api.call("GET", f"/pixeldojo{job}"), caller.get(task))
    caller.settle(lambda: caller.get(task), lambda body: body["status"] == "completed")
    body = {"prompt": "forbidden-content"}
    task = f"/api/v1/jobs/{caller.post(RUN, body).json['jobId']}"
    failed = caller.settle(lambda: caller.get(task), lambda body: body["status"] == "failed")
    ended_as(api, Status.FAILED, "moderation")
    assert shape(api.call("GET", f"/pixeldojo{job}").body) == shape(failed)
