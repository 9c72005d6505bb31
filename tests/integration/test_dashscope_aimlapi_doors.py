"""The front doors of DashScope and AI/ML API on the local stack: the official SDK, and plain clients as the
vendors' documents teach them."""

import asyncio
import base64
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import dashscope
import pytest
from dashscope import AioMultiModalConversation, ImageSynthesis, MultiModalConversation
from dashscope.aigc.image_generation import ImageGeneration
from dashscope.aigc.image_synthesis import AioImageSynthesis
from dashscope.api_entities.aio_session import close_shared_aio_session
from dashscope.common.error import UploadFileException

from local.stack import LocalStack
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.unit.local.sandbox_caller import input_image, size_of

pytestmark = pytest.mark.stack

PROMPT = "an owl reading by candlelight"
MESSAGES: Any = [{"role": "user", "content": [{"text": PROMPT}]}]
TASKS: Any = ImageSynthesis  # its types leave out what it inherits
ASYNC_TASKS: Any = AioImageSynthesis
PATIENCE_SECONDS = 60.0
CALL = "/dashscope/api/v1/services/aigc/multimodal-generation/generation"
SUBMIT = "/dashscope/api/v1/services/aigc/text2image/image-synthesis"


@pytest.fixture
def sdk_key(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> str:
    """The official SDK speaks to the Singapore door; the key."""
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{stack.url}/dashscope/api/v1")
    return stack.api_key


def fetched(url: str) -> bytes:
    """What lies behind one of our links, which nothing but the link leads to."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        data: bytes = answer.read()
    return data


def told(caller: EaselCaller, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and body of what a plain client without any library is answered."""
    request = urllib.request.Request(
        caller.url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {caller.key}", "Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def bought_of(stack: LocalStack, model: str) -> list[dict[str, Any]]:
    """What vendors took whose body names this model."""
    return [task for task in sandbox_tasks(stack.sandbox_url) if task["body"].get("model") == model]


def test_official_sdk_draws_synchronously(sdk_key: str, stack: LocalStack) -> None:
    response: Any = MultiModalConversation.call(
        api_key=sdk_key,
        model="qwen-image-max",
        messages=MESSAGES,
        result_format="message",
        stream=False,
        watermark=False,
        prompt_extend=True,
        negative_prompt=" ",
        size="1104*1472",
    )
    assert response.status_code == 200, response
    (choice,) = response.output.choices
    assert size_of(fetched(choice.message.content[0]["image"])) == (1104, 1472)
    assert response.usage.image_count == 1
    bought = bought_of(stack, "qwen-image-max")
    assert bought[-1]["endpoint"] == "dashscope-intl"


def test_official_sdk_edits_several_images_and_says_that_files_cannot_be_uploaded(
    sdk_key: str, tmp_path: Path
) -> None:
    content = [{"image": input_image()}, {"image": input_image()}, {"text": "put the hat on the owl"}]
    response: Any = MultiModalConversation.call(
        api_key=sdk_key,
        model="qwen-image-edit-max",
        messages=[{"role": "user", "content": content}],
        n=2,
        size="1024*1536",
    )
    assert response.status_code == 200, response
    images = [part["image"] for part in response.output.choices[0].message.content]
    assert [size_of(fetched(image)) for image in images] == [(1024, 1536)] * 2
    file = tmp_path / "in.png"
    file.write_bytes(base64.b64decode(input_image().partition(",")[2]))
    local = [{"role": "user", "content": [{"image": file.as_uri()}, {"text": "make it night"}]}]
    with pytest.raises(UploadFileException, match="data URL"):
        MultiModalConversation.call(api_key=sdk_key, model="qwen-image-edit-max", messages=local)


def test_official_sdks_other_classes_draw_too(sdk_key: str) -> None:
    response: Any = ImageGeneration.call(
        model="qwen-image", api_key=sdk_key, messages=MESSAGES, size="1328*1328"
    )
    assert response.status_code == 200, response
    assert response.output.choices[0].message.content[0]["image"].startswith("http")

    async def draw() -> Any:
        try:
            return await AioMultiModalConversation.call(
                api_key=sdk_key, model="qwen-image-max", messages=MESSAGES, seed=7
            )
        finally:
            await close_shared_aio_session()

    response = asyncio.run(draw())
    assert response.status_code == 200, response

    async def task() -> Any:
        try:
            return await ASYNC_TASKS.call(api_key=sdk_key, model="qwen-image-plus", prompt=PROMPT)
        finally:
            await close_shared_aio_session()

    response = asyncio.run(task())
    assert response.output.task_status == "SUCCEEDED", response


def test_official_sdk_submits_waits_fetches_lists_and_cancels_tasks(sdk_key: str) -> None:
    response: Any = TASKS.call(
        api_key=sdk_key,
        model="qwen-image-plus",
        prompt=PROMPT,
        negative_prompt=" ",
        n=1,
        size="1664*928",
        prompt_extend=True,
        watermark=False,
    )
    assert response.status_code == 200, response
    assert response.output.task_status == "SUCCEEDED"
    assert size_of(fetched(response.output.results[0].url)) == (1664, 928)
    assert response.usage.image_count == 1
    again = TASKS.fetch(response.output.task_id, api_key=sdk_key)
    assert again.output.task_id == response.output.task_id
    ended = TASKS.cancel(response.output.task_id, api_key=sdk_key)
    assert (ended.status_code, ended.code) == (400, "UnsupportedOperation")
    slow = TASKS.async_call(api_key=sdk_key, model="qwen-image-plus", prompt="an owl [sandbox: slow-task=60]")
    assert slow.output.task_status == "PENDING"
    assert TASKS.cancel(slow, api_key=sdk_key).status_code == 200
    assert TASKS.wait(slow, api_key=sdk_key).output.task_status == "CANCELED"
    page = TASKS.list(api_key=sdk_key, status="CANCELED")
    assert slow.output.task_id in [task["task_id"] for task in page.output["data"]]
    assert TASKS.fetch("0385dc79-5ff8-4d82-bcb6-2b7b0f6f1a01", api_key=sdk_key).output.task_status == (
        "UNKNOWN"
    )


def test_official_sdk_is_told_what_is_wrong(sdk_key: str) -> None:
    response: Any = MultiModalConversation.call(
        api_key=sdk_key, model="qwen-image-max", messages=MESSAGES, n=2
    )
    assert (response.status_code, response.code) == (400, "InvalidParameter")
    assert response.message == "num_images_per_prompt must be 1"
    response = MultiModalConversation.call(api_key="wrong", model="qwen-image-max", messages=MESSAGES)
    assert (response.status_code, response.code) == (401, "InvalidApiKey")
    response = TASKS.sync_call(api_key=sdk_key, model="qwen-image-plus", prompt=PROMPT)
    assert (response.status_code, response.code) == (403, "AccessDenied")


def test_plain_client_follows_a_task_in_beijing(caller: EaselCaller, stack: LocalStack) -> None:
    body = {"model": "qwen-image", "input": {"prompt": PROMPT}, "parameters": {"size": "928*1664"}}
    door = "/dashscope-cn"
    submit = SUBMIT.replace("/dashscope", door, 1)
    status, answer = told(caller, submit, body, **{"X-DashScope-Async": "enable"})
    assert status == 200, answer
    task_id = answer["output"]["task_id"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, answer = told(caller, f"{door}/api/v1/tasks/{task_id}")
        assert status == 200, answer
        if answer["output"]["task_status"] not in ("PENDING", "RUNNING"):
            break
        assert time.monotonic() < deadline, answer
        time.sleep(0.5)
    assert answer["output"]["task_status"] == "SUCCEEDED", answer
    assert size_of(fetched(answer["output"]["results"][0]["url"])) == (928, 1664)
    bought = bought_of(stack, "qwen-image")
    assert bought[-1]["endpoint"] == "dashscope-cn"


def test_plain_clients_are_refused_in_their_vendors_words(caller: EaselCaller) -> None:
    body = {"model": "qwen-image-max", "input": {"messages": MESSAGES}}
    status, answer = told(caller, CALL, body, **{"X-DashScope-Async": "enable"})
    assert (status, answer["code"]) == (403, "AccessDenied")
    status, answer = told(caller, CALL, body | {"model": "qwen-image-9"})
    assert (status, answer["message"]) == (400, "Model not exist.")
    status, answer = told(caller, "/dashscope/api/v1/nothing", body)
    assert (status, answer["code"]) == (400, "InvalidParameter")
    draw = {"model": "alibaba/qwen-image", "prompt": PROMPT, "seed": 0}
    status, answer = told(caller, "/aimlapi/v1/images/generations", draw)
    assert (status, answer["statusCode"], answer["path"]) == (400, 400, "/v1/images/generations")
    assert "seed" in answer["message"]


def test_plain_client_of_aimlapi_gets_links_or_the_pictures_themselves(caller: EaselCaller) -> None:
    body = {"model": "alibaba/qwen-image", "prompt": PROMPT, "num_images": 2, "image_size": "square_hd"}
    status, answer = told(caller, "/aimlapi/v1/images/generations", body)
    assert status == 201, answer
    assert [size_of(fetched(image["url"])) for image in answer["images"]] == [(1024, 1024)] * 2
    assert answer["has_nsfw_concepts"] == [False, False]
    inline = body | {"num_images": 1, "sync_mode": True, "image_size": {"width": 512, "height": 768}}
    status, answer = told(caller, "/aimlapi/v1/images/generations/", inline)
    assert status == 201, answer
    head, _, encoded = answer["images"][0]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert size_of(base64.b64decode(encoded)) == (512, 768)
