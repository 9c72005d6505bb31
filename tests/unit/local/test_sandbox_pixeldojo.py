"""The sandbox as PixelDojo."""

from __future__ import annotations

from typing import Any

import pytest

from local.sandbox.server import SandboxServer
from tests.unit.local.sandbox_caller import Caller, change, fetch, ledger, size_of

RUN = "/api/v1/models/qwen-image-max/run"
PROMPT = "A lighthouse on a basalt cliff at dawn"
LORA = "https://example.com/style.safetensors"


@pytest.fixture
def caller(sandbox: SandboxServer) -> Caller:
    return Caller(sandbox, "pixeldojo")


def finish(caller: Caller, body: dict[str, Any]) -> Any:
    """The completed or failed body of a new job."""
    submitted = caller.post(RUN, body)
    assert submitted.status in (200, 202), submitted.body
    path = f"/api/v1/jobs/{submitted.json['jobId']}"
    return caller.settle(lambda: caller.get(path), lambda answer: answer["status"] in ("completed", "failed"))


def test_submit_tells_job_status_url_and_credits(caller: Caller) -> None:
    reply = caller.post(RUN, {"prompt": PROMPT, "aspect_ratio": "1:1"})
    assert reply.status == 202
    job = reply.json
    assert set(job) == {"jobId", "status", "statusUrl", "creditCost", "creditsRemaining"}
    assert (job["status"], job["creditCost"], job["creditsRemaining"]) == ("pending", 2, 99_998)
    assert job["statusUrl"] == f"{caller.sandbox.url}/pixeldojo/api/v1/jobs/{job['jobId']}"
    asked = fetch(job["statusUrl"], headers={"Authorization": "Bearer sandbox-key"})
    assert asked.json["jobId"] == job["jobId"]


def test_a_job_goes_from_pending_through_processing_to_completed(caller: Caller) -> None:
    change(caller.sandbox, latency=0.3)
    job = caller.post(RUN, {"prompt": PROMPT}).json
    words = [job["status"]]
    while words[-1] != "completed" and len(words) < 1000:
        words.append(caller.get(f"/api/v1/jobs/{job['jobId']}").json["status"])
    assert list(dict.fromkeys(words)) == ["pending", "processing", "completed"]


def test_without_generation_model_plus_runs_and_is_recorded(caller: Caller) -> None:
    finish(caller, {"prompt": PROMPT})
    finish(caller, {"prompt": PROMPT, "generation_model": "qwen-image-max"})
    assert [row["model"] for row in ledger(caller.sandbox)["tasks"]] == ["qwen-image-plus", "qwen-image-max"]


def test_every_documented_field_is_accepted_without_lora(caller: Caller) -> None:
    body = {
        "prompt": PROMPT,
        "generation_model": "qwen-image-max",
        "aspect_ratio": "16:9",
        "negative_prompt": "blurry",
        "prompt_extend": True,
        "watermark": True,
        "numberOfImages": 1,
        "seed": 123456,
        "go_fast": True,
        "webhook_url": "https://example.com/hook",
    }
    answer = finish(caller, body)
    assert set(answer) == {"jobId", "status", "output", "creditCost"}
    (link,) = answer["output"]["images"]
    assert size_of(fetch(link).body) == (1664, 928)


def test_the_lora_path_delivers_and_bills_several_images(caller: Caller) -> None:
    body = {
        "prompt": "A lighthouse in my style",
        "aspect_ratio": "21:9",
        "negative_prompt": "blurry",
        "numberOfImages": 4,
        "seed": 123456,
        "lora_weights": LORA,
        "lora_scale": 1,
        "num_inference_steps": 35,
        "guidance": 3,
        "go_fast": False,
    }
    answer = finish(caller, body)
    assert answer["creditCost"] == 8
    pictures = {fetch(link).body for link in answer["output"]["images"]}
    assert len(pictures) == 4
    width, height = size_of(pictures.pop())
    assert width / height == pytest.approx(21 / 9, rel=0.01)
    (row,) = ledger(caller.sandbox)["tasks"]
    assert row["model"] == "qwen-image-lora"
    assert row["billed"] == {"images": 4, "amount": "8", "unit": "credits"}


