"""Submit: asks a vendor at most once for an image, and records what came of it."""

import base64
from contextlib import suppress
from typing import Any

import pytest

from easel.domain.failure import FailureClass
from easel.domain.generation import AttemptState, GenerationError, Status
from easel.domain.money import Money
from easel.errors import (
    AnswerLostError,
    NotFoundError,
    NotSentError,
    ResponseTooLargeError,
    VendorRateLimitedError,
    VendorTransientError,
)
from easel.steps.base import Next
from easel.wire import HttpResponse
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene, said
from tests.unit.steps.vendor_words import (
    ASYNC,
    DASHSCOPE_LINK,
    DASHSCOPE_TASK,
    INLINE,
    LINK,
    PIXELDOJO,
    SYNC,
    aiml_inline,
    dashscope_finished,
    dashscope_task,
    mule_completed,
    mule_error,
    mule_failed,
    mule_submitted,
    pixeldojo_job,
)

PRICE = Money.of("0.075", "USD")


def test_pending_task_is_recorded_and_waited_for() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    after = scene.submitter.submit(made.id)
    assert (after.id, after.next) == (made.id, "wait")
    assert after.wait_seconds >= 1
    assert scene.now(made).status is Status.PROCESSING
    attempt = scene.attempt(made)
    assert (attempt.state, attempt.task_id, attempt.vendor_status) == (
        AttemptState.ACCEPTED,
        "t-1",
        "processing",
    )
    assert attempt.quoted == PRICE
    assert attempt.billed is attempt.possibly_billed is None
    assert attempt.answered_at is not None


def test_request_goes_to_the_endpoint_with_its_key_and_the_adapters_body() -> None:
    scene = Scene(mule_submitted())
    made = scene.create(seed=7)
    scene.submitter.submit(made.id)
    ((method, url, headers, body),) = scene.script.asked
    assert (method, url) == ("POST", "https://api.mulerouter.ai/vendors/alibaba/v1/qwen-image-max/generation")
    assert headers["Authorization"] == "Bearer key-of-mulerouter"
    assert body == {"prompt": "a lighthouse", "seed": 7}


def test_base_url_that_was_set_replaces_the_endpoints_own() -> None:
    scene = Scene(mule_submitted(), base_urls={"mulerouter": "http://127.0.0.1:9/mulerouter/"})
    scene.submitter.submit(scene.create().id)
    url = scene.script.asked[0][1]
    assert url == "http://127.0.0.1:9/mulerouter/vendors/alibaba/v1/qwen-image-max/generation"


def test_intent_is_in_the_ledger_before_the_vendor_is_asked() -> None:
    scene = Scene()
    made = scene.create()
    seen: list[AttemptState] = []

    def look(*_: Any, **__: Any) -> HttpResponse:
        seen.append(scene.attempt(made).state)
        return mule_submitted()

    scene.script.send = look  # type: ignore[method-assign]
    scene.submitter.submit(made.id)
    assert seen == [AttemptState.INTENT]
    assert scene.way(made) == ["queued", "submitting", "processing"]


def test_synchronous_answer_with_a_link_goes_straight_to_persist() -> None:
    scene = Scene(dashscope_finished())
    made = scene.create(**SYNC, seed=3)
    assert scene.submitter.submit(made.id) == Next(made.id, "persist")
    assert scene.now(made).status is Status.PERSISTING
    assert scene.now(made).seed == 3
    attempt = scene.attempt(made)
    assert [ref.url for ref in attempt.results] == [DASHSCOPE_LINK]
    assert attempt.request_id == "r-1"


def test_inline_images_go_to_the_bucket_and_never_into_the_record() -> None:
    pictures = [picture("png"), picture("jpeg")]
    scene = Scene(aiml_inline(*pictures))
    made = scene.create(**INLINE, n=2)
    assert scene.submitter.submit(made.id).next == "persist"
    keys = [f"incoming/{made.id}/1-{number}" for number in range(2)]
    assert scene.images.objects == dict(zip(keys, pictures, strict=True))
    assert [ref.key for ref in scene.attempt(made).results] == keys
    assert len(scene.now(made).model_dump_json()) < 5_000


def test_parameters_of_the_route_that_serves_are_reported() -> None:
    scene = Scene(mule_submitted())
    made = scene.create(watermark=True, size="16:9", prompt="x" * 900)
    scene.submitter.submit(made.id)
    report = scene.now(made).parameters
    assert report is not None
    assert set(report.dropped) == {"watermark"}
    assert report.mapped == {"size": {"from": "16:9", "to": "1664*928"}}
    assert report.truncated == {"prompt": {"from": 900, "to": 800}}


