"""PixelDojo: its requests, its errors, and each point on which its documents disagree (PD-1 to PD-10)."""

from decimal import Decimal
from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.ask import Ask, LoraAsk
from easel.domain.capabilities import Fit, fit
from easel.domain.failure import Failure
from easel.domain.request import GenerationRequest
from easel.domain.sizes import Geometry, Size
from easel.vendors.base import Failed, Finished, LinkedImage, Missing, Pending, VendorTask
from easel.vendors.pixeldojo import PixelDojo
from tests.contract.wire_samples import Sample, answer, requests_of

LIGHTHOUSE = "A lighthouse on a basalt cliff at dawn"
LINK = "https://temp.pixeldojo.ai/pixeldojotemp/1767225600000-abc123-0.png"

ASKS: dict[str, Ask | VendorTask] = {
    "pd.submit.min": Ask("qwen-image-max", LIGHTHOUSE, geometry=Geometry("1:1", Size(1328, 1328))),
    "pd.submit.full.max": Ask(
        "qwen-image-max",
        LIGHTHOUSE,
        negative_prompt="blurry",
        geometry=Geometry("16:9", Size(1664, 928)),
        n=1,
        seed=123456,
        prompt_extend=True,
        watermark=False,
    ),
    "pd.submit.full.lora": Ask(
        "qwen-image-max",
        "A lighthouse in my style",
        negative_prompt="blurry",
        geometry=Geometry("21:9", None),
        n=4,
        seed=123456,
        lora=LoraAsk("https://example.com/style.safetensors", scale=1, steps=35, guidance=3, go_fast=False),
    ),
    "pd.poll": VendorTask("qwen-image-max", "job_abc123"),
}

# Where Easel sends what a sample does not: sample -> (row, what Easel adds).
ADDED: dict[str, tuple[str, dict[str, Any]]] = {
    "pd.submit.min": ("PD-1", {"generation_model": "qwen-image-max"}),
}


@pytest.mark.parametrize("sample", requests_of("pixeldojo"), ids=lambda sample: sample.id)
def test_request_is_built_as_the_sample_shows(sample: Sample) -> None:
    asked = ASKS[sample.id]
    adapter = PixelDojo()
    request = adapter.build_submit(asked) if isinstance(asked, Ask) else adapter.build_poll(asked)
    _, added = ADDED.get(sample.id, ("", {}))
    assert (request.method, request.path) == (sample.request["method"], sample.request["path"])
    assert {**request.headers, **adapter.authorize("<key>")} == sample.request["headers"]
    assert (request.body or {}) == {**sample.request.get("body", {}), **added}


def http_error(status: int, body: object, headers: dict[str, str] | None = None) -> Failure:
    read = PixelDojo().read_submit(answer(status, body, headers))
    assert isinstance(read, Failed)
    return read.failure


def job(status: str, **more: object) -> dict[str, object]:
    return {"jobId": "job_1", "status": status, **more}


def both(status: int, body: object) -> tuple[object, object]:
    response = answer(status, body)
    return PixelDojo().read_submit(response), PixelDojo().read_poll(response)


CODES = [
    ("invalid_request", 400, "validation", False),
    ("unauthorized", 401, "auth", False),
    ("insufficient_credits", 402, "billing", False),
    ("insufficient_credits", 403, "billing", False),  # PD-7
    ("model_not_found", 404, "not_found", False),
    ("rate_limited", 429, "rate_limit", True),
    ("internal_error", 500, "transient", True),
    ("invalid_api_key", 401, "auth", False),
    ("quota_exceeded", 429, "billing", False),
    ("server_error", 500, "transient", True),
]
SHAPES = {
    "error object": lambda code: {"error": {"code": code, "message": "words", "status": 400}},
    "error code": lambda code: {"error": code, "message": "words"},
    "error text, code beside": lambda code: {"error": "words", "code": code},
    "flat": lambda code: {"code": code, "message": "words"},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("code", "status", "failure_class", "retryable"), CODES)
def test_pd7_code_is_classed_in_every_shape(
    code: str, status: int, failure_class: str, retryable: bool, shape: Any
) -> None:
    failure = http_error(status, shape(code))
    assert (failure.failure_class, failure.retryable) == (failure_class, retryable)
    assert (failure.code, failure.message, failure.http_status) == (code, "words", status)
    assert failure.vendor_body


