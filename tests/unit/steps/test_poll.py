"""Poll: asks, stays a bounded while, and ends only on what the vendor says of the task."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from easel.domain.failure import FailureClass
from easel.domain.generation import AttemptState, Generation, Status
from easel.domain.money import Money
from easel.domain.polling import FIRST_SHARE, GAP_SECONDS_MIN, STAY_SECONDS
from easel.errors import AnswerLostError, NotSentError, ResponseTooLargeError, SettingsError
from easel.steps.base import Next
from easel.steps.poll import LOOK_SECONDS
from easel.wire import HttpResponse
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene, said
from tests.unit.steps.vendor_words import (
    ASYNC,
    DASHSCOPE_LINK,
    DASHSCOPE_TASK,
    LINK,
    PIXELDOJO,
    dashscope_task,
    mule_completed,
    mule_error,
    mule_failed,
    mule_missing,
    mule_submitted,
    mule_task,
    pixeldojo_job,
)

PRICE = Money.of("0.075", "USD")
FIRST_WAIT = 0.1 * 30 * FIRST_SHARE  # of a route that usually takes 30 s, and of which no more is known
Answer = HttpResponse | Exception


def processing(*answers: Answer, fields: dict[str, Any] = ASYNC, **more: Any) -> tuple[Scene, Generation]:
    """A generation whose task was just taken."""
    first = {ASYNC["route"]: mule_submitted(), PIXELDOJO["route"]: pixeldojo_job("pending")}
    scene = Scene(first.get(fields["route"], dashscope_task("PENDING")), *answers)
    made = scene.create(**(fields | more))
    assert scene.submitter.submit(made.id).next == "wait"
    scene.clock.sleep(FIRST_WAIT)
    scene.clock.slept.clear()
    scene.script.asked.clear()
    return scene, made


def test_finished_task_goes_to_persist_with_its_links() -> None:
    scene, made = processing(mule_completed(LINK, LINK + "2"))
    assert scene.poller.poll(made.id) == Next(made.id, "persist")
    assert scene.now(made).status is Status.PERSISTING
    assert [ref.url for ref in scene.attempt(made).results] == [LINK, LINK + "2"]
    assert scene.clock.slept == []


def test_question_names_the_task_and_carries_the_key() -> None:
    scene, made = processing(mule_completed())
    scene.poller.poll(made.id)
    ((method, url, headers, body),) = scene.script.asked
    assert (method, body) == ("GET", None)
    assert url.endswith("/vendors/alibaba/v1/qwen-image-max/generation/t-1")
    assert headers["Authorization"] == "Bearer key-of-mulerouter"


def test_what_is_left_of_the_first_wait_is_waited_for_before_the_first_question() -> None:
    scene = Scene(mule_submitted(), mule_completed())
    made = scene.create(**ASYNC)
    assert scene.submitter.submit(made.id) == Next(made.id, "wait", 2), "a Wait state counts whole seconds"
    assert scene.poller.poll(made.id).next == "persist"
    assert scene.clock.slept == [pytest.approx(FIRST_WAIT)]


def test_poll_stays_and_asks_again_until_the_task_is_finished() -> None:
    scene, made = processing(
        mule_task("queued"), mule_task("running"), mule_task("running"), mule_completed()
    )
    assert scene.poller.poll(made.id).next == "persist"
    assert len(scene.script.asked) == 4
    assert len(scene.clock.slept) == 3
    assert all(seconds >= 1 for seconds in scene.clock.slept)


def test_poll_leaves_after_a_bounded_stay_and_says_how_long_to_wait() -> None:
    scene, made = processing(*[mule_task("running")] * 100)
    after = scene.poller.poll(made.id)
    assert after.next == "wait"
    assert STAY_SECONDS - 10 <= sum(scene.clock.slept) <= STAY_SECONDS
    assert 1 <= after.wait_seconds <= 10
    assert scene.now(made).status is Status.PROCESSING


def test_the_longer_the_task_takes_the_longer_the_waits_are() -> None:
    scene, made = processing(*[mule_task("running")] * 200)
    early = scene.poller.poll(made.id).wait_seconds
    scene.clock.sleep(200)
    assert scene.poller.poll(made.id).wait_seconds > early


def test_word_that_no_document_lists_is_kept_and_polled_on() -> None:
    scene, made = processing(mule_task("levitating"), mule_task("completing"), mule_completed())
    assert scene.poller.poll(made.id).next == "persist"
    scene, made = processing(*[mule_task("levitating")] * 100)
    assert scene.poller.poll(made.id).next == "wait"
    assert scene.attempt(made).vendor_status == "levitating"


def test_record_is_written_only_when_the_vendor_says_something_new() -> None:
    scene, made = processing(*[mule_task("processing")] * 100)
    before = scene.now(made).version
    scene.poller.poll(made.id)
    assert scene.now(made).version == before


@pytest.mark.parametrize(
    ("fields", "answer", "charges"),
    [
        (ASYNC, mule_failed(), {"possibly_billed": PRICE}),
        (DASHSCOPE_TASK, dashscope_task("FAILED", code="InternalError", message="no"), {}),
        (DASHSCOPE_TASK, dashscope_task("CANCELED"), {}),
        (DASHSCOPE_TASK, dashscope_task("FAILED", code="Brand.New", message="reason"), {}),
        (
            PIXELDOJO,
            pixeldojo_job("failed", error="no"),
            {"billed": Money.of(2, "credits"), "refunded": Money.of(2, "credits")},
        ),
        (ASYNC, mule_task("completed"), {"possibly_billed": PRICE}),
        (PIXELDOJO, pixeldojo_job("completed", output={}), {"possibly_billed": Money.of(2, "credits")}),
    ],
)
def test_failed_task_is_settled_and_costs_what_the_vendors_rule_says(
    fields: dict[str, Any], answer: HttpResponse, charges: dict[str, Money]
) -> None:
    scene, made = processing(answer, fields=fields)
    after = scene.poller.poll(made.id)
    attempt = scene.attempt(made)
    assert attempt.failure is not None
    again = attempt.costs_nothing and attempt.failure.retryable
    assert after.next == ("submit" if again else "settle")
    assert attempt.state is AttemptState.FAILED
    assert attempt.failure is not None
    told = {name: getattr(attempt, name) for name in ("billed", "possibly_billed", "refunded")}
    assert {name: amount for name, amount in told.items() if amount is not None} == charges


def test_refund_is_of_what_the_vendor_said_that_the_job_costs() -> None:
    scene = Scene(pixeldojo_job("pending", creditCost=1.5), pixeldojo_job("failed", error="no"))
    made = scene.create(**PIXELDOJO)
    scene.submitter.submit(made.id)
    scene.poller.poll(made.id)
    attempt = scene.attempt(made)
    assert attempt.billed == attempt.refunded == Money.of("1.5", "credits")


def polled_to_an_end(scene: Scene, made: Generation) -> str:
    """What comes next when there is nothing to wait for any more."""
    for _ in range(50):
        after = scene.poller.poll(made.id)
        if after.next != "wait":
            return after.next
        scene.clock.sleep(after.wait_seconds)
    raise AssertionError("it is polled for ever")


@pytest.mark.parametrize(
    ("fields", "answer"), [(ASYNC, mule_missing()), (DASHSCOPE_TASK, dashscope_task("UNKNOWN"))]
)
def test_missing_task_is_given_up_only_after_a_minute_of_such_answers(
    fields: dict[str, Any], answer: HttpResponse
) -> None:
    scene, made = processing(*[answer] * 100, fields=fields)
    assert polled_to_an_end(scene, made) == "settle"
    assert len(scene.script.asked) > 5
    assert (scene.clock.now() - made.created_at).total_seconds() >= 60
    attempt = scene.attempt(made)
    assert attempt.state is AttemptState.FAILED
    assert attempt.failure is not None
    assert attempt.failure.failure_class is FailureClass.NOT_FOUND
    assert attempt.possibly_billed == attempt.quoted


def test_task_that_is_seen_again_in_between_starts_the_count_anew() -> None:
    row = [mule_missing()] * 4
    scene, made = processing(*row, mule_task("running"), *row, mule_completed())
    after = scene.poller.poll(made.id)
    while after.next == "wait" and len(scene.script.asked) < 50:
        scene.clock.sleep(after.wait_seconds)
        after = scene.poller.poll(made.id)
    assert after.next == "persist"


def test_count_of_missing_answers_goes_on_over_several_stays() -> None:
    later = mule_error(429, retry_after="90")
    scene, made = processing(*[mule_missing()] * 3, later, *[mule_missing()] * 2)
    scene.clock.sleep(60)
    assert scene.poller.poll(made.id) == Next(made.id, "wait", 90)
    assert scene.poller.poll(made.id).next == "settle"
    assert len(scene.script.asked) == 6


@pytest.mark.parametrize("http", [400, 401, 402, 403])
def test_error_that_tells_nothing_of_the_task_is_given_up_only_when_it_is_repeated(http: int) -> None:
    scene, made = processing(mule_error(http), mule_completed())
    assert scene.poller.poll(made.id).next == "persist"
    scene, made = processing(*[mule_error(http)] * 100)
    assert polled_to_an_end(scene, made) == "settle"
    assert (scene.clock.now() - made.created_at).total_seconds() >= 60
    attempt = scene.attempt(made)
    assert attempt.failure is not None
    assert attempt.failure.http_status == http
    assert attempt.possibly_billed == PRICE


BLIND: list[Answer] = [
    AnswerLostError("time"),
    NotSentError("refused"),
    ResponseTooLargeError("large"),
    mule_error(429),
    mule_error(500),
    mule_error(503),
    said(502, b"<html>"),
    said(504, b""),
]


@pytest.mark.parametrize("answer", BLIND, ids=repr)
def test_question_without_an_answer_is_asked_again_and_never_ends_the_task(answer: Answer) -> None:
    scene, made = processing(*[answer] * 8, mule_completed())
    after = scene.poller.poll(made.id)
    while after.next == "wait" and len(scene.script.asked) < 50:
        scene.clock.sleep(after.wait_seconds)
        after = scene.poller.poll(made.id)
    assert after.next == "persist"
    assert len(scene.script.asked) == 9


def test_vendors_wish_to_be_asked_later_is_respected() -> None:
    scene, made = processing(mule_error(429, retry_after="7"), mule_completed())
    assert scene.poller.poll(made.id).next == "persist"
    assert scene.clock.slept == [7]


def test_wish_that_is_longer_than_the_stay_becomes_the_workflows_wait() -> None:
    scene, made = processing(mule_error(429, retry_after="90"))
    assert scene.poller.poll(made.id) == Next(made.id, "wait", 90)
    assert scene.clock.slept == []


@pytest.mark.parametrize("wish", ["599", "86400", "999999"])
def test_no_wish_is_waited_for_beyond_the_deadline(wish: str) -> None:
    scene, made = processing(mule_error(429, retry_after=wish), deadline_seconds=60)
    left = scene.now(made).seconds_left(scene.clock.now())
    after = scene.poller.poll(made.id)
    assert after == Next(made.id, "wait", left)
    scene.clock.sleep(after.as_state()["wait_seconds"])  # type: ignore[arg-type]
    assert scene.poller.poll(made.id) == Next(made.id, "settle")


@pytest.mark.parametrize("wish", ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "1.5", "\u00b2", "9" * 400, ""])
def test_wish_that_is_no_number_of_seconds_is_ignored(wish: str) -> None:
    scene, made = processing(mule_error(429, retry_after=wish), mule_completed())
    assert scene.poller.poll(made.id).next == "persist"
    assert 1 <= scene.clock.slept[0] <= 10


def test_nobody_is_asked_after_the_deadline() -> None:
    scene, made = processing(mule_completed(), deadline_seconds=10)
    scene.clock.sleep(10)
    assert scene.poller.poll(made.id) == Next(made.id, "settle")
    assert scene.script.asked == []


def test_deadline_that_passes_during_a_stay_ends_the_stay() -> None:
    scene, made = processing(*[mule_task("running")] * 50, deadline_seconds=10)
    assert scene.poller.poll(made.id) == Next(made.id, "settle")
    assert scene.now(made).seconds_left(scene.clock.now()) == pytest.approx(0, abs=1)


def test_last_question_is_not_waited_for_beyond_the_deadline() -> None:
    scene, made = processing(*[mule_task("running")] * 50, deadline_seconds=30)
    timeouts: list[float] = []
    send = scene.script.send

    def noted(*asked: Any, timeout_seconds: float) -> HttpResponse:
        timeouts.append(timeout_seconds - scene.now(made).seconds_left(scene.clock.now()))
        return send(*asked, timeout_seconds=timeout_seconds)

    scene.script.send = noted  # type: ignore[assignment, method-assign]
    assert scene.poller.poll(made.id).next == "settle"
    assert max(timeouts) <= 1, "the least that a question needs"


def test_generation_that_is_canceled_during_a_stay_is_not_asked_about_much_longer() -> None:
    scene, made = processing(*[mule_task("running")] * 100)
    sleep, ends = scene.clock.sleep, scene.clock.now() + timedelta(seconds=5)

    def canceled_meanwhile(seconds: float) -> None:
        sleep(seconds)
        if scene.clock.now() >= ends and not scene.now(made).terminal:
            scene.canceler.cancel(made.tenant, made.id)

    scene.clock.sleep = canceled_meanwhile  # type: ignore[method-assign]
    assert scene.poller.poll(made.id) == Next(made.id, "settle")
    assert sum(scene.clock.slept) < LOOK_SECONDS + 2
    assert scene.now(made).status is Status.CANCELED


def test_vendor_out_of_reach_is_asked_less_often_and_at_once_again_when_it_answers() -> None:
    scene, made = processing(
        *[NotSentError("refused")] * 4, mule_task("running"), mule_task("running"), mule_completed()
    )
    assert scene.poller.poll(made.id).next == "persist"
    assert scene.clock.slept == pytest.approx([2.3, 4.6, 9.2, 10, GAP_SECONDS_MIN, GAP_SECONDS_MIN])


def test_inline_results_of_a_poll_go_to_the_bucket() -> None:
    data = picture("png")
    inline = "data:image/png;base64," + base64.b64encode(data).decode()
    scene, made = processing(mule_completed(inline))
    assert scene.poller.poll(made.id).next == "persist"
    assert scene.images.objects == {f"incoming/{made.id}/1-0": data}


def test_seed_prompt_and_cost_that_the_vendor_tells_are_recorded() -> None:
    results = [{"url": DASHSCOPE_LINK, "actual_prompt": "a lighthouse, more words"}]
    scene, made = processing(dashscope_task("SUCCEEDED", results=results), fields=DASHSCOPE_TASK, seed=5)
    assert scene.poller.poll(made.id).next == "persist"
    assert scene.now(made).actual_prompt == "a lighthouse, more words"
    assert scene.now(made).seed == 5


@pytest.mark.parametrize(
    ("answers", "after"),
    [([mule_completed()], "persist"), ([mule_failed()], "settle")],
)
def test_second_run_goes_on_where_the_first_ended_and_asks_nobody(answers: list[Answer], after: str) -> None:
    scene, made = processing(*answers)
    assert scene.poller.poll(made.id).next == after
    recorded, asked = scene.now(made), len(scene.script.asked)
    assert scene.poller.poll(made.id).next == after
    assert len(scene.script.asked) == asked
    assert scene.now(made) == recorded


def test_key_that_vanished_is_an_error_of_settings_and_not_a_failed_task() -> None:
    scene, made = processing(mule_completed())
    scene.keys.keys.clear()
    with pytest.raises(SettingsError, match="mulerouter"):
        scene.poller.poll(made.id)
    assert scene.attempt(made).state is AttemptState.ACCEPTED
