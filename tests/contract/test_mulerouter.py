"""MuleRouter: its requests, its errors, and each point on which its documents disagree (MR-1 to MR-12)."""

from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.ask import Ask
from easel.domain.capabilities import fit
from easel.domain.failure import Failure
from easel.domain.request import GenerationRequest
from easel.domain.sizes import Geometry, Size
from easel.vendors.base import Failed, Finished, InlineImage, LinkedImage, Missing, Pending, VendorTask
from easel.vendors.mulerouter import MODERATION_PHRASES, MuleRouter
from tests.contract.wire_samples import Sample, answer, requests_of

LIGHTHOUSE = "A lighthouse on a basalt cliff at dawn"
LINK = "https://mule-router-assets.muleusercontent.com/public/production/ephemeral/x/result_00.png"

ASKS: dict[str, Ask | VendorTask] = {
    "mr.t2i.submit.min": Ask("qwen-image-max", LIGHTHOUSE),
    "mr.t2i.submit.full": Ask(
        "qwen-image-max",
        LIGHTHOUSE,
        geometry=Geometry("16:9", Size(1664, 928)),
        n=1,
        seed=0,
        prompt_extend=True,
        safety_filter=True,
    ),
    "mr.t2i.poll": VendorTask("qwen-image-max", "8e1e315e-b50d-4334-a231-be7d19a372f4"),
    "mr.edit.submit.min": Ask(
        "qwen-image-edit-max", "Make the sky stormy", images=("https://example.com/in.png",)
    ),
    "mr.edit.submit.full": Ask(
        "qwen-image-edit-max",
        "Put the hat of Image 2 on the person in Image 1",
        geometry=Geometry(None, Size(1024, 1536)),
        n=2,
        seed=0,
        prompt_extend=True,
        safety_filter=True,
        images=("https://example.com/a.png", "data:image/png;base64,iVBORw0KGgo="),
    ),
    "mr.edit.poll": VendorTask("qwen-image-edit-max", "8e1e315e-b50d-4334-a231-be7d19a372f4"),
}

# Where a sample sends what Easel does not: sample -> (row, the body keys that Easel leaves out).
LEFT_OUT: dict[str, tuple[str, set[str]]] = {
    "mr.t2i.submit.full": ("MR-9", {"negative_prompt"}),  # null
    "mr.edit.submit.full": ("MR-9", {"negative_prompt"}),  # null
}


@pytest.mark.parametrize("sample", requests_of("mulerouter"), ids=lambda sample: sample.id)
def test_request_is_built_as_the_sample_shows(sample: Sample) -> None:
    asked = ASKS[sample.id]
    adapter = MuleRouter()
    request = adapter.build_submit(asked) if isinstance(asked, Ask) else adapter.build_poll(asked)
    _, left_out = LEFT_OUT.get(sample.id, ("", set()))
    body = {key: value for key, value in sample.request.get("body", {}).items() if key not in left_out}
    assert (request.method, request.path) == (sample.request["method"], sample.request["path"])
    assert {**request.headers, **adapter.authorize("<key>")} == sample.request["headers"]
    assert as_json(request.body or {}) == body


def as_json(body: Any) -> Any:
    """Tuples as JSON has them."""
    if isinstance(body, dict):
        return {key: as_json(value) for key, value in body.items()}
    return [as_json(item) for item in body] if isinstance(body, list | tuple) else body


def http_error(status: int, body: object, headers: dict[str, str] | None = None) -> Failure:
    read = MuleRouter().read_submit(answer(status, body, headers))
    assert isinstance(read, Failed)
    return read.failure


def task(status: str, **more: object) -> dict[str, Any]:
    return {"task_info": {"id": "t-1", "status": status, **more}}


def failed_task(error: object) -> Failure:
    read = MuleRouter().read_poll(answer(200, task("failed", error=error)))
    assert isinstance(read, Failed)
    assert read.task_id == "t-1"
    return read.failure


HTTP_STATUSES = [
    (400, "validation", False),
    (401, "auth", False),
    (402, "billing", False),
    (403, "auth", False),
    (404, "not_found", False),
    (405, "validation", False),
    (409, "conflict", False),
    (423, "transient", True),
    (429, "rate_limit", True),
    (451, "moderation", False),
    (500, "transient", True),
    (502, "transient", True),
    (503, "transient", True),
    (504, "transient", True),
]


