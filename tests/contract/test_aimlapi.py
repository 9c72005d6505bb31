"""AI/ML API: its request, its three answers, its errors, and AI-1 to AI-8, on which documents disagree."""

from decimal import Decimal
from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.ask import Ask
from easel.domain.capabilities import fit
from easel.domain.failure import Failure
from easel.domain.request import GenerationRequest
from easel.domain.sizes import Geometry, Size
from easel.vendors.aimlapi import AimlApi
from easel.vendors.base import Failed, Finished, InlineImage, LinkedImage
from tests.contract.wire_samples import Sample, answer, requests_of

LIGHTHOUSE = "A lighthouse on a basalt cliff at dawn"
MODEL = "alibaba/qwen-image"
LINK = "https://cdn.aimlapi.com/eagle/files/kangaroo/abcdefghijklmnopqrstu.jpeg"
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00\x10JFIF"
PNG_BASE64, JPEG_BASE64 = "iVBORw0KGgo=", "/9j/4AAQSkZJRg=="

ASKS = {
    "ai.submit.min": Ask(MODEL, LIGHTHOUSE),
    "ai.submit.full": Ask(
        MODEL,
        LIGHTHOUSE,
        negative_prompt="blurry",
        n=1,
        seed=1,
        safety_filter=True,
        output_format="jpeg",
        guidance_scale=1,
    ),
    "ai.submit.full.later": Ask(
        MODEL,
        LIGHTHOUSE,
        negative_prompt="blurry",
        geometry=Geometry(None, Size(1344, 768)),
        n=2,
        seed=7,
        safety_filter=True,
        output_format="png",
        guidance_scale=4,
    ),
}

# Where a sample sends what Easel does not: sample -> (row, the body keys that Easel leaves out).
LEFT_OUT: dict[str, tuple[str, set[str]]] = {
    "ai.submit.full": ("AI-6", {"sync_mode"}),
    "ai.submit.full.later": ("AI-1", {"provider"}),  # `auto` is the default; every provider's shape is read
}


@pytest.mark.parametrize("sample", requests_of("aimlapi"), ids=lambda sample: sample.id)
def test_request_is_built_as_the_sample_shows(sample: Sample) -> None:
    adapter = AimlApi()
    request = adapter.build_submit(ASKS[sample.id])
    _, left_out = LEFT_OUT.get(sample.id, ("", set()))
    body = {key: value for key, value in sample.request["body"].items() if key not in left_out}
    assert (request.method, request.path) == (sample.request["method"], sample.request["path"])
    assert {**request.headers, **adapter.authorize("<key>")} == sample.request["headers"]
    assert request.body == body


def error(status: int, body: object, headers: dict[str, str] | None = None) -> Failure:
    read = AimlApi().read_submit(answer(status, body, headers))
    assert isinstance(read, Failed)
    return read.failure


def finished(body: object, status: int = 200) -> Finished:
    read = AimlApi().read_submit(answer(status, body))
    assert isinstance(read, Finished)
    return read


ERRORS = [
    (400, "Body validation error! Expected number >= 1, received 0 (seed)", "validation", False),
    (401, "This request requires a valid API key.", "auth", False),
    (403, "You've run out of credits. Please top up your balance to continue", "billing", False),
    (403, "Your plan is exhausted", "billing", False),
    (403, "Get AI/ML Subscription to use API", "billing", False),
    (403, "Update your payment method", "billing", False),
    (403, "You do not have access to this model", "auth", False),
    (403, "Explanation: accredited users alone", "auth", False),
    (404, "Not Found", "not_found", False),
    (429, "Too Many Requests", "rate_limit", True),
    (429, "Free-tier limit: You've reached your free limit for the hour.", "rate_limit", True),
    (500, "Internal server error", "transient", True),
    (502, "Bad Gateway", "transient", True),
    (503, "Service unavailable", "transient", True),
    (504, "Generation timeout", "transient", True),
]


