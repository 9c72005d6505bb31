"""The doors of DashScope and AI/ML API and the sandbox vendors, asked the same: both were written from the
vendors' documents, neither from the other. The doors' generations are bought from the sandbox."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from easel.transport import HttpTransport
from easel.wiring.trust import tls
from local.sandbox.engine import CENSORED_WORD
from local.sandbox.server import SandboxServer
from tests.fakes.scene import Scene
from tests.unit.doors.calls import KEY, Answer, Api
from tests.unit.doors.carried import carrying
from tests.unit.local.sandbox_caller import QUICK, Caller, input_image

ENDPOINTS = {"/dashscope": "dashscope-intl", "/dashscope-cn": "dashscope-cn", "/aimlapi": "aimlapi"}
CALL = "/api/v1/services/aigc/multimodal-generation/generation"
SUBMIT = "/api/v1/services/aigc/text2image/image-synthesis"
IMAGES = "/v1/images/generations"
ASYNC = {"X_DashScope_Async": "enable"}
PATIENCE_SECONDS = 10.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(0, replace(QUICK, latency=(0.0, 0.0))) as running:
        yield running


@pytest.fixture
def api(sandbox: SandboxServer) -> Api:
    """Doors whose vendors are the sandbox."""
    base_urls = {endpoint: f"{sandbox.url}/{endpoint}" for endpoint in ENDPOINTS.values()}
    host = urlsplit(sandbox.url).netloc
    scene = Scene(transport=HttpTransport((host,), tls()), base_urls=base_urls, extra_hosts=(host,))
    scene.keys.keys = dict.fromkeys(base_urls, KEY)
    return carrying(scene)


def shape(value: Any) -> Any:
    """The keys and kinds of a body; of lists the first, numbers being one kind."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [len(value), *(shape(item) for item in value[:1])]
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


def both(
    api: Api, sandbox: SandboxServer, door: str, path: str, body: Any, key: str = KEY, **headers: Any
) -> tuple[Answer, Any]:
    """A door's answer and the vendor's body; their statuses agree."""
    ours = api.call("POST", door + path, body=body, key=key, **headers)
    vendor = Caller(sandbox, ENDPOINTS[door], key).post(path, body, **headers)
    assert ours.status == vendor.status, (ours.body, vendor.json)
    return ours, vendor.json


def messages(
    *images: str, model: str = "qwen-image-max", text: str = "a lighthouse", **parameters: Any
) -> Any:
    content = [*({"image": image} for image in images), {"text": text}]
    given = {"model": model, "input": {"messages": [{"role": "user", "content": content}]}}
    return given | ({"parameters": parameters} if parameters else {})


@pytest.mark.parametrize("door", ["/dashscope", "/dashscope-cn"])
@pytest.mark.parametrize(
    "body",
    [
        messages(),
        messages(size="1104*1472", n=1, seed=0, negative_prompt=" ", prompt_extend=False, watermark=True),
        messages(text="x" * 900, model="qwen-image"),
        messages(input_image(), input_image(), model="qwen-image-edit-max", n=2, size="1024*1536"),
        messages(input_image(), model="qwen-image-edit"),
    ],
    ids=["least", "most", "too long", "edit", "plain edit"],
)
def test_synchronous_answers_are_of_one_shape(
    api: Api, sandbox: SandboxServer, door: str, body: dict[str, Any]
) -> None:
    ours, vendors = both(api, sandbox, door, CALL, body)
    assert ours.status == 200
    assert shape(ours.body) == shape(vendors)
    assert ours.body["usage"] == vendors["usage"]


REFUSED_CALLS: dict[str, Any] = {
    "two images": messages(n=2),
    "unknown model": messages(model="qwen-image-9"),
    "no model": messages(model=""),
    "no input": messages() | {"input": {}},
    "no messages": messages() | {"input": {"messages": []}},
    "two messages": messages() | {"input": {"messages": messages()["input"]["messages"] * 2}},
    "no text": messages(text=""),
    "image for a model that draws": messages(input_image()),
    "edit without an image": messages(model="qwen-image-edit-max"),
    "four images": messages(*[input_image()] * 4, model="qwen-image-edit-max"),
    "seven edits": messages(input_image(), model="qwen-image-edit-max", n=7),
    "wrong size": messages(size="1024*1024"),
    "size with an x": messages(size="1664x928"),
    "edit too wide": messages(input_image(), model="qwen-image-edit-max", size="4096*512"),
    "size of a plain edit": messages(input_image(), model="qwen-image-edit", size="512*512"),
    "seed too large": messages(seed=2**31),
    "seed as text": messages(seed="7"),
    "switch as text": messages(watermark="false"),
    "unknown parameter": messages(style="<auto>"),
    "no list": [],
    "moderation": messages(text=f"a {CENSORED_WORD} lighthouse"),
}


@pytest.mark.parametrize("body", REFUSED_CALLS.values(), ids=REFUSED_CALLS)
def test_synchronous_refusals_agree_in_status_code_and_shape(
    api: Api, sandbox: SandboxServer, body: Any
) -> None:
    ours, vendors = both(api, sandbox, "/dashscope", CALL, body)
    assert ours.status >= 400
    assert ours.body["code"] == vendors["code"]
    assert shape(ours.body) == shape(vendors)


@pytest.mark.parametrize("path", [CALL, SUBMIT])
def test_keys_and_mode_mistakes_are_refused_alike(api: Api, sandbox: SandboxServer, path: str) -> None:
    mistake = ASYNC if path == CALL else {}
    for key, headers in (("bad key", {}), (KEY, mistake)):
        ours, vendors = both(api, sandbox, "/dashscope", path, messages(), key, **headers)
        assert ours.body["code"] == vendors["code"]
    assert ours.body["message"] == vendors["message"]


