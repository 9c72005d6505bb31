"""When a generation is expected to have ended: at every point of its way, and when it is late."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from easel.domain.capabilities import ParameterReport
from easel.domain.completion import STEPS_SECONDS, estimated_completion
from easel.domain.generation import Generation, ResultRef, Slot, Status
from easel.domain.latency import Expectation
from tests.fakes.lives import DASH, FAILURE, MULE, NOW, delivered, ended, queued

FIRST = Expectation(typical=30, slow=60, samples=9)
OTHER = Expectation(typical=8, slow=10, samples=5)
OWN = STEPS_SECONDS


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def made(**fields: Any) -> Generation:
    return queued(**fields).having(expected=FIRST)


def at_work(asked_at: float = 0, expected: Expectation | None = OTHER, **fields: Any) -> Generation:
    slot = Slot(route=MULE.route, at=after(asked_at), because="b", expected=expected)
    return made(**fields).intend(slot, "m", MULE.price, ParameterReport(), after(asked_at))


def seconds_to_end(generation: Generation, now: float) -> float | None:
    ends = estimated_completion(generation, after(now))
    return None if ends is None else (ends - NOW).total_seconds()


def test_queued_one_ends_after_its_routes_typical_time_and_easels_own_steps() -> None:
    assert seconds_to_end(made(), 0) == 30 + OWN
    assert seconds_to_end(made(), 20) == 30 + OWN, "the promise stands while time passes"


def test_one_that_waits_for_its_turn_ends_so_much_later_and_as_its_turns_route_does() -> None:
    waiting = made().holding(Slot(route=DASH.route, at=after(90), because="b", expected=OTHER), NOW)
    assert seconds_to_end(waiting, 0) == 90 + 8 + OWN
    of_old = made().holding(Slot(route=DASH.route, at=after(90), because="b"), NOW)
    assert seconds_to_end(of_old, 0) == 90 + 30 + OWN


@pytest.mark.parametrize("status", [Status.SUBMITTING, Status.PROCESSING])
def test_one_at_the_vendor_ends_by_what_its_own_route_lately_took_since_the_ask(status: Status) -> None:
    generation = at_work(100)
    if status is Status.PROCESSING:
        generation = generation.accepted(after(101), task_id="t")
    assert generation.status is status
    assert seconds_to_end(generation, 102) == 100 + 8 + OWN


def test_one_whose_ask_failed_ends_as_long_after_that_as_the_next_ask_takes() -> None:
    assert seconds_to_end(at_work(100).rejected(after(140), FAILURE), 140) == 140 + 30 + OWN


def test_one_whose_images_are_being_kept_ends_in_a_moment() -> None:
    finished = at_work().finished(
        after(50), (ResultRef(number=0, url="x"),), billed=MULE.price, seed=None, actual_prompt=None
    )
    assert finished.status is Status.PERSISTING
    assert seconds_to_end(finished, 50) == 50 + OWN
    kept = delivered(made(), MULE)
    assert seconds_to_end(kept, 0) == OWN


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED])
def test_one_that_has_ended_is_expected_no_more(status: Status) -> None:
    generation = delivered(made(), MULE) if status is Status.SUCCEEDED else made()
    assert estimated_completion(ended(generation, status), NOW) is None


def test_nothing_is_promised_of_what_nothing_is_known() -> None:
    assert estimated_completion(queued(), NOW) is None
    assert estimated_completion(at_work(expected=None), NOW) is None


def test_late_one_is_expected_by_the_time_of_nine_of_ten_and_then_ever_later() -> None:
    generation = at_work(deadline_seconds=3600)
    assert seconds_to_end(generation, 9) == 8 + OWN
    assert seconds_to_end(generation, 10) == 10 + OWN, "half of its like have ended"
    assert seconds_to_end(generation, 12) == 12 + 6, "nine of ten have"
    assert seconds_to_end(generation, 100) == 150
    assert seconds_to_end(generation, 1000) == 1500


@pytest.mark.parametrize("now", [0, 5, 11, 25, 31, 59, 60, 90])
def test_no_estimate_is_past_the_deadline(now: float) -> None:
    deadline = 60
    for generation in (made(deadline_seconds=60), at_work(55, deadline_seconds=60)):
        seconds = seconds_to_end(generation, now)
        assert seconds is not None
        assert seconds <= deadline
    assert seconds_to_end(made(deadline_seconds=10), 0) == 10


@pytest.mark.parametrize("now", [0.5, 7, 9.9, 10.5, 11.9, 12.5, 50, 599])
def test_estimate_lies_ahead_until_the_deadline(now: float) -> None:
    seconds = seconds_to_end(at_work(), now)
    assert seconds is not None
    assert seconds > now
