"""Submit with several routes, with limits, and where the caller accepts to pay twice."""

from collections.abc import Sequence
from typing import Any

import pytest

from easel.domain.generation import AttemptState, Generation, Status
from easel.domain.limits import LATE_SECONDS, RouteLimits
from easel.errors import (
    AnswerLostError,
    NotSentError,
    VendorRateLimitedError,
    VendorTransientError,
    VersionConflictError,
)
from easel.receipt import receipt
from easel.steps.base import Next
from easel.wire import HttpResponse
from tests.fakes.fuse import KilledError, before_next
from tests.fakes.scene import Scene, said
from tests.unit.steps.vendor_words import (
    dashscope_finished,
    dashscope_task,
    mule_error,
    mule_failed,
    mule_submitted,
    pixeldojo_job,
)

MULE, PIXEL, DASH = (f"{name}/qwen-image-max" for name in ("mulerouter", "pixeldojo", "dashscope-intl"))
PLUS = "dashscope-intl/qwen-image-plus"
Answer = HttpResponse | Exception


def create(scene: Scene, *routes: str, **fields: Any) -> Generation:
    return scene.create(route=list(routes or (MULE, DASH)), **fields)


def ledger(scene: Scene, generation: Generation) -> Sequence[tuple[str, str]]:
    return [(one.route, one.state.value) for one in scene.now(generation).attempts]


def pixel_error(http: int, code: str) -> HttpResponse:
    return said(http, {"error": code, "message": "no"})


CANNOT_HAVE_COST = [
    mule_error(401), mule_error(402), mule_error(403), mule_error(404), mule_error(423), mule_error(429),
    mule_error(500), mule_error(503), said(429, b"<html>"), NotSentError("refused"),
]  # fmt: skip


@pytest.mark.parametrize("answer", CANNOT_HAVE_COST, ids=repr)
def test_next_route_is_asked_at_once_where_the_first_certainly_did_not_take_the_job(answer: Answer) -> None:
    scene = Scene(answer, dashscope_finished())
    made = create(scene)
    assert scene.submitter.submit(made.id) == Next(made.id, "submit", 0)
    assert scene.now(made).status is Status.SUBMITTING
    assert scene.submitter.submit(made.id).next == "persist"
    assert ledger(scene, made) == [(MULE, "rejected"), (DASH, "accepted")]
    assert scene.now(made).route == DASH
    assert scene.now(made).attempts[0].costs_nothing


@pytest.mark.parametrize("answer", [mule_error(400), mule_error(405), mule_error(451)], ids=repr)
def test_refusal_for_what_the_caller_asked_is_not_taken_elsewhere(answer: Answer) -> None:
    scene = Scene(answer)
    made = create(scene)
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert len(scene.script.asked) == 1


@pytest.mark.parametrize("answer", [AnswerLostError("time"), mule_error(502), mule_error(504)], ids=repr)
def test_lost_answer_is_not_taken_elsewhere(answer: Answer) -> None:
    scene = Scene(answer)
    made = create(scene)
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert ledger(scene, made) == [(MULE, "unknown")]


def test_task_that_failed_at_no_cost_is_taken_elsewhere() -> None:
    scene = Scene(dashscope_task("FAILED", code="InternalError", message="no"), mule_submitted())
    made = create(scene, DASH, MULE)
    assert scene.submitter.submit(made.id).next == "submit"
    assert scene.submitter.submit(made.id).next == "wait"
    assert ledger(scene, made) == [(DASH, "failed"), (MULE, "accepted")]


def test_task_that_failed_at_a_cost_is_not() -> None:
    scene = Scene(mule_failed())
    made = create(scene)
    assert scene.submitter.submit(made.id).next == "settle"
    assert scene.attempt(made).possibly_billed == scene.attempt(made).quoted