@pytest.mark.parametrize(("status", "failure_class", "retryable"), HTTP_STATUSES)
def test_http_status_is_classed(status: int, failure_class: str, retryable: bool) -> None:
    failure = http_error(status, {"status": status, "title": "Some Title", "error_code": 0})
    assert (failure.failure_class, failure.retryable) == (failure_class, retryable)
    assert (failure.code, failure.message, failure.http_status) == ("0", "Some Title", status)
    assert failure.vendor_body


NUMBERS = [
    (1000, 403, "auth", False),
    (1001, 401, "auth", False),
    (1002, 402, "billing", False),
    (2000, 404, "not_found", False),
    (2001, 400, "validation", False),
    (2002, 400, "validation", False),
    (3000, 404, "not_found", False),
    (3001, 400, "vendor_contract", False),
    (3002, 500, "transient", True),
    (3003, 500, "transient", True),
    (3004, 500, "transient", True),
    (3005, 500, "transient", True),
    (4002, 500, "transient", True),
    (4008, 500, "transient", True),
]


@pytest.mark.parametrize("spell", [int, str], ids=["int", "string"])
@pytest.mark.parametrize("key", ["code", "error_code"])
@pytest.mark.parametrize(("number", "status", "failure_class", "retryable"), NUMBERS)
def test_mr7_number_is_read_under_either_key_in_either_spelling(
    number: int, status: int, failure_class: str, retryable: bool, key: str, spell: type
) -> None:
    error = {key: spell(number), "title": "Title", "detail": "some words"}
    for failure in (failed_task(error), http_error(status, error), http_error(status, {"error": error})):
        assert (failure.failure_class, failure.retryable) == (failure_class, retryable)
        assert failure.code == str(number)
        assert failure.message == "Title: some words"


@pytest.mark.parametrize(
    ("title", "detail", "failure_class"),
    [
        ("Invalid Request", "The prompt contains prohibited content", "moderation"),
        ("Content Error", "refused", "moderation"),
        ("Content Error", None, "moderation"),
        ("Invalid Request", "Output data may contain inappropriate content", "moderation"),
        ("Invalid Request", "image too large", "vendor_contract"),
        ("Upstream Error", "execution failed", "vendor_contract"),
        (None, None, "vendor_contract"),
    ],
)
def test_3001_is_moderation_by_its_text_and_never_repeated(
    title: str | None, detail: str | None, failure_class: str
) -> None:
    failure = failed_task({"code": 3001, "title": title, "detail": detail})
    assert failure.failure_class == failure_class
    assert not failure.retryable


@pytest.mark.parametrize(
    "phrase", ["prohibited", "content error", "inappropriate", "moderation", "content policy"]
)
def test_3001_with_a_phrase_of_moderation_is_moderation_in_either_case(phrase: str) -> None:
    assert phrase in MODERATION_PHRASES
    for text in (f"the {phrase} of it", phrase.upper()):
        assert failed_task({"code": 3001, "detail": text}).failure_class == "moderation"


@pytest.mark.parametrize("error", ["internal failure", None, [], {}, 5, {"code": 9999, "title": "New"}])
def test_failed_task_of_unknown_cause_is_not_repeated(error: object) -> None:
    failure = failed_task(error)
    assert failure.failure_class == "vendor_contract"
    assert failure.message == ("internal failure" if error == "internal failure" else failure.message)


def test_message_and_request_id_come_from_the_problem_document() -> None:
    detail = "None (request_id: c3532430-0000-4000-8000-b9a171538805)"
    failure = http_error(401, {"status": 401, "title": "Invalid API Key format", "detail": detail})
    assert failure.message == f"Invalid API Key format: {detail}"
    assert failure.request_id == "c3532430-0000-4000-8000-b9a171538805"


@pytest.mark.parametrize(
    "body",
    [
        {"detail": "Bad thing"},
        {"error": "Bad thing"},
        {"error": {"message": "Bad thing", "code": 2002}},
        {"message": "Bad thing"},
        {"task_info": {"error": {"detail": "Bad thing"}}},
    ],
)
def test_message_is_found_wherever_the_vendors_clients_look(body: dict[str, object]) -> None:
    assert http_error(400, body).message == "Bad thing"


def test_a_message_alone_may_be_a_proxys() -> None:
    assert not http_error(503, {"message": "Service Unavailable"}).vendor_body
    assert http_error(503, {"title": "Service Unavailable"}).vendor_body