def envelope(status: int, message: str) -> dict[str, object]:
    return {
        "message": message,
        "path": "/v1/images/generations",
        "requestId": "798b860e",
        "statusCode": status,
        "timestamp": "2026-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize(("status", "message", "failure_class", "retryable"), ERRORS)
def test_error_is_classed_by_status_and_403_by_text(
    status: int, message: str, failure_class: str, retryable: bool
) -> None:
    whole = envelope(status, message)
    bodies = (
        whole,
        {**whole, "statusCode": str(status)},
        {"error": {"message": message}},
        {"error": message},
    )
    for body in bodies:
        failure = error(status, body)
        assert (failure.failure_class, failure.retryable) == (failure_class, retryable)
        assert (failure.message, failure.http_status) == (message, status)
        assert failure.vendor_body


def test_http_status_wins_over_the_status_in_the_body() -> None:
    assert error(500, envelope(400, "x")).failure_class == "transient"


def test_request_id_and_retry_after_are_kept() -> None:
    failure = error(429, envelope(429, "Too Many Requests"), {"Retry-After": "2"})
    assert (failure.request_id, failure.retry_after_seconds) == ("798b860e", 2.0)


def test_request_id_of_an_answer_is_kept_whatever_became_of_it() -> None:
    delivered = finished({**V2, "requestId": "r-1"})
    censored = error(200, {**V2, "has_nsfw_concepts": [True], "requestId": "r-1"})
    empty = error(200, {"data": [], "requestId": "r-1"})
    assert delivered.request_id == censored.request_id == empty.request_id == "r-1"
    assert censored.http_status == 200


def test_a_message_alone_may_be_a_proxys() -> None:
    assert not error(503, {"message": "Service Unavailable"}).vendor_body


V1 = {"status": "finished", "output": {"choices": [{"image_base64": JPEG_BASE64}]}}
V2 = {
    "images": [{"url": LINK, "content_type": "image/jpeg"}],
    "seed": 4128479875,
    "has_nsfw_concepts": [False],
}
V3_LINK = {"created": 1772589140939, "data": [{"b64_json": None, "url": LINK}]}
V3_BASE64 = {"created": 1767225600, "data": [{"b64_json": PNG_BASE64, "url": None}]}


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    ("body", "image"),
    [
        (V1, InlineImage(JPEG)),
        (V2, LinkedImage(LINK)),
        (V3_LINK, LinkedImage(LINK)),
        (V3_BASE64, InlineImage(PNG)),
        (
            {"output": {"choices": [{"image_base64": f"data:image/png;base64,{PNG_BASE64}"}]}},
            InlineImage(PNG),
        ),
        ({"data": [], "images": [], "output": V1["output"]}, InlineImage(JPEG)),
        ({"data": [{"url": None}], **V2}, LinkedImage(LINK)),
        ({"data": V3_BASE64["data"], **V2}, InlineImage(PNG)),
    ],
)
def test_ai1_ai2_every_shape_is_read_under_any_2xx(body: Any, image: object, status: int) -> None:
    assert finished(body, status).images == (image,)


@pytest.mark.parametrize("seed", [None, 1, 4128479875])
def test_ai3_seed_is_sent_as_asked(seed: int | None) -> None:
    body = AimlApi().build_submit(Ask(MODEL, "x", seed=seed)).body or {}
    assert body.get("seed") == seed


def test_ai3_seed_of_0_is_refused_before_sending_and_never_sent() -> None:
    capabilities = CATALOGUE.routes["aimlapi/qwen-image"].capabilities
    request = GenerationRequest(model="qwen-image", prompt="x", seed=0)
    assert [problem.field for problem in fit(request, capabilities, MODEL).problems] == ["seed"]
    assert "seed" not in (AimlApi().build_submit(Ask(MODEL, "x", seed=0)).body or {})


def test_ai4_number_of_images_is_an_integer() -> None:
    number = (AimlApi().build_submit(Ask(MODEL, "x", n=3)).body or {})["num_images"]
    assert (number, type(number)) == (3, int)