def test_polled_task_that_failed_and_was_refunded_is_taken_elsewhere() -> None:
    scene = Scene(pixeldojo_job("pending"), pixeldojo_job("failed", error="no"), mule_submitted())
    made = create(scene, PIXEL, MULE)
    assert scene.submitter.submit(made.id).next == "wait"
    assert scene.poller.poll(made.id) == Next(made.id, "submit")
    assert scene.submitter.submit(made.id).next == "wait"
    assert ledger(scene, made) == [(PIXEL, "failed"), (MULE, "accepted")]
    assert scene.now(made).attempts[0].billed == scene.now(made).attempts[0].refunded


def test_workflow_waits_only_when_every_route_that_is_left_was_asked_before() -> None:
    scene = Scene(mule_error(503), said(503, {"code": "ServiceUnavailable", "message": "no"}))
    made = create(scene)
    assert scene.submitter.submit(made.id).next == "submit"
    with pytest.raises(VendorTransientError):
        scene.submitter.submit(made.id)
    assert ledger(scene, made) == [(MULE, "rejected"), (DASH, "rejected")]


def test_error_of_the_last_route_decides_how_long_the_workflow_waits() -> None:
    scene = Scene(mule_error(503), said(429, {"code": "Throttling", "message": "no"}))
    made = create(scene)
    scene.submitter.submit(made.id)
    with pytest.raises(VendorRateLimitedError):
        scene.submitter.submit(made.id)


def test_refused_account_leaves_the_routes_that_may_recover() -> None:
    scene = Scene(mule_error(503), said(401, {"code": "InvalidApiKey", "message": "no"}), mule_submitted())
    made = create(scene)
    assert [scene.submitter.submit(made.id).next for _ in range(3)] == ["submit", "submit", "wait"]
    assert ledger(scene, made) == [(MULE, "rejected"), (DASH, "rejected"), (MULE, "accepted")]


def test_each_choice_is_explained_in_the_ledger() -> None:
    scene = Scene(mule_error(429, retry_after="20"), dashscope_finished())
    made = create(scene)
    for _ in range(2):
        scene.submitter.submit(made.id)
    first, second = scene.now(made).attempts
    assert first.because == "first in the caller's order"
    assert second.because == f"next after {MULE} ended as rejected (rate_limit)"
    other = create(scene)
    scene.script.answers = [dashscope_finished()]
    scene.submitter.submit(other.id)
    assert scene.attempt(other).because == (
        f"{MULE} is at its rate limit until 12:00:20; {DASH} can take it now"
    )


def test_lost_answer_is_bought_again_once_where_the_caller_said_so() -> None:
    scene = Scene(AnswerLostError("time"), AnswerLostError("time"), dashscope_finished())
    made = create(scene, on_unknown="resubmit")
    assert scene.submitter.submit(made.id).next == "submit"
    assert scene.submitter.submit(made.id).next == "settle"
    assert ledger(scene, made) == [(MULE, "unknown"), (DASH, "unknown")]
    assert len(scene.script.asked) == 2


def test_receipt_says_what_may_have_been_billed_beside_what_was_bought_again() -> None:
    scene = Scene(AnswerLostError("time"), mule_submitted())
    made = create(scene, MULE, on_unknown="resubmit")
    with pytest.raises(VendorTransientError):
        scene.submitter.submit(made.id)
    assert scene.submitter.submit(made.id).next == "wait"
    told = receipt(scene.now(made))
    assert told["possibly_billed"] == {"amount": "0.075", "currency": "USD"}
    assert [one["state"] for one in told["attempts"]] == ["unknown", "accepted"]


def test_intent_without_an_answer_is_bought_again_only_where_the_caller_said_so() -> None:
    for on_unknown, after in (("fail", "settle"), ("resubmit", "submit")):
        scene = Scene(KilledError(), dashscope_finished())
        made = create(scene, on_unknown=on_unknown)
        with pytest.raises(KilledError):
            scene.submitter.submit(made.id)
        assert scene.submitter.submit(made.id).next == after
        assert scene.attempt(made).state is AttemptState.UNKNOWN
        assert len(scene.script.asked) == 1


def limited(scene_answers: Sequence[Answer], **limits: Any) -> Scene:
    return Scene(*scene_answers, limits={DASH: RouteLimits(per_minute=2), PLUS: RouteLimits(**limits)})