def test_traceparent_is_kept_as_request_id() -> None:
    headers = {"traceparent": "00-abc-def-01"}
    adapter = MuleRouter()
    pending = adapter.read_submit(answer(202, task("processing"), headers))
    finished = adapter.read_poll(answer(200, {**task("completed"), "images": [LINK]}, headers))
    assert isinstance(pending, Pending)
    assert isinstance(finished, Finished)
    assert pending.request_id == finished.request_id == "00-abc-def-01"
    assert http_error(500, {"title": "T"}, headers).request_id == "00-abc-def-01"


def test_mr1_only_the_vendors_path_is_called_and_both_templates_can_be_set() -> None:
    ask, polled = Ask("qwen-image-max", "x"), VendorTask("qwen-image-max", "t")
    assert MuleRouter().build_submit(ask).path == "/vendors/alibaba/v1/qwen-image-max/generation"
    assert MuleRouter().build_poll(polled).path == "/vendors/alibaba/v1/qwen-image-max/generation/t"
    other = MuleRouter(submit_path="/v1/inference/{model}", poll_path="/v1/inference/{model}/{task_id}")
    assert other.build_submit(ask).path == "/v1/inference/qwen-image-max"
    assert other.build_poll(polled).path == "/v1/inference/qwen-image-max/t"


def test_mr2_mr10_status_is_a_get_without_trailing_slash_under_the_tasks_own_model() -> None:
    request = MuleRouter().build_poll(VendorTask("qwen-image-edit-max", "t"))
    assert (request.method, request.path) == ("GET", "/vendors/alibaba/v1/qwen-image-edit-max/generation/t")


@pytest.mark.parametrize("word", ["pending", "queued", "running", "processing"])
def test_mr3_word_of_progress_is_pending(word: str) -> None:
    for read in both(202, task(word)):
        assert read == Pending("t-1", word)


@pytest.mark.parametrize("word", ["paused", "COMPLETED", "", "success"])
def test_unknown_word_is_polled_on_and_kept_even_beside_images(word: str) -> None:
    for read in both(200, {**task(word), "images": [LINK]}):
        assert read == Pending("t-1", word, known=False)


def both(status: int, body: object) -> tuple[object, object]:
    response = answer(status, body)
    return MuleRouter().read_submit(response), MuleRouter().read_poll(response)


@pytest.mark.parametrize("word", ["completed", "succeeded"])
def test_mr4_either_word_of_success_delivers(word: str) -> None:
    for read in both(200, {**task(word), "images": [LINK]}):
        assert read == Finished((LinkedImage(LINK),), task_id="t-1")


BASE64 = "iVBORw0KGgo="


@pytest.mark.parametrize(
    "delivery",
    [
        {"images": [LINK]},
        {"images": [{"url": LINK}]},
        {"images": LINK},
        {"images": {"url": LINK}},
        {"data": [LINK]},
        {"data": [{"url": LINK}]},
        {"output": [LINK]},
        {"output": LINK},
        {"result": {"images": [LINK]}},
        {"images": [], "data": None, "result": {"images": [{"url": LINK}]}},
    ],
    ids=str,
)
def test_mr5_images_are_found_in_every_place_seen(delivery: dict[str, object]) -> None:
    read = MuleRouter().read_poll(answer(200, {**task("completed"), **delivery}))
    assert isinstance(read, Finished)
    assert read.images == (LinkedImage(LINK),)


@pytest.mark.parametrize("text", [BASE64, f"data:image/png;base64,{BASE64}", f"{BASE64[:4]}\n{BASE64[4:]}"])
def test_mr5_base64_images_are_decoded(text: str) -> None:
    read = MuleRouter().read_poll(answer(200, {**task("completed"), "images": [{"b64_json": text}]}))
    assert isinstance(read, Finished)
    assert read.images == (InlineImage(b"\x89PNG\r\n\x1a\n"),)


@pytest.mark.parametrize(
    "images",
    [
        [],
        None,
        "",
        "no link",
        [""],
        [None, 5, {}],
        [{"b64_json": "not base64!"}],
        [{"b64_json": "!!!!iVBORw0KGgo="}],
        ["ftp://x/y.png"],
        ["https://a\nb"],
    ],
    ids=repr,
)
def test_success_without_a_usable_image_is_a_breach_of_contract(images: object) -> None:
    for read in both(200, {**task("completed"), "images": images}):
        assert isinstance(read, Failed)
        assert read.failure.failure_class == "vendor_contract"
        assert read.failure.http_status == 200
        assert read.task_id == "t-1"