def test_input_images_of_ours_are_sent_as_data_urls_and_links_as_they_are() -> None:
    data = picture("png", 400, 400)
    inline = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    link = "https://example.com/a.png"
    scene = Scene(mule_submitted())
    edit = {"model": "qwen-image-edit-max", "route": "mulerouter/qwen-image-edit-max"}
    scene.submitter.submit(scene.create(**edit, images=[link, inline]).id)
    sent = scene.script.asked[0][3]["images"]
    assert list(sent) == [link, "data:image/png;base64," + base64.b64encode(data).decode()]


REFUSALS = [
    (400, "validation"), (401, "auth"), (402, "billing"), (403, "auth"), (404, "not_found"),
    (409, "conflict"), (451, "moderation"),
]  # fmt: skip


@pytest.mark.parametrize(("http", "kind"), REFUSALS)
def test_refusal_is_settled_without_asking_again_and_costs_nothing(http: int, kind: str) -> None:
    scene = Scene(mule_error(http))
    made = scene.create()
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    attempt = scene.attempt(made)
    assert attempt.state is AttemptState.REJECTED
    assert attempt.failure is not None
    assert (attempt.failure.failure_class.value, attempt.failure.http_status) == (kind, http)
    assert attempt.billed is attempt.possibly_billed is None
    assert len(scene.script.asked) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (mule_error(429, retry_after="2"), VendorRateLimitedError),
        (mule_error(503), VendorTransientError),
        (mule_error(500), VendorTransientError),
        (mule_error(423), VendorTransientError),
        (said(429, b"<html>"), VendorRateLimitedError),
        (NotSentError("refused"), VendorTransientError),
    ],
)
def test_vendor_that_certainly_did_not_take_the_job_is_asked_again_by_a_second_run(
    answer: HttpResponse | Exception, error: type[Exception]
) -> None:
    scene = Scene(answer, mule_submitted())
    made = scene.create()
    with pytest.raises(error):
        scene.submitter.submit(made.id)
    assert scene.now(made).status is Status.SUBMITTING
    assert scene.attempt(made).state is AttemptState.REJECTED
    after = scene.submitter.submit(made.id)
    if after.next == "submit":  # a rate limit is waited for
        scene.clock.sleep(after.wait_seconds)
        after = scene.submitter.submit(made.id)
    assert after.next == "wait"
    states = [one.state for one in scene.now(made).attempts]
    assert states == [AttemptState.REJECTED, AttemptState.ACCEPTED]
    assert all(one.possibly_billed is None for one in scene.now(made).attempts)
    assert len(scene.script.asked) == 2


UNCLEAR: list[HttpResponse | Exception] = [
    AnswerLostError("time is up"),
    ResponseTooLargeError("too large"),
    mule_error(502),
    mule_error(504),
    said(502, b"<html>Bad Gateway</html>"),
    said(503, b"<html>Service Unavailable</html>"),
    said(500, b""),
    said(302, b""),
]


@pytest.mark.parametrize("answer", UNCLEAR, ids=repr)
def test_lost_answer_is_unknown_and_never_asked_again(answer: HttpResponse | Exception) -> None:
    scene = Scene(answer, mule_submitted())
    made = scene.create()
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert len(scene.script.asked) == 1
    attempt = scene.attempt(made)
    assert attempt.state is AttemptState.UNKNOWN
    assert attempt.possibly_billed == PRICE
    assert attempt.billed is None


def test_run_that_died_between_ask_and_answer_leaves_an_unknown_and_is_not_made_up_for() -> None:
    class DiedError(Exception):
        """The process ended."""

    scene = Scene(DiedError(), mule_submitted())
    made = scene.create()
    with pytest.raises(DiedError):
        scene.submitter.submit(made.id)
    assert scene.attempt(made).state is AttemptState.INTENT
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert len(scene.script.asked) == 1
    assert scene.attempt(made).state is AttemptState.UNKNOWN
    assert scene.attempt(made).possibly_billed == PRICE


@pytest.mark.parametrize(
    ("fields", "answer", "after"),
    [
        (ASYNC, mule_submitted(), "wait"),
        (SYNC, dashscope_finished(), "persist"),
        (ASYNC, mule_error(400), "settle"),
        (ASYNC, mule_failed(), "settle"),
    ],
)
def test_second_run_goes_on_where_the_first_ended_and_asks_nobody(
    fields: dict[str, Any], answer: HttpResponse, after: str
) -> None:
    scene = Scene(answer)
    made = scene.create(**fields)
    assert scene.submitter.submit(made.id).next == after
    recorded = scene.now(made)
    if after == "settle" and recorded.current_attempt.state is AttemptState.REJECTED:
        return  # a refusal is settled at once; the workflow never runs Submit again for it
    assert scene.submitter.submit(made.id).next == after
    assert len(scene.script.asked) == 1
    assert scene.now(made) == recorded