def test_ai5_size_is_sent_in_pixels_and_only_where_asked() -> None:
    assert "image_size" not in (AimlApi().build_submit(Ask(MODEL, "x")).body or {})
    body = AimlApi().build_submit(Ask(MODEL, "x", geometry=Geometry("1:1", Size(1024, 1024)))).body or {}
    assert body["image_size"] == {"width": 1024, "height": 1024}


@pytest.mark.parametrize(
    "body",
    [
        {"images": [{"url": f"data:image/jpeg;base64,{JPEG_BASE64}"}]},
        {"data": [{"url": f"data:image/jpeg;base64,{JPEG_BASE64}"}]},
        {"data": [{"url": f"DATA:image/jpeg;name=x;BASE64,{JPEG_BASE64}"}]},
    ],
)
def test_ai6_data_uri_is_accepted_where_a_link_may_stand(body: dict[str, object]) -> None:
    assert finished(body).images == (InlineImage(JPEG),)


def test_ai6_sync_mode_and_provider_are_never_sent() -> None:
    for ask in ASKS.values():
        assert not {"sync_mode", "provider"} & set(AimlApi().build_submit(ask).body or {})


def test_ai7_filtered_images_are_left_out_and_counted() -> None:
    images = [{"url": f"{LINK}?{index}"} for index in range(4)]
    read = finished({"images": images, "has_nsfw_concepts": [False, True, False, True]})
    assert read.images == (LinkedImage(f"{LINK}?0"), LinkedImage(f"{LINK}?2"))
    assert read.filtered == 2


def test_ai7_all_filtered_is_moderation_with_its_cost() -> None:
    body = {
        "images": [{"url": LINK}, {"url": LINK}],
        "has_nsfw_concepts": [True, True],
        "meta": {"usage": {"credits_used": 5}},
    }
    read = AimlApi().read_submit(answer(201, body))
    assert isinstance(read, Failed)
    assert (read.failure.failure_class, read.cost) == ("moderation", Decimal(5))


@pytest.mark.parametrize("flags", [None, [], [None], ["x", 1], {}, [False] * 9])
def test_odd_filter_flags_filter_nothing(flags: object) -> None:
    assert finished({"images": [{"url": LINK}], "has_nsfw_concepts": flags}).filtered == 0


def test_ai8_created_in_seconds_or_milliseconds_reads_the_same() -> None:
    body = {"data": [{"url": LINK}]}
    assert finished({**body, "created": 1756832341}) == finished({**body, "created": 1772589140939})


@pytest.mark.parametrize(
    ("wire", "seed"),
    [
        (4128479875, 4128479875),
        ("7", 7),
        (0, 0),
        (7.0, 7),
        (1.5, None),
        (-1, None),
        (True, None),
        (None, None),
        (2**70, None),
    ],
)
def test_seed_of_the_answer_may_exceed_32_bits(wire: object, seed: int | None) -> None:
    assert finished({**V2, "seed": wire}).seed == seed


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"credits_used": 91000}, Decimal(91000)),
        ({"credits_used": 0.1, "usd_spent": 3}, Decimal("0.1")),
        ({"tokens_used": 120000}, None),
        (None, None),
        ([], None),
    ],
)
def test_cost_is_the_credits_used(usage: object, cost: Decimal | None) -> None:
    assert finished({**V3_LINK, "meta": {"usage": usage}}).cost == cost


def test_revised_prompt_is_kept() -> None:
    assert finished({"data": [{"url": LINK, "revised_prompt": "better"}]}).actual_prompt == "better"
    assert finished(V3_LINK).actual_prompt is None


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": [{"url": None, "b64_json": None}]},
        {"data": [{"b64_json": "not base64!"}]},
        {"data": [{"b64_json": "!!!!iVBORw0KGgo="}]},
        {"data": [{"url": "data:image/svg+xml,<svg/>"}]},
        {"images": [], "has_nsfw_concepts": [True]},
        {"output": {"choices": [{"image_base64": ""}]}},
        {"error": {"message": "under HTTP 200"}},
    ],
)
def test_success_without_a_usable_image_is_a_breach_of_contract(body: dict[str, object]) -> None:
    failure = error(200, body)
    assert (failure.failure_class, failure.http_status) == ("vendor_contract", 200)