def test_mr6_updated_at_may_be_there_or_not() -> None:
    dated = task("processing", created_at="2026-01-01T00:00:00Z", updated_at="2026-01-01T00:00:00Z")
    assert both(202, dated) == both(202, task("processing"))


def test_mr8_texts_over_the_limit_are_cut_before_sending_and_never_by_the_adapter() -> None:
    route = CATALOGUE.routes["mulerouter/qwen-image-max"]
    request = GenerationRequest(model="qwen-image-max", prompt="é" * 801, negative_prompt="n" * 501)
    body = MuleRouter().build_submit(fit(request, route.capabilities, "qwen-image-max").ask).body or {}
    assert (len(body["prompt"]), len(body["negative_prompt"])) == (800, 500)
    whole = MuleRouter().build_submit(Ask("qwen-image-max", "é" * 801)).body or {}
    assert len(whole["prompt"]) == 801


def test_mr9_nothing_empty_is_sent_and_optional_keys_stay_out() -> None:
    request = MuleRouter().build_submit(Ask("qwen-image-max", "x", negative_prompt=" \n", images=()))
    assert request.body == {"prompt": "x"}


def test_max_is_never_sent_a_number_of_images() -> None:
    assert "n" not in (MuleRouter().build_submit(Ask("qwen-image-max", "x", n=1)).body or {})
    edit = Ask("qwen-image-edit-max", "x", n=6, images=("https://example.com/a.png",))
    assert (MuleRouter().build_submit(edit).body or {})["n"] == 6


@pytest.mark.parametrize(
    ("status", "number", "detail", "failure_class"),
    [
        (402, 0, "anything", "billing"),
        (402, 2002, "the status is first", "billing"),
        (403, 1002, "the number refines a 403", "billing"),
        (429, 1002, "the number refines a 429", "billing"),
        (429, 0, "Daily spend limit exceeded", "billing"),
        (429, 0, "daily SPEND limit", "billing"),
        (429, 0, "Quota exceeded", "rate_limit"),
        (429, 0, "Rate limit exceeded", "rate_limit"),
    ],
)
def test_mr11_lack_of_money_is_told_by_status_then_number_then_text(
    status: int, number: int, detail: str, failure_class: str
) -> None:
    failure = http_error(status, {"status": status, "title": "T", "detail": detail, "error_code": number})
    assert failure.failure_class == failure_class
    assert failure.retryable is (failure_class == "rate_limit")


@pytest.mark.parametrize(("headers", "seconds"), [({}, None), ({"Retry-After": "2"}, 2.0)])
def test_mr11_a_429_says_how_long_to_wait_or_nothing(headers: dict[str, str], seconds: float | None) -> None:
    assert http_error(429, {"title": "Too Many Requests"}, headers).retry_after_seconds == seconds


def test_mr12_fewer_images_than_asked_are_delivered() -> None:
    read = MuleRouter().read_poll(answer(200, {**task("completed"), "images": [LINK, None, LINK + "?2"]}))
    assert isinstance(read, Finished)
    assert read.images == (LinkedImage(LINK), LinkedImage(LINK + "?2"))


def test_unknown_task_is_missing_at_a_poll_only() -> None:
    response = answer(404, {"status": 404, "title": "Not Found"})
    assert MuleRouter().read_poll(response) == Missing("404")
    assert http_error(404, {"title": "Not Found"}).failure_class == "not_found"


def test_accepted_task_without_an_id_is_a_breach_of_contract() -> None:
    read = MuleRouter().read_submit(answer(202, {"task_info": {"status": "processing"}}))
    assert isinstance(read, Failed)
    assert (read.failure.failure_class, read.failure.http_status) == ("vendor_contract", 202)


def test_id_without_a_status_word_is_polled_on() -> None:
    for read in both(202, {"task_info": {"id": 77}}):
        assert read == Pending("77", "", known=False)


def test_poll_answer_may_leave_the_id_out() -> None:
    read = MuleRouter().read_poll(answer(200, {"task_info": {"status": "running"}}))
    assert read == Pending("", "running")
