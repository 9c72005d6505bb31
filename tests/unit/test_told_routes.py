"""What operators are told of routes: throttles, turns that are waited for, whose failure it was."""

from typing import Any

import pytest

from easel.domain.generation import Status
from easel.domain.limits import RouteLimits
from easel.errors import AnswerLostError, VendorRateLimitedError
from tests.fakes.log_lines import Counted
from tests.fakes.scene import TENANT, Scene, said
from tests.unit.steps.vendor_words import (
    ASYNC,
    PIXELDOJO,
    SYNC,
    dashscope_finished,
    mule_completed,
    mule_error,
    mule_failed,
    mule_submitted,
)
from tests.unit.told import figures, go, named

MULE, DASH, PIXEL = ASYNC["route"], SYNC["route"], PIXELDOJO["route"]


def test_vendors_429_is_a_throttle_and_no_failure_of_the_route() -> None:
    scene = Scene(mule_error(429, retry_after="5"))
    made = scene.create()
    with pytest.raises(VendorRateLimitedError):
        scene.submitter.submit(made.id)
    assert figures(scene, "Throttled") == [Counted("Throttled", {"route": MULE}, 1)]
    assert figures(scene, "Success") == []
    (line,) = named(scene, "answered")
    assert (line["outcome"], line["code"], line["http_status"]) == ("rejected", "rate_limit", 429)


def test_429_to_a_question_is_a_throttle_each_time_it_is_said() -> None:
    scene = Scene(mule_submitted(), mule_error(429), mule_error(503), mule_error(429), mule_completed())
    made = scene.create()
    scene.submitter.submit(made.id)
    while scene.poller.poll(made.id).next == "wait":
        scene.clock.sleep(30)
    assert figures(scene, "Throttled") == [Counted("Throttled", {"route": MULE}, 1)] * 2


def test_turn_that_was_waited_for_is_told_when_the_vendor_is_asked() -> None:
    limits = {DASH: RouteLimits(per_minute=2)}
    scene = Scene(dashscope_finished(), dashscope_finished(), limits=limits)
    for made in [scene.create(**SYNC), scene.create(**SYNC)]:
        while scene.submitter.submit(made.id).next == "submit":
            scene.clock.sleep(10)
    spacing = limits[DASH].spacing_seconds
    assert figures(scene, "TurnWait") == [Counted("TurnWait", {"route": DASH}, spacing)]
    assert [one.value for one in figures(scene, "QueueAge")] == [0, spacing]


def test_route_that_is_asked_next_is_told_with_the_wait_since_the_last_one() -> None:
    scene = Scene(mule_error(500), mule_submitted())
    made = scene.create(route=[MULE, PIXEL])
    scene.submitter.submit(made.id)
    scene.clock.sleep(4)
    scene.script.answers = [said(202, {"jobId": "job_1", "status": "pending", "creditCost": 2})]
    scene.submitter.submit(made.id)
    assert [(one["attempt"], one["route"], one["waited_seconds"]) for one in named(scene, "asked")] == [
        (1, MULE, 0),
        (2, PIXEL, 4.0),
    ]
    assert figures(scene, "Success") == [Counted("Success", {"route": MULE}, 0)]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (mule_error(500), [0]),
        (mule_error(401), [0]),
        (AnswerLostError("lost"), [0]),
        (mule_error(422), []),
        (mule_error(429), []),
    ],
)
def test_failure_counts_against_the_route_unless_it_is_the_requests_own(answer: Any, told: list[int]) -> None:
    scene = Scene(answer)
    made = scene.create(deadline_seconds=50)
    scene.submitter.submit(made.id)
    scene.settler.settle(made.id)
    assert [one.value for one in figures(scene, "Success")] == told


def test_task_that_fails_counts_once_against_its_route() -> None:
    scene = Scene(mule_submitted(), mule_failed())
    go(scene, scene.create())
    assert figures(scene, "Success") == [Counted("Success", {"route": MULE}, 0)]
    assert figures(scene, "Latency") == []


def test_task_that_never_ends_counts_against_its_route_at_the_deadline() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.submitter.submit(made.id)
    scene.clock.sleep(601)
    scene.settler.settle(made.id)
    assert figures(scene, "Ended") == [Counted("Ended", {"status": "expired"}, 1)]
    assert figures(scene, "Success") == [Counted("Success", {"route": MULE}, 0)]


def test_generation_that_waited_in_vain_counts_against_no_route() -> None:
    scene = Scene()
    made = scene.create()
    scene.clock.sleep(601)
    scene.settler.settle(made.id)
    assert scene.now(made).status is Status.EXPIRED
    assert figures(scene, "Success") == []
    assert "route" not in named(scene, "ended")[0]


def test_canceled_generation_says_nothing_of_its_route() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.submitter.submit(made.id)
    scene.canceler.cancel(TENANT, made.id)
    assert figures(scene, "Ended") == [Counted("Ended", {"status": "canceled"}, 1)]
    assert figures(scene, "Success") == []