def test_credits_are_charged_at_submit_and_given_back_on_failure(caller: Caller) -> None:
    change(caller.sandbox, latency=0.3)
    job = caller.post(RUN, {"prompt": "forbidden-content"}).json
    assert ledger(caller.sandbox)["totals"]["pixeldojo"]["amount"] == "2"
    failed = caller.settle(
        lambda: caller.get(f"/api/v1/jobs/{job['jobId']}"), lambda answer: answer["status"] == "failed"
    )
    assert set(failed) == {"jobId", "status", "error"}
    assert "content filter" in failed["error"]
    assert ledger(caller.sandbox)["totals"]["pixeldojo"]["amount"] == "0"


@pytest.mark.parametrize(("output", "key"), [("image", "output"), ("assets", "assets")])
def test_the_place_of_the_link_follows_the_setting(caller: Caller, output: str, key: str) -> None:
    change(caller.sandbox, pixeldojo_output=output, pixeldojo_submit_status=200)
    answer = finish(caller, {"prompt": PROMPT})
    link = answer[key]["image"] if output == "image" else answer[key][0]["url"]
    assert fetch(link).status == 200


def test_a_link_expires_by_switch(caller: Caller) -> None:
    answer = finish(caller, {"prompt": PROMPT})
    (link,) = answer["output"]["images"]
    assert fetch(link).status == 200
    change(caller.sandbox, link_seconds=0)
    assert fetch(link).status == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": ""},
        {"prompt": None},
        {"prompt": "x", "generation_model": "wan"},
        {"prompt": "x", "aspect_ratio": "2:1"},
        {"prompt": "x", "aspect_ratio": "21:9"},
        {"prompt": "x", "numberOfImages": 2},
        {"prompt": "x", "numberOfImages": 5, "lora_weights": LORA},
        {"prompt": "x", "numberOfImages": 0},
        {"prompt": "x", "negative_prompt": "x" * 501},
        {"prompt": "x", "seed": 2**31},
        {"prompt": "x", "lora_weights": LORA, "lora_scale": 2.1},
        {"prompt": "x", "lora_weights": LORA, "num_inference_steps": 27},
        {"prompt": "x", "lora_weights": LORA, "guidance": 4.5},
        {"prompt": "x", "lora_weights": ""},
        {"prompt": "x", "watermark": 1},
        {"prompt": "x", "size": "1664*928"},
    ],
    ids=str,
)
def test_what_the_contract_does_not_allow_is_400_and_not_accepted(
    caller: Caller, body: dict[str, Any]
) -> None:
    reply = caller.post(RUN, body)
    assert reply.status == 400
    assert set(reply.json["error"]) == {"code", "message", "status"}
    assert reply.json["error"]["code"] == "invalid_request"
    assert ledger(caller.sandbox)["tasks"] == []


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 401, "unauthorized"),
        ("bad", 401, "unauthorized"),
        ("no-credits", 402, "insufficient_credits"),
        ("rate-limited", 429, "rate_limited"),
    ],
)
def test_keys_choose_the_refusal(caller: Caller, key: str | None, status: int, code: str) -> None:
    reply = Caller(caller.sandbox, "pixeldojo", key).post(RUN, {"prompt": "x"})
    assert (reply.status, reply.json["error"]["code"]) == (status, code)


def test_unknown_models_and_jobs_are_404(caller: Caller) -> None:
    reply = caller.post("/api/v1/models/qwen-image/run", {"prompt": "x"})
    assert (reply.status, reply.json["error"]["code"]) == (404, "model_not_found")
    assert caller.get("/api/v1/jobs/{job_id}").status == 404