@pytest.mark.parametrize(
    ("status", "failure_class"),
    [
        (400, "validation"),
        (401, "auth"),
        (402, "billing"),
        (403, "auth"),
        (404, "not_found"),
        (429, "rate_limit"),
        (500, "transient"),
    ],
)
@pytest.mark.parametrize(
    "body", [{"error": "Some text"}, {"message": "Some text"}, {"error": {"message": "Some text"}}]
)
def test_error_text_without_a_code_is_classed_by_status(
    body: dict[str, object], status: int, failure_class: str
) -> None:
    failure = http_error(status, body)
    assert (failure.failure_class, failure.code, failure.message) == (failure_class, None, "Some text")
    assert failure.vendor_body


def test_retry_after_of_a_429_is_kept() -> None:
    assert http_error(429, {"error": "rate_limited"}, {"Retry-After": "6"}).retry_after_seconds == 6


@pytest.mark.parametrize(
    ("error", "failure_class"),
    [
        ({"code": "internal_error", "message": "Generation failed"}, "transient"),
        ({"code": "insufficient_credits", "message": "no"}, "billing"),
        ("rate_limited", "rate_limit"),
        ("Generation failed", "vendor_contract"),
        ("NSFW content detected", "moderation"),
        ({"code": "generation_failed", "message": "Flagged by moderation"}, "moderation"),
        ({"code": "internal_error", "message": "safety service is down"}, "transient"),
        (None, "vendor_contract"),
        ([1], "vendor_contract"),
    ],
)
@pytest.mark.parametrize("word", ["failed", "error"])
def test_failed_job_is_classed_by_code_then_by_text(word: str, error: object, failure_class: str) -> None:
    for read in both(200, job(word, error=error, creditCost=0)):
        assert isinstance(read, Failed)
        assert read.failure.failure_class == failure_class
        assert (read.task_id, read.cost, read.failure.http_status) == ("job_1", Decimal(0), 200)


@pytest.mark.parametrize(
    "phrase", ["nsfw", "moderation", "inappropriate", "prohibited", "content policy", "safety"]
)
def test_failed_job_with_a_phrase_of_moderation_is_moderation_in_either_case(phrase: str) -> None:
    for text in (f"the {phrase} of it", phrase.upper()):
        for read in both(200, job("failed", error=text)):
            assert isinstance(read, Failed)
            assert read.failure.failure_class == "moderation"


@pytest.mark.parametrize("word", ["cancelled", "canceled"])
def test_canceled_job_is_canceled(word: str) -> None:
    for read in both(200, job(word)):
        assert isinstance(read, Failed)
        assert read.failure.failure_class == "canceled"


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("word", ["pending", "queued", "processing", "running"])
def test_word_of_progress_is_pending_under_either_status(word: str, status: int) -> None:
    for read in both(status, job(word)):
        assert read == Pending("job_1", word)


@pytest.mark.parametrize("word", ["starting", "Completed", ""])
def test_unknown_word_is_polled_on_even_beside_images(word: str) -> None:
    for read in both(200, job(word, output={"images": [LINK]})):
        assert read == Pending("job_1", word, known=False)


def test_pd1_generation_model_is_always_sent_unless_a_lora_is_asked_for() -> None:
    for model in ("qwen-image-max", "qwen-image-max-2025-12-30", "qwen-image-plus", "qwen-image"):
        assert (PixelDojo().build_submit(Ask(model, "x")).body or {})["generation_model"] == model
    lora = PixelDojo().build_submit(Ask("qwen-image-max", "x", lora=LoraAsk("owner/name")))
    assert lora.body == {"prompt": "x", "lora_weights": "owner/name"}


def fitted(route: str, **request: Any) -> Fit:
    capabilities = CATALOGUE.routes[route].capabilities
    return fit(
        GenerationRequest(model="qwen-image-max", prompt="x", **request), capabilities, "qwen-image-max"
    )


def test_pd2_21_to_9_is_refused_unless_a_lora_is_asked_for() -> None:
    plain = fitted("pixeldojo/qwen-image-max", size="21:9")
    assert [problem.field for problem in plain.problems] == ["size"]
    lora = fitted("pixeldojo/qwen-image-lora", size="21:9", lora={"weights": "owner/name"})
    assert not lora.problems
    assert (PixelDojo().build_submit(lora.ask).body or {})["aspect_ratio"] == "21:9"


