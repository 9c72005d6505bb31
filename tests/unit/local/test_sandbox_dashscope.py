"""The sandbox as DashScope, in both regions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.sandbox.server import SandboxServer
from tests.unit.local.sandbox_caller import Caller, Reply, change, fetch, input_image, ledger, size_of

SYNC = "/api/v1/services/aigc/multimodal-generation/generation"
ASYNC = "/api/v1/services/aigc/text2image/image-synthesis"
PROMPT = "A lighthouse on a basalt cliff at dawn"
ENABLE = {"X_DashScope_Async": "enable"}


@pytest.fixture
def caller(sandbox: SandboxServer) -> Caller:
    return Caller(sandbox, "dashscope-intl")


def message(*parts: dict[str, Any], model: str = "qwen-image-max", **parameters: object) -> dict[str, Any]:
    """A synchronous request; without parameters the key is absent."""
    body: dict[str, Any] = {"model": model, "input": {"messages": [{"role": "user", "content": list(parts)}]}}
    return body | ({"parameters": parameters} if parameters else {})


def order(model: str = "qwen-image-plus", **parameters: object) -> dict[str, Any]:
    """An asynchronous request."""
    return {"model": model, "input": {"prompt": PROMPT}, "parameters": parameters}


def finish(caller: Caller, body: dict[str, Any]) -> Any:
    """The answer to the last query of a new task."""
    submitted = caller.post(ASYNC, body, **ENABLE)
    assert submitted.status == 200, submitted.body
    path = f"/api/v1/tasks/{submitted.json['output']['task_id']}"
    return caller.settle(
        lambda: caller.get(path), lambda answer: answer["output"]["task_status"] in ("SUCCEEDED", "FAILED")
    )


def refusal(reply: Reply) -> tuple[int, str, str]:
    """Status, code and message of a refusal, which has no other keys but the request's id."""
    assert set(reply.json) == {"request_id", "code", "message"}
    return reply.status, reply.json["code"], reply.json["message"]