def test_burst_waits_its_turn_and_asks_nobody_too_often() -> None:
    scene = limited([dashscope_finished()] * 6)
    waiting = [create(scene, DASH) for _ in range(6)]
    began, asked_at = scene.clock.now(), []
    due = [(0.0, number, one) for number, one in enumerate(waiting)]
    while due:
        at, number, one = min(due)
        due.remove((at, number, one))
        scene.clock.sleep(max(0.0, at - (scene.clock.now() - began).total_seconds()))
        after = scene.submitter.submit(one.id)
        elapsed = (scene.clock.now() - began).total_seconds()
        if after.next == "submit":
            due.append((elapsed + after.wait_seconds, number, one))
        else:
            asked_at.append(elapsed)
    assert asked_at == pytest.approx([number * (30 + LATE_SECONDS) for number in range(6)])
    assert len(scene.script.asked) == 6


def test_held_turn_is_kept_by_a_step_that_runs_again() -> None:
    scene = limited([dashscope_finished()] * 3)
    scene.submitter.submit(create(scene, DASH).id)
    made = create(scene, DASH)
    assert [scene.submitter.submit(made.id).wait_seconds for _ in range(3)] == [30] * 3
    slot = scene.now(made).slot
    assert slot is not None
    assert scene.now(made).status is Status.QUEUED
    scene.clock.sleep(30)
    assert scene.submitter.submit(made.id).next == "persist"
    assert scene.now(made).slot is None
    other = create(scene, DASH)
    assert scene.submitter.submit(other.id).wait_seconds == 30, "one slot was taken, not three"


def test_turn_that_another_run_took_is_not_asked_with() -> None:
    scene = limited([dashscope_finished()])
    made = create(scene, DASH)
    before_next(
        scene.store, "save", lambda: scene.store.save(scene.now(made).carried_by(1, scene.clock.now()))
    )
    with pytest.raises(VersionConflictError):
        scene.submitter.submit(made.id)
    assert scene.script.asked == []


def plus(scene: Scene, **fields: Any) -> Generation:
    return create(scene, PLUS, model="qwen-image-plus", **fields)


def test_no_more_tasks_run_at_a_route_than_it_takes() -> None:
    taken = said(200, {"output": {"task_id": "d-1", "task_status": "PENDING"}, "request_id": "r"})
    scene = limited([taken] * 3, running=2)
    waiting = [plus(scene) for _ in range(3)]
    after = [scene.submitter.submit(one.id) for one in waiting]
    assert [one.next for one in after] == ["wait", "wait", "submit"]
    scene.clock.sleep(after[2].wait_seconds)
    assert scene.submitter.submit(waiting[2].id).next == "submit", "no place is free yet"
    scene.script.answers = [dashscope_task("FAILED", code="DataInspectionFailed", message="no")]
    assert scene.poller.poll(waiting[0].id).next == "settle"
    scene.script.answers = [taken]
    assert scene.submitter.submit(waiting[2].id).next == "wait"


def test_generation_that_waits_for_a_place_has_a_turn_long_before_its_deadline() -> None:
    taken = said(200, {"output": {"task_id": "d-1", "task_status": "PENDING"}, "request_id": "r"})
    scene = limited([taken] * 2, running=2, per_second=2)
    for _ in range(2):
        after = scene.submitter.submit((one := plus(scene)).id)
        while after.next == "submit":
            scene.clock.sleep(after.wait_seconds)
            after = scene.submitter.submit(one.id)
    waits = scene.submitter.submit(plus(scene).id)
    assert waits.next == "submit"
    assert 0 < waits.wait_seconds <= 10


def test_no_wait_for_a_turn_goes_beyond_the_deadline() -> None:
    taken = said(200, {"output": {"task_id": "d-1", "task_status": "PENDING"}, "request_id": "r"})
    scene = limited([taken], running=1)
    scene.submitter.submit(plus(scene).id)
    made = plus(scene, deadline_seconds=10)
    scene.clock.sleep(8)
    assert scene.submitter.submit(made.id) == Next(made.id, "submit", 2)
    scene.clock.sleep(2)
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")
    assert len(scene.script.asked) == 1
