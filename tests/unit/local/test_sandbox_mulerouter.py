"""The sandbox as MuleRouter."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from local.sandbox.server import SandboxServer
from tests.unit.local.sandbox_caller import Caller, change, fetch, input_image, ledger, size_of

MAX = "/vendors/alibaba/v1/qwen-image-max/generation"
EDIT = "/vendors/alibaba/v1/qwen-image-edit-max/generation"
PROMPT = "A lighthouse on a basalt cliff at dawn"


@pytest.fixture
def caller(sandbox: SandboxServer) -> Caller:
    return Caller(sandbox, "mulerouter")


def finish(caller: Caller, path: str, body: dict[str, Any]) -> Any:
    """The completed or failed body of a new task."""
    submitted = caller.post(path, body)
    assert submitted.status == 202, submitted.body
    task = f"{path}/{submitted.json['task_info']['id']}"
    words = ("completed", "succeeded", "failed")
    return caller.settle(lambda: caller.get(task), lambda answer: answer["task_info"]["status"] in words)


def test_submit_answers_202_with_processing_and_without_updated_at(caller: Caller) -> None:
    reply = caller.post(MAX, {"prompt": PROMPT})
    assert reply.status == 202
    info = reply.json["task_info"]
    assert set(info) == {"id", "status", "created_at"}
    assert info["status"] == "processing"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", info["created_at"])
    assert reply.headers["traceparent"]


def test_every_documented_field_is_accepted(caller: Caller) -> None:
    body = {
        "seed": 0,
        "size": "1664*928",
        "prompt": PROMPT,
        "prompt_extend": True,
        "safety_filter": True,
        "negative_prompt": None,
    }
    answer = finish(caller, MAX, body)
    assert set(answer) == {"task_info", "images"}
    assert set(answer["task_info"]) == {"id", "status", "created_at", "updated_at"}
    assert answer["task_info"]["status"] == "completed"
    assert len(answer["images"]) == 1


@pytest.mark.parametrize("size", ["1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664"])
def test_a_picture_has_exactly_the_size_asked_for(caller: Caller, size: str) -> None:
    answer = finish(caller, MAX, {"prompt": PROMPT, "size": size})
    picture = fetch(answer["images"][0])
    assert picture.headers["Content-Type"] == "image/png"
    assert "*".join(map(str, size_of(picture.body))) == size


def test_the_ledger_tells_prompt_body_bill_and_digest(caller: Caller) -> None:
    body = {"prompt": PROMPT, "seed": 7}
    answer = finish(caller, MAX, body)
    picture = fetch(answer["images"][0]).body
    (row,) = ledger(caller.sandbox)["tasks"]
    assert row["task_id"] == answer["task_info"]["id"]
    assert row["endpoint"] == "mulerouter"
    assert row["model"] == "qwen-image-max"
    assert row["prompt"] == PROMPT
    assert row["body"] == body
    assert row["billed"] == {"images": 1, "amount": "0.075", "unit": "USD"}
    assert row["served"] == {"0": hashlib.sha256(picture).hexdigest()}


def test_both_path_families_lead_to_the_same_task_by_get_and_post(caller: Caller) -> None:
    task_id = caller.post("/v1/inference/qwen-image-max", {"prompt": PROMPT}).json["task_info"]["id"]
    finished = caller.settle(
        lambda: caller.get(f"/v1/inference/qwen-image-max/{task_id}"),
        lambda answer: answer["task_info"]["status"] == "completed",
    )
    assert caller.get(f"{MAX}/{task_id}").json == finished
    assert caller.get(f"{MAX}/{task_id}/").json == finished
    assert caller.send("POST", f"{MAX}/{task_id}").json == finished


def test_status_words_follow_the_settings(caller: Caller) -> None:
    change(caller.sandbox, mulerouter_submit_word="queued", mulerouter_success_word="succeeded", latency=0.3)
    submitted = caller.post(MAX, {"prompt": PROMPT}).json["task_info"]
    words = [submitted["status"]]
    while words[-1] != "succeeded" and len(words) < 1000:
        words.append(caller.get(f"{MAX}/{submitted['id']}").json["task_info"]["status"])
    assert list(dict.fromkeys(words)) == ["queued", "running", "succeeded"]


def test_edit_delivers_n_pictures_and_rounds_the_size_to_multiples_of_16(caller: Caller) -> None:
    body = {
        "n": 2,
        "seed": 0,
        "size": "1033*1032",
        "images": [input_image(), input_image(400, 900, "JPEG")],
        "prompt": "Put the hat of Image 2 on the person in Image 1",
        "prompt_extend": True,
        "safety_filter": True,
        "negative_prompt": None,
    }
    pictures = [fetch(link).body for link in finish(caller, EDIT, body)["images"]]
    assert [size_of(picture) for picture in pictures] == [(1040, 1024)] * 2
    assert pictures[0] != pictures[1]
    assert ledger(caller.sandbox)["totals"]["mulerouter"]["images"] == 2


def test_edit_without_size_keeps_the_ratio_of_the_last_input(caller: Caller) -> None:
    answer = finish(caller, EDIT, {"prompt": "x", "images": [input_image(900, 400), input_image(400, 800)]})
    width, height = size_of(fetch(answer["images"][0]).body)
    assert height / width == pytest.approx(2, rel=0.05)
    assert width * height == pytest.approx(1024 * 1024, rel=0.05)


def test_one_image_is_missing_by_switch_and_not_billed(caller: Caller) -> None:
    change(caller.sandbox, short_images=True)
    answer = finish(caller, EDIT, {"prompt": "x", "images": [input_image()], "n": 3})
    assert len(answer["images"]) == 2
    assert ledger(caller.sandbox)["tasks"][0]["billed"]["images"] == 2


@pytest.mark.parametrize(
    "image",
    [
        "http://127.0.0.1:9/none.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "ftp://example.com/a.png",
        input_image(100, 100),
    ],
    ids=["unreachable", "truncated", "no address", "too small"],
)
def test_a_bad_input_image_fails_the_task_and_bills_nothing(caller: Caller, image: str) -> None:
    answer = finish(caller, EDIT, {"prompt": "x", "images": [image]})
    assert answer["task_info"]["status"] == "failed"
    assert answer["task_info"]["error"]["code"] == 3001
    assert "image" in answer["task_info"]["error"]["detail"]
    assert "images" not in answer
    assert ledger(caller.sandbox)["totals"]["mulerouter"]["images"] == 0


def test_a_moderated_prompt_fails_the_task_with_3001(caller: Caller) -> None:
    answer = finish(caller, MAX, {"prompt": "some forbidden-content here"})
    assert answer["task_info"]["error"] == {
        "code": 3001,
        "title": "Invalid Request",
        "detail": "The prompt contains prohibited content",
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": ""},
        {"prompt": "x" * 801},
        {"prompt": 5},
        {"prompt": "x", "negative_prompt": "x" * 501},
        {"prompt": "x", "size": ""},
        {"prompt": "x", "size": "1664x928"},
        {"prompt": "x", "size": "1024*1024"},
        {"prompt": "x", "seed": -1},
        {"prompt": "x", "seed": 2**31},
        {"prompt": "x", "seed": "1"},
        {"prompt": "x", "seed": True},
        {"prompt": "x", "prompt_extend": None},
        {"prompt": "x", "safety_filter": "yes"},
        {"prompt": "x", "n": 1},
        {"prompt": "x", "model": "qwen-image-max"},
    ],
    ids=lambda body: json.dumps(body)[:40],
)
def test_what_the_contract_does_not_allow_is_400_and_not_accepted(
    caller: Caller, body: dict[str, Any]
) -> None:
    reply = caller.post(MAX, body)
    assert reply.status == 400
    assert set(reply.json) == {"status", "title", "detail", "instance", "error_code"}
    assert (reply.json["error_code"], reply.json["instance"]) == (2002, MAX)
    assert ledger(caller.sandbox)["tasks"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"images": []},
        {"images": [""]},
        {"images": ["a"] * 4},
        {"images": "a"},
        {"n": 0},
        {"n": 7},
        {"n": 1.0},
        {"size": "511*600"},
        {"size": "600*2049"},
    ],
    ids=str,
)
def test_edit_limits_are_400(caller: Caller, change: dict[str, Any]) -> None:
    assert (
        caller.post(EDIT, {"prompt": "x", "images": ["https://example.com/in.png"], **change}).status == 400
    )


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff", b'{"prompt": NaN}', b""])
def test_a_body_that_is_no_json_object_is_400(caller: Caller, data: bytes) -> None:
    assert caller.send("POST", MAX, data, Content_Type="application/json").status == 400


def test_keys_are_checked_in_the_vendors_words(caller: Caller) -> None:
    without = Caller(caller.sandbox, "mulerouter", None).post(MAX, {"prompt": "x"})
    assert (without.status, without.json["error_code"]) == (401, 0)
    assert without.json["title"].startswith("Missing Authorization header")
    bad = Caller(caller.sandbox, "mulerouter", "bad-key").get(f"{MAX}/some-id")
    assert (bad.status, bad.json["title"]) == (401, "Invalid API Key format")


def test_keys_choose_balance_and_both_429_refusals(caller: Caller) -> None:
    replies = [
        Caller(caller.sandbox, "mulerouter", key).post(MAX, {"prompt": "x"})
        for key in ("no-credits", "rate-limited", "daily-spend")
    ]
    assert [reply.status for reply in replies] == [402, 429, 429]
    assert replies[0].json["error_code"] == 1002
    assert replies[1].headers["Retry-After"] == "2"
    assert "Retry-After" not in replies[2].headers
    assert "Daily spend" in replies[2].json["detail"]


def test_unknown_tasks_models_and_methods(caller: Caller) -> None:
    unknown = caller.get(f"{MAX}/2c5f0a3e-6a57-4b1e-9f5d-0f2f7c1d9a10")
    assert (unknown.status, unknown.json["error_code"]) == (404, 3000)
    task_id = caller.post(MAX, {"prompt": "x"}).json["task_info"]["id"]
    assert caller.get(f"{EDIT}/{task_id}").status == 404
    model = caller.post("/vendors/alibaba/v1/qwen-image/generation", {"prompt": "x"})
    assert (model.status, model.json) == (404, {"status": 404, "title": "Not Found"})
    assert caller.get(MAX).status == 405
    assert caller.send("DELETE", f"{MAX}/{task_id}").status == 405