def test_a_synchronous_call_answers_with_one_choice_metric_and_usage(caller: Caller) -> None:
    reply = caller.post(SYNC, message({"text": PROMPT}))
    assert reply.status == 200
    assert set(reply.json) == {"output", "usage", "request_id"}
    assert reply.json["usage"] == {"image_count": 1, "width": 1664, "height": 928}
    assert reply.json["output"]["task_metric"] == {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    (choice,) = reply.json["output"]["choices"]
    assert (choice["finish_reason"], choice["message"]["role"]) == ("stop", "assistant")
    (part,) = choice["message"]["content"]
    assert size_of(fetch(part["image"]).body) == (1664, 928)


@pytest.mark.parametrize(
    "model",
    [
        "qwen-image-max",
        "qwen-image-max-2025-12-30",
        "qwen-image-plus",
        "qwen-image-plus-2026-01-09",
        "qwen-image",
    ],
)
def test_every_documented_parameter_is_accepted_by_every_model(caller: Caller, model: str) -> None:
    body = message(
        {"text": PROMPT},
        model=model,
        negative_prompt="blurry, low quality",
        size="928*1664",
        n=1,
        prompt_extend=True,
        watermark=False,
        seed=123456,
    )
    reply = caller.post(SYNC, body)
    assert reply.status == 200, reply.body
    (row,) = ledger(caller.sandbox)["tasks"]
    assert (row["model"], row["body"], row["seed"]) == (model, body, 123456)


def test_prices_are_those_of_model_and_region(caller: Caller) -> None:
    mainland = Caller(caller.sandbox, "dashscope-cn")
    caller.post(SYNC, message({"text": PROMPT}))
    mainland.post(SYNC, message({"text": PROMPT}))
    mainland.post(SYNC, message({"text": PROMPT}, model="qwen-image-plus"))
    billed = [row["billed"] for row in ledger(caller.sandbox)["tasks"]]
    assert [bill["amount"] for bill in billed] == ["0.550443", "0.5", "0.2"]
    assert {bill["unit"] for bill in billed} == {"CNY"}


def test_a_long_prompt_is_cut_at_800_code_points_in_silence(caller: Caller) -> None:
    received = "海" * 799 + "🏮🏮"
    reply = caller.post(SYNC, message({"text": received}, negative_prompt="n" * 501))
    assert reply.status == 200
    (row,) = ledger(caller.sandbox)["tasks"]
    assert row["prompt"] == received
    assert row["prompt_used"] == received[:800]
    assert row["applied"]["negative_prompt"] == "n" * 500


def test_successes_carry_an_empty_code_by_switch(caller: Caller) -> None:
    change(caller.sandbox, dashscope_empty_code=True)
    reply = caller.post(SYNC, message({"text": PROMPT}))
    assert (reply.json["code"], reply.json["message"]) == ("", "")


def test_a_link_without_its_signature_or_with_a_key_is_refused(caller: Caller) -> None:
    reply = caller.post(SYNC, message({"text": PROMPT}))
    link = reply.json["output"]["choices"][0]["message"]["content"][0]["image"]
    assert fetch(link.partition("?")[0]).status == 403
    assert fetch(link, headers={"Authorization": "Bearer sandbox-key"}).status == 400
    assert fetch(link).status == 200


def test_an_asynchronous_task_goes_from_pending_through_running_to_succeeded(caller: Caller) -> None:
    change(caller.sandbox, latency=0.3)
    submitted = caller.post(ASYNC, order(seed=1), **ENABLE)
    assert set(submitted.json) == {"output", "request_id"}
    assert set(submitted.json["output"]) == {"task_status", "task_id"}
    seen: dict[str, set[str]] = {}
    for _ in range(1000):
        output = caller.get(f"/api/v1/tasks/{submitted.json['output']['task_id']}").json["output"]
        seen.setdefault(output["task_status"], set(output))
        if output["task_status"] == "SUCCEEDED":
            break
    waiting = {"task_id", "task_status", "submit_time"}
    assert list(seen) == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert seen["PENDING"] == waiting
    assert seen["RUNNING"] == waiting | {"scheduled_time"}
    assert seen["SUCCEEDED"] == waiting | {"scheduled_time", "end_time", "results"}


def test_a_finished_task_tells_prompts_link_and_count(caller: Caller) -> None:
    answer = finish(caller, order(size="1328*1328", prompt_extend=True))
    assert answer["usage"] == {"image_count": 1}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", answer["output"]["end_time"])
    (result,) = answer["output"]["results"]
    assert result["orig_prompt"] == PROMPT
    assert result["actual_prompt"].startswith(PROMPT)
    assert size_of(fetch(result["url"]).body) == (1328, 1328)
    plain = finish(caller, order("qwen-image", prompt_extend=False))
    assert set(plain["output"]["results"][0]) == {"orig_prompt", "url"}


def test_negative_prompt_is_taken_from_both_places_and_parameters_win(caller: Caller) -> None:
    body = order(negative_prompt="there")
    body["input"]["negative_prompt"] = "here"
    finish(caller, body)
    finish(caller, {"model": "qwen-image-plus", "input": {"prompt": PROMPT, "negative_prompt": "here"}})
    finish(caller, order(negative_prompt="", size="1664*928", n=1, prompt_extend=True, watermark=False))
    applied = [row["applied"]["negative_prompt"] for row in ledger(caller.sandbox)["tasks"]]
    assert applied == ["there", "here", ""]


def test_a_foreign_task_is_unknown_and_no_error(caller: Caller) -> None:
    task_id = caller.post(ASYNC, order(), **ENABLE).json["output"]["task_id"]
    reply = Caller(caller.sandbox, "dashscope-cn").get(f"/api/v1/tasks/{task_id}")
    assert reply.status == 200
    assert reply.json["output"] == {"task_id": task_id, "task_status": "UNKNOWN"}


def test_moderation_refuses_the_synchronous_call_and_fails_the_task(caller: Caller) -> None:
    reply = caller.post(SYNC, message({"text": "forbidden-content"}))
    assert refusal(reply)[:2] == (400, "DataInspectionFailed")
    assert ledger(caller.sandbox)["tasks"] == []
    body = order()
    body["input"]["prompt"] = "forbidden-content"
    answer = finish(caller, body)
    assert answer["output"]["task_status"] == "FAILED"
    assert answer["output"]["code"] == "DataInspectionFailed"
    assert "usage" not in answer
    assert ledger(caller.sandbox)["totals"]["dashscope-intl"]["images"] == 0


def test_the_async_header_on_the_multimodal_path_is_403(caller: Caller) -> None:
    reply = caller.post(SYNC, message({"text": PROMPT}), **ENABLE)
    text = "current user api does not support asynchronous calls"
    assert refusal(reply) == (403, "AccessDenied", text)


def test_the_async_path_without_the_header_is_403(caller: Caller) -> None:
    text = "current user api does not support synchronous calls"
    assert refusal(caller.post(ASYNC, order())) == (403, "AccessDenied", text)


@pytest.mark.parametrize(
    "model", ["qwen-image-max", "qwen-image-plus-2026-01-09", "qwen-image-edit-max", "qwen-plus"]
)
def test_models_without_an_async_mode_get_a_url_error(caller: Caller, model: str) -> None:
    status, code, text = refusal(caller.post(ASYNC, order(model), **ENABLE))
    assert (status, code) == (400, "InvalidParameter")
    assert text.startswith("url error")


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({}, "BadRequest.EmptyModel", None),
        ({"model": "qwen-image-max"}, "BadRequest.EmptyInput", None),
        (
            {"model": "qwen-image-max", "input": {"prompt": "x"}},
            "InvalidParameter",
            "No messages found in input",
        ),
        (
            {"model": "qwen-image-max", "input": {"messages": [1, 2]}},
            "InvalidParameter",
            "messages length only support 1",
        ),
        (message({"text": "x"}, model="qwen-image-huge"), "InvalidParameter", "Model not exist."),
        (message({"text": "x"}, n=2), "InvalidParameter", "num_images_per_prompt must be 1"),
        (message({"text": ""}), "InvalidParameter", "lack of image or text"),
        (message(), "InvalidParameter", "lack of image or text"),
        (message({"text": "x"}, {"text": "y"}), "InvalidParameter", "content length only support 1"),
        (message({"text": "x"}, size="1024*1024"), "InvalidParameter", None),
        (message({"text": "x"}, size="1664x928"), "InvalidParameter", None),
        (message({"text": "x"}, seed=2**31), "InvalidParameter", None),
        (message({"text": "x"}, seed=None), "InvalidParameter", None),
        (message({"text": "x"}, watermark="no"), "InvalidParameter", None),
        (message({"text": "x"}, safety_filter=True), "InvalidParameter", None),
        (message({"text": "x", "type": "text"}), "InvalidParameter", None),
        (message({"text": "x"}) | {"stream": False}, "InvalidParameter", None),
        (message({"text": "x"}, model="qwen-image-edit-max"), "InvalidParameter", "lack of image or text"),
        (
            message({"image": input_image()}, model="qwen-image-edit-max"),
            "InvalidParameter",
            "lack of image or text",
        ),
        (
            message(
                *[{"image": "https://example.com/in.png"}] * 4, {"text": "x"}, model="qwen-image-edit-max"
            ),
            "InvalidParameter",
            "content length only support 4",
        ),
        (
            message({"image": input_image()}, {"text": "x"}, model="qwen-image-edit", n=2),
            "InvalidParameter",
            "num_images_per_prompt must be 1",
        ),
        (
            message({"image": input_image()}, {"text": "x"}, model="qwen-image-edit", size="1024*1024"),
            "InvalidParameter",
            None,
        ),
        (
            message({"image": input_image()}, {"text": "x"}, model="qwen-image-edit-max", n=7),
            "InvalidParameter",
            None,
        ),
        (
            message({"image": input_image()}, {"text": "x"}, model="qwen-image-edit-max", size="511*1024"),
            "InvalidParameter",
            None,
        ),
        (
            message({"image": "http://127.0.0.1:9/in.png"}, {"text": "x"}, model="qwen-image-edit-max"),
            "InvalidParameter",
            "download image failed",
        ),
        (
            message({"image": "oss://bucket/in.png"}, {"text": "x"}, model="qwen-image-edit-max"),
            "InvalidURL",
            None,
        ),
        (
            message(
                {"image": "data:image/png;base64,iVBORw0KGgo="}, {"text": "x"}, model="qwen-image-edit-max"
            ),
            "InvalidParameter",
            "Invalid image format or corrupted file",
        ),
        (
            message({"image": input_image(383, 400)}, {"text": "x"}, model="qwen-image-edit-max"),
            "InvalidImageResolution",
            None,
        ),
        (
            message(
                {"image": "data:image/png;base64," + "A" * 10485760},
                {"text": "x"},
                model="qwen-image-edit-max",
            ),
            "BadRequest.TooLarge",
            None,
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_refusals_come_in_the_vendors_words(
    caller: Caller, body: object, code: str, text: str | None
) -> None:
    status, received, message_text = refusal(caller.post(SYNC, body))
    assert (status, received) == (400, code)
    assert text in (None, message_text)
    assert ledger(caller.sandbox)["tasks"] == []


@pytest.mark.parametrize("model", ["qwen-image-edit-max", "qwen-image-edit-plus-2025-12-15"])
def test_edit_delivers_n_pictures_in_one_choice_without_metric(caller: Caller, model: str) -> None:
    body = message(
        {"image": input_image()},
        {"image": input_image(500, 500, "WEBP")},
        {"text": "Put the hat of image 2 on the person in image 1"},
        model=model,
        n=2,
        negative_prompt=" ",
        prompt_extend=True,
        watermark=False,
        size="1536*1024",
        seed=0,
    )
    reply = caller.post(SYNC, body)
    assert reply.status == 200, reply.body
    assert "task_metric" not in reply.json["output"]
    assert reply.json["usage"] == {"image_count": 2}
    (choice,) = reply.json["output"]["choices"]
    assert [size_of(fetch(part["image"]).body) for part in choice["message"]["content"]] == [(1536, 1024)] * 2


def test_edit_fetches_a_link_and_shows_the_input(caller: Caller) -> None:
    made = caller.post(SYNC, message({"text": PROMPT}, size="1328*1328"))
    link = made.json["output"]["choices"][0]["message"]["content"][0]["image"]
    edits = [
        caller.post(SYNC, message({"image": image}, {"text": "x"}, model="qwen-image-edit", seed=3))
        for image in (link, input_image(700, 700))
    ]
    links = [edit.json["output"]["choices"][0]["message"]["content"][0]["image"] for edit in edits]
    first, second = (fetch(found).body for found in links)
    assert size_of(first) == size_of(second) == (1024, 1024)
    assert first != second


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 401, "InvalidApiKey"),
        ("bad", 401, "InvalidApiKey"),
        ("no-credits", 400, "Arrearage"),
        ("free-tier", 403, "AllocationQuota.FreeTierOnly"),
        ("overdue", 429, "PostpaidBillOverdue"),
        ("rate-limited", 429, "Throttling.RateQuota"),
        ("burst", 429, "Throttling.BurstRate"),
    ],
)
def test_keys_choose_the_refusal(caller: Caller, key: str | None, status: int, code: str) -> None:
    reply = Caller(caller.sandbox, "dashscope-cn", key).post(SYNC, message({"text": PROMPT}))
    assert refusal(reply)[:2] == (status, code)


def test_wrong_paths_methods_and_bodies_are_400(caller: Caller) -> None:
    assert refusal(caller.post("/api/v1/services/aigc/other", {}))[2].startswith("url error")
    assert refusal(caller.get(SYNC))[2] == "Request method 'GET' is not supported."
    assert refusal(caller.send("POST", SYNC, b"{}"))[2].startswith("Required body invalid")