def prompt(model: str = "qwen-image-plus", **change: Any) -> dict[str, Any]:
    return {"model": model, "input": {"prompt": "a lighthouse"}} | change


@pytest.mark.parametrize("extend", [True, False])
def test_tasks_are_of_one_shape_from_submit_to_success(
    api: Api, sandbox: SandboxServer, extend: bool
) -> None:
    body = prompt(parameters={"prompt_extend": extend, "negative_prompt": "blurry", "seed": 7})
    ours, vendors = both(api, sandbox, "/dashscope", SUBMIT, body, **ASYNC)
    assert shape(ours.body) == shape(vendors)
    assert ours.body["output"]["task_status"] == vendors["output"]["task_status"]
    place = f"/api/v1/tasks/{vendors['output']['task_id']}"
    vendor = Caller(sandbox, "dashscope-intl").settle(
        lambda: Caller(sandbox, "dashscope-intl").get(place),
        lambda told: told["output"]["task_status"] == "SUCCEEDED",
    )
    told = ended(api, ours.body["output"]["task_id"])
    assert told["output"].pop("task_metrics") == {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    assert shape(told) == shape(vendor)


def ended(api: Api, task_id: str) -> Any:
    """What the door tells of a task once it has succeeded."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = api.call("GET", f"/dashscope/api/v1/tasks/{task_id}")
        if answer.body["output"]["task_status"] == "SUCCEEDED":
            return answer.body
        assert time.monotonic() < deadline, answer.body


def test_failed_and_unknown_tasks_are_told_alike(api: Api, sandbox: SandboxServer) -> None:
    body = prompt() | {"input": {"prompt": "a lighthouse [sandbox: fail-moderation]"}}
    ours, vendors = both(api, sandbox, "/dashscope", SUBMIT, body, **ASYNC)
    vendor = Caller(sandbox, "dashscope-intl").get(f"/api/v1/tasks/{vendors['output']['task_id']}")
    told = api.call("GET", f"/dashscope/api/v1/tasks/{ours.body['output']['task_id']}")
    assert told.body["output"]["task_status"] == vendor.json["output"]["task_status"] == "FAILED"
    assert told.body["output"]["code"] == vendor.json["output"]["code"]
    assert shape(told.body) == shape(vendor.json)
    nobody = "/api/v1/tasks/0385dc79-5ff8-4d82-bcb6-2b7b0f6f1a01"
    unknown = api.call("GET", f"/dashscope{nobody}").body
    assert unknown["output"] == Caller(sandbox, "dashscope-intl").get(nobody).json["output"]


@pytest.mark.parametrize(
    "body",
    [
        prompt("qwen-image-max"),
        prompt("qwen-image-edit-max"),
        prompt("nothing"),
        prompt(input={}),
        prompt(input={"prompt": ""}),
        prompt(input={"messages": []}),
        prompt(parameters={"n": 4}),
        prompt(parameters={"size": "1664*929"}),
    ],
    ids=str,
)
def test_refused_submits_agree_in_status_and_code(api: Api, sandbox: SandboxServer, body: Any) -> None:
    ours, vendors = both(api, sandbox, "/dashscope", SUBMIT, body, **ASYNC)
    assert (ours.status, ours.body["code"]) == (400, vendors["code"])


DRAW = {"model": "alibaba/qwen-image", "prompt": "a lighthouse"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"num_images": 2.0, "seed": 1, "image_size": "square", "output_format": "png"},
        {"image_size": {"width": 1344, "height": 768}, "provider": "AUTO", "guidance_scale": 4},
        {"sync_mode": True, "negative_prompt": "blurry", "enable_safety_checker": True},
    ],
    ids=str,
)
def test_aimlapis_answers_are_of_one_shape(api: Api, sandbox: SandboxServer, fields: dict[str, Any]) -> None:
    ours, vendors = both(api, sandbox, "/aimlapi", IMAGES, DRAW | fields)
    assert ours.status == 201
    assert shape(ours.body) == shape(vendors)
    facts = ("width", "height", "content_type")
    assert [[one[name] for name in facts] for one in ours.body["images"]] == [
        [one[name] for name in facts] for one in vendors["images"]
    ]
    inline = [one["url"].startswith("data:image/") for one in (ours.body["images"] + vendors["images"])]
    assert inline == [fields.get("sync_mode", False)] * len(inline)


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 0}, {"num_images": 1.5}, {"num_images": 5}, {"model": "alibaba/qwen-image-edit"},
        {"prompt": ""}, {"prompt": "x" * 4001}, {"image_size": "16:9"}, {"provider": "other"},
        {"image_size": {"width": 1664, "height": 928}}, {"output_format": "webp"}, {"n": 2},
        {"guidance_scale": 0}, {"sync_mode": "yes"},
    ],
    ids=str,
)  # fmt: skip
def test_aimlapis_refusals_agree_in_status_and_shape(
    api: Api, sandbox: SandboxServer, fields: dict[str, Any]
) -> None:
    ours, vendors = both(api, sandbox, "/aimlapi", IMAGES, DRAW | fields)
    assert ours.status == 400
    assert shape(ours.body) == shape(vendors)
    assert {name: ours.body[name] for name in ("path", "statusCode")} == {"path": IMAGES, "statusCode": 400}


def test_aimlapis_key_and_address_are_refused_alike(api: Api, sandbox: SandboxServer) -> None:
    for path, key in ((IMAGES, "bad key"), ("/v1/images/edits", KEY), (f"{IMAGES}/", KEY)):
        ours, vendors = both(api, sandbox, "/aimlapi", path, DRAW, key)
        assert shape(ours.body) == shape(vendors)