def test_pd3_several_images_are_refused_without_a_lora_and_its_settings_stay_out() -> None:
    assert [problem.field for problem in fitted("pixeldojo/qwen-image-max", n=2).problems] == ["n"]
    lora = fitted("pixeldojo/qwen-image-lora", n=4, lora={"weights": "owner/name"})
    assert (PixelDojo().build_submit(lora.ask).body or {})["numberOfImages"] == 4
    plain = PixelDojo().build_submit(fitted("pixeldojo/qwen-image-max", n=1).ask).body or {}
    assert plain == {"prompt": "x", "generation_model": "qwen-image-max", "numberOfImages": 1}


def test_pd4_job_id_is_trusted_and_status_url_is_not() -> None:
    body = job("pending", statusUrl="https://evil.example/api/v1/jobs/other")
    read = PixelDojo().read_submit(answer(200, body))
    assert read == Pending("job_1", "pending")
    assert PixelDojo().build_poll(VendorTask("m", "job_1")).path == "/api/v1/jobs/job_1"
    without_id = PixelDojo().read_submit(
        answer(200, {"status": "pending", "statusUrl": "https://pixeldojo.ai/x"})
    )
    assert isinstance(without_id, Failed)
    assert without_id.failure.failure_class == "vendor_contract"


@pytest.mark.parametrize(
    "delivery",
    [
        {"output": {"images": [LINK]}},
        {"output": {"images": [{"url": LINK}]}},
        {"output": {"image": LINK}},
        {"output": {"images": [], "image": LINK}},
        {"assets": [{"url": LINK}]},
        {"output": None, "assets": [{"url": LINK}]},
        {"output": {"images": [LINK], "image": LINK + "?other"}, "assets": [{"url": LINK + "?other"}]},
    ],
    ids=str,
)
def test_pd6_images_are_the_first_place_that_is_not_empty(delivery: dict[str, object]) -> None:
    for read in both(200, job("completed", **delivery)):
        assert read == Finished((LinkedImage(LINK),), task_id="job_1")


@pytest.mark.parametrize("output", [None, {}, {"images": []}, {"images": [7]}, [], {"image": ""}], ids=repr)
def test_success_without_a_usable_image_is_a_breach_of_contract(output: object) -> None:
    for read in both(200, job("completed", output=output, creditCost=2)):
        assert isinstance(read, Failed)
        assert read.failure.failure_class == "vendor_contract"
        assert (read.task_id, read.cost) == ("job_1", Decimal(2))


@pytest.mark.parametrize(
    ("wire", "cost"),
    [
        (2, Decimal(2)),
        (0.1, Decimal("0.1")),
        (1.5, Decimal("1.5")),
        ("1.5", Decimal("1.5")),
        (None, None),
        (True, None),
        (-1, None),
        (float("inf"), None),
        ("1e999999", None),
        ("9" * 40, None),
        ({}, None),
    ],
)
def test_pd8_credit_cost_is_an_exact_decimal(wire: object, cost: Decimal | None) -> None:
    for read in both(200, job("pending", creditCost=wire)):
        assert read == Pending("job_1", "pending", cost=cost)


def test_pd9_a_long_prompt_is_cut_at_800_without_a_lora_only() -> None:
    prompt = "x" * 900
    route, lora = (CATALOGUE.routes[f"pixeldojo/{name}"] for name in ("qwen-image-max", "qwen-image-lora"))
    request = GenerationRequest(model="qwen-image-max", prompt=prompt)
    assert len(fit(request, route.capabilities, "m").ask.prompt) == 800
    assert fit(request, lora.capabilities, "m").ask.prompt == prompt


def test_pd10_the_ratio_is_sent_and_no_pixels() -> None:
    request = PixelDojo().build_submit(Ask("qwen-image-max", "x", geometry=Geometry("9:16", Size(928, 1664))))
    assert request.body == {"prompt": "x", "generation_model": "qwen-image-max", "aspect_ratio": "9:16"}


def test_unknown_job_is_missing_at_a_poll_only() -> None:
    response = answer(404, {"error": {"code": "not_found", "message": "no such job"}})
    assert PixelDojo().read_poll(response) == Missing("404")
    assert http_error(404, {"error": "x"}).failure_class == "not_found"


def test_poll_answer_may_leave_the_id_out() -> None:
    assert PixelDojo().read_poll(answer(200, {"status": "pending"})) == Pending("", "pending")