@pytest.mark.parametrize(
    ("fields", "answer", "charges"),
    [
        (ASYNC, mule_failed(), {"possibly_billed": PRICE}),
        (DASHSCOPE_TASK, dashscope_task("FAILED", code="InternalError", message="no"), {}),
        (
            PIXELDOJO,
            pixeldojo_job("failed", error="no"),
            {"billed": Money.of(2, "credits"), "refunded": Money.of(2, "credits")},
        ),
        (ASYNC, said(200, {"hello": "world"}), {"possibly_billed": PRICE}),
        (DASHSCOPE_TASK, said(200, {"hello": "world"}), {"possibly_billed": Money.of("0.220177", "CNY")}),
    ],
)
def test_job_that_failed_at_once_costs_what_the_vendors_rule_says(
    fields: dict[str, Any], answer: HttpResponse, charges: dict[str, Money]
) -> None:
    scene = Scene(answer)
    made = scene.create(**fields)
    with suppress(VendorTransientError):  # what cost nothing may be asked for again
        assert scene.submitter.submit(made.id).next == "settle"
    attempt = scene.attempt(made)
    assert attempt.state is AttemptState.FAILED
    told = {name: getattr(attempt, name) for name in ("billed", "possibly_billed", "refunded")}
    assert {name: amount for name, amount in told.items() if amount is not None} == charges


def test_failed_job_keeps_the_vendors_task_id() -> None:
    scene = Scene(mule_failed())
    made = scene.create()
    scene.submitter.submit(made.id)
    assert scene.attempt(made).task_id == "t-1"


def test_success_without_an_image_is_a_failure() -> None:
    scene = Scene(mule_completed(""))
    made = scene.create()
    assert scene.submitter.submit(made.id).next == "settle"
    failure = scene.attempt(made).failure
    assert failure is not None
    assert failure.failure_class is FailureClass.VENDOR_CONTRACT


def test_vendor_that_delivers_at_once_is_not_polled() -> None:
    scene = Scene(mule_completed())
    made = scene.create()
    assert scene.submitter.submit(made.id).next == "persist"
    assert [ref.url for ref in scene.attempt(made).results] == [LINK]
    assert scene.attempt(made).task_id == "t-1"


def test_nobody_is_asked_after_the_deadline() -> None:
    scene = Scene(mule_submitted())
    made = scene.create(deadline_seconds=10)
    scene.clock.sleep(10)
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert scene.script.asked == []
    assert scene.now(made).attempts == ()


@pytest.mark.parametrize(("passed", "longest"), [(0, 600), (400, 200), (599.5, 1)])
def test_vendor_is_not_waited_for_beyond_the_deadline(passed: float, longest: float) -> None:
    scene = Scene(dashscope_finished())
    made = scene.create(**SYNC)
    scene.clock.sleep(passed)
    scene.submitter.submit(made.id)
    (timeout,) = scene.script.timeouts
    assert 1 <= timeout <= min(longest, 299), "below the function's own 300 s too"


def test_first_wait_does_not_go_past_the_deadline() -> None:
    scene = Scene(mule_submitted())
    made = scene.create(deadline_seconds=10)
    scene.clock.sleep(9.5)
    assert scene.submitter.submit(made.id).wait_seconds <= 0.5


def test_missing_vendor_key_is_a_fault_of_configuration_and_nothing_is_sent() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.keys.keys.clear()
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    attempt = scene.attempt(made)
    assert attempt.state is AttemptState.REJECTED
    assert attempt.failure is not None
    assert attempt.failure.failure_class is FailureClass.CONFIG
    assert scene.script.asked == []


def test_ended_generation_asks_nobody() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.store.save(made.settled(scene.clock.now(), Status.CANCELED, GenerationError(code="c", message="m")))
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert scene.script.asked == []


def test_unknown_generation_is_an_error() -> None:
    with pytest.raises(NotFoundError):
        Scene().submitter.submit("gen_01ARYZ6S410000000000000000")


@pytest.mark.parametrize("seconds", [0, 0.1, 2.0, 2.9])
def test_workflow_is_told_to_wait_whole_seconds_and_never_less_than_asked(seconds: float) -> None:
    state = Next("gen_1", "wait", seconds).as_state()
    assert isinstance(state["wait_seconds"], int)
    assert 0 <= state["wait_seconds"] - seconds < 1
    assert set(state) == {"id", "next", "wait_seconds"}
