"""Failover: which route may be asked next, and which of them is asked now."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from easel.domain.capabilities import ParameterReport
from easel.domain.failover import (
    ASKS_MAX,
    TRIES_MAX,
    Candidate,
    Hold,
    RouteState,
    decide,
    may_ask,
    remaining_routes,
)
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import Generation, GenerationError, ResultRef, Slot, Status
from easel.domain.money import Money
from easel.domain.request import GenerationRequest

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WHY = "first in the caller's order"
PRICE = Money.of("0.075", "USD")
ROUTES = ("a/m", "b/m", "c/m")


def queued(**fields: Any) -> Generation:
    request = GenerationRequest(model="m", prompt="p", **fields)
    return Generation.create("gen_x", "t", request, ROUTES, PRICE, NOW)


def asked(generation: Generation, route: str) -> Generation:
    slot = Slot(route=route, at=NOW, because="a test")
    return generation.intend(slot, "m", PRICE, ParameterReport(), NOW)


def failure(kind: FailureClass) -> Failure:
    return Failure(failure_class=kind, http_status=400)


def rejected(generation: Generation, route: str, kind: FailureClass = FailureClass.TRANSIENT) -> Generation:
    return asked(generation, route).rejected(NOW, failure(kind))


def lost(generation: Generation, route: str = "a/m") -> Generation:
    return asked(generation, route).unknown(NOW, failure(FailureClass.TRANSIENT))


def failed_task(generation: Generation, charges: Mapping[str, Money]) -> Generation:
    taken = asked(generation, "a/m").accepted(NOW, task_id="1")
    return taken.attempt_failed(NOW, failure(FailureClass.TRANSIENT), charges)


def test_all_routes_may_be_asked_at_first_in_their_order() -> None:
    assert remaining_routes(queued()) == ROUTES


def test_route_asked_least_comes_first() -> None:
    once = rejected(queued(), "a/m")
    assert remaining_routes(once) == ("b/m", "c/m", "a/m")
    assert remaining_routes(rejected(once, "b/m")) == ("c/m", "a/m", "b/m")


@pytest.mark.parametrize("kind", [FailureClass.MODERATION, FailureClass.VALIDATION])
def test_what_is_the_callers_fault_is_asked_of_no_other_route(kind: FailureClass) -> None:
    assert remaining_routes(rejected(queued(), "a/m", kind)) == ()
    assert remaining_routes(rejected(queued(on_unknown="resubmit"), "a/m", kind)) == ()


@pytest.mark.parametrize(
    "kind",
    [FailureClass.AUTH, FailureClass.BILLING, FailureClass.CONFIG, FailureClass.NOT_FOUND],
)
def test_what_is_the_accounts_fault_is_asked_of_the_others_and_never_of_it_again(kind: FailureClass) -> None:
    assert remaining_routes(rejected(queued(), "a/m", kind)) == ("b/m", "c/m")


@pytest.mark.parametrize("kind", TRIES_MAX)
def test_tries_of_one_route_are_bounded(kind: FailureClass) -> None:
    generation = queued()
    for tried in range(TRIES_MAX[kind]):
        assert "a/m" in remaining_routes(generation), tried
        generation = rejected(generation, "a/m", kind)
    assert remaining_routes(generation) == ("b/m", "c/m")


def test_asks_of_one_generation_are_bounded_over_all_routes() -> None:
    generation = queued()
    while left := remaining_routes(generation):
        generation = rejected(generation, left[0], FailureClass.RATE_LIMIT)
        assert len(generation.attempts) <= ASKS_MAX
    assert len(generation.attempts) == ASKS_MAX


@pytest.mark.parametrize(
    ("charges", "again"),
    [
        ({}, True),
        ({"billed": PRICE, "refunded": PRICE}, True),
        ({"billed": PRICE}, False),
        ({"possibly_billed": PRICE}, False),
        ({"billed": PRICE, "refunded": Money.of("0.01", "USD")}, False),
    ],
)
def test_task_that_failed_is_bought_again_only_where_it_certainly_cost_nothing(
    charges: dict[str, Money], again: bool
) -> None:
    assert may_ask(failed_task(queued(), charges)) is again


def test_lost_answer_is_not_bought_again() -> None:
    assert remaining_routes(lost(queued())) == ()


def test_lost_answer_is_bought_again_once_where_the_caller_opted_into_it() -> None:
    generation = lost(queued(on_unknown="resubmit"))
    assert remaining_routes(generation) == ("b/m", "c/m", "a/m")
    refused = rejected(generation, "b/m")
    assert remaining_routes(refused) == ("c/m", "a/m", "b/m"), "a refusal bought nothing"
    assert remaining_routes(lost(refused, "c/m")) == ()


def test_open_attempt_is_never_asked_beside() -> None:
    generation = asked(queued(on_unknown="resubmit"), "a/m")
    assert not may_ask(generation)
    assert not may_ask(generation.accepted(NOW, task_id="1"))


def test_generation_that_has_its_images_or_has_ended_asks_no_more() -> None:
    ref = ResultRef(number=0, url="https://x")
    finished = asked(queued(), "a/m").finished(NOW, (ref,), billed=PRICE, seed=None, actual_prompt=None)
    assert not may_ask(finished.kept(NOW, ()))
    error = GenerationError(code="c", message="m")
    assert not may_ask(queued().settled(NOW, Status.CANCELED, error))


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


FREE = Candidate("a/m", RouteState())
FAILING = Candidate("f/m", RouteState(failures=5, open_until=later(20)))
LIMITED = Candidate("l/m", RouteState(next_slot_at=later(9)))
FULL = Candidate("p/m", RouteState(places={"x": later(300)}), running=1, look_again_seconds=7)


def test_first_route_that_is_free_is_taken_at_once() -> None:
    decision = decide([FREE, Candidate("b/m", RouteState())], NOW, WHY)
    assert (decision.route, decision.at, decision.because) == ("a/m", NOW, WHY)
    assert decision.hold is None


def test_routes_that_are_held_back_are_passed_over_and_named() -> None:
    decision = decide([FAILING, LIMITED, FULL, FREE], NOW, WHY)
    assert (decision.route, decision.at, decision.hold) == ("a/m", NOW, None)
    assert decision.because == (
        "f/m is failing until 12:00:20; l/m is at its rate limit until 12:00:09; "
        "p/m has all its tasks running until 12:00:07; a/m can take it now"
    )


@pytest.mark.parametrize(
    ("candidates", "route", "seconds", "hold"),
    [
        ([FAILING], "f/m", 20, Hold.FAILING),
        ([LIMITED], "l/m", 9, Hold.LIMITED),
        ([FULL], "p/m", 7, Hold.FULL),
        ([FAILING, LIMITED], "l/m", 9, Hold.LIMITED),
        ([FAILING, LIMITED, FULL], "p/m", 7, Hold.FULL),
    ],
)
def test_where_none_is_free_the_soonest_is_waited_for(
    candidates: list[Candidate], route: str, seconds: float, hold: Hold
) -> None:
    decision = decide(candidates, NOW, WHY)
    assert (decision.route, decision.at, decision.hold) == (route, later(seconds), hold)
    assert decision.because.endswith("the soonest is waited for")


def test_what_holds_a_route_back_longest_counts() -> None:
    both = RouteState(next_slot_at=later(3), failures=5, open_until=later(20))
    assert decide([Candidate("a/m", both)], NOW, WHY).hold is Hold.FAILING
    both = RouteState(next_slot_at=later(30), failures=5, open_until=later(20))
    assert decide([Candidate("a/m", both)], NOW, WHY).hold is Hold.LIMITED


def test_place_that_is_lost_before_it_would_be_looked_at_again_is_waited_for_no_longer() -> None:
    soon = Candidate("a/m", RouteState(places={"x": later(2), "y": later(9)}), 2, look_again_seconds=7)
    assert decide([soon], NOW, WHY).at == later(2)


@pytest.mark.parametrize(
    "state",
    [
        RouteState(next_slot_at=NOW),
        RouteState(places={"x": later(300)}),
        RouteState(places={"x": NOW, "y": later(-1), "z": later(300)}),
        RouteState(failures=4),
        RouteState(failures=5, open_until=NOW),
    ],
)
def test_what_is_over_holds_nothing_back(state: RouteState) -> None:
    assert decide([Candidate("a/m", state, running=2)], NOW, WHY).hold is None
