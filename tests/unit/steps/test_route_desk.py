"""The route desk: who gets a turn, at which route, when, and what the others are told."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from easel.domain.capabilities import ParameterReport
from easel.domain.failover import BREAKER_FAILURES, BREAKER_SECONDS
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import Generation, ResultRef, Slot
from easel.domain.limits import LATE_SECONDS, RouteLimits
from easel.domain.money import Money
from easel.errors import AnswerLostError
from easel.steps.route_desk import (
    DRAIN_SPACING_SECONDS,
    LINE_SHARE,
    LOOK_SECONDS_MAX,
    LOST_SHARE,
    PAUSE_SECONDS,
    PLACE_SHARE,
    PROBED_SECONDS,
    Later,
)
from tests.fakes.scene import Scene
from tests.unit.steps.vendor_words import mule_submitted

MULE, PIXEL, DASH = (f"{name}/qwen-image-max" for name in ("mulerouter", "pixeldojo", "dashscope-intl"))
PLUS = "dashscope-intl/qwen-image-plus"
PRICE = Money.of(1, "USD")


def scene_of(**limits: RouteLimits) -> Scene:
    """The desk with limits for `mule`, `pixel`, `dash`, `plus`."""
    names = {"mule": MULE, "pixel": PIXEL, "dash": DASH, "plus": PLUS}
    return Scene(limits={names[name]: limit for name, limit in limits.items()})


def create(scene: Scene, routes: Sequence[str] = (MULE, PIXEL), **fields: Any) -> Generation:
    return scene.create(route=list(routes), **fields)


def turn(scene: Scene, generation: Generation) -> Slot:
    slot = scene.desk.turn(generation)
    assert isinstance(slot, Slot)
    return slot


def later(scene: Scene, generation: Generation) -> float:
    """In how many seconds the generation is to look again."""
    told = scene.desk.turn(generation)
    assert isinstance(told, Later)
    return (told.at - scene.clock.now()).total_seconds()


def asked(scene: Scene, generation: Generation, route: str) -> Generation:
    slot = Slot(route=route, at=scene.clock.now(), because="a test")
    return generation.intend(slot, "m", PRICE, ParameterReport(), scene.clock.now())


def failing(scene: Scene, route: str, times: int = BREAKER_FAILURES, **failure: Any) -> None:
    """So many failures of the route, of as many generations."""
    told = Failure(**({"failure_class": FailureClass.TRANSIENT, "http_status": 503} | failure))
    for _ in range(times):
        generation = asked(scene, create(scene, [route]), route)
        scene.desk.report(generation.rejected(scene.clock.now(), told))


def test_first_route_that_is_free_gets_the_generation_at_once() -> None:
    scene = Scene()
    slot = turn(scene, create(scene))
    assert (slot.route, slot.at, slot.because) == (MULE, scene.clock.now(), "first in the caller's order")


def test_no_route_left_is_no_turn() -> None:
    scene = Scene()
    refusal = Failure(failure_class=FailureClass.AUTH, http_status=401)
    generation = asked(scene, create(scene, [MULE]), MULE).rejected(scene.clock.now(), refusal)
    assert scene.desk.turn(generation) is None


def test_burst_at_one_route_is_spaced_by_its_limit() -> None:
    scene = scene_of(dash=RouteLimits(per_minute=2))
    slots = [turn(scene, create(scene, [DASH])) for _ in range(5)]
    waits = [(slot.at - scene.clock.now()).total_seconds() for slot in slots]
    assert waits == pytest.approx([number * (30 + LATE_SECONDS) for number in range(5)])
    assert "is at its rate limit" in slots[1].because


def test_burst_spills_over_to_a_route_without_a_wait() -> None:
    scene = scene_of(dash=RouteLimits(per_minute=2))
    slots = [turn(scene, create(scene, [DASH, MULE])) for _ in range(3)]
    assert [slot.route for slot in slots] == [DASH, MULE, MULE]
    assert all(slot.at == scene.clock.now() for slot in slots)
    assert slots[1].because.startswith(f"{DASH} is at its rate limit until")


def test_where_all_are_at_their_limit_the_soonest_is_waited_for() -> None:
    scene = scene_of(dash=RouteLimits(per_minute=2), pixel=RouteLimits(per_minute=10))
    slots = [turn(scene, create(scene, [DASH, PIXEL])) for _ in range(4)]
    assert [slot.route for slot in slots] == [DASH, PIXEL, PIXEL, PIXEL]
    assert (slots[3].at - scene.clock.now()).total_seconds() == pytest.approx(2 * (6 + LATE_SECONDS))


def test_routes_of_one_account_share_its_slots() -> None:
    limits = RouteLimits(per_minute=10)
    other = "pixeldojo/qwen-image-plus"
    scene = Scene(limits={PIXEL: limits, other: limits})
    turn(scene, create(scene, [PIXEL]))
    slot = turn(scene, create(scene, [other], model="qwen-image-plus"))
    assert (slot.at - scene.clock.now()).total_seconds() == 6 + LATE_SECONDS


def test_no_slot_before_the_deadline_is_waited_for_to_the_deadline_and_takes_none() -> None:
    scene = scene_of(dash=RouteLimits(per_minute=2))
    for _ in range(3):
        turn(scene, create(scene, [DASH]))
    assert later(scene, create(scene, [DASH], deadline_seconds=60)) == 60
    slot = turn(scene, create(scene, [DASH]))
    assert (slot.at - scene.clock.now()).total_seconds() == pytest.approx(3 * (30 + LATE_SECONDS))


def test_of_a_route_whose_next_slot_is_known_to_be_too_late_none_is_asked_for() -> None:
    scene = scene_of(mule=RouteLimits(per_minute=1))
    for _ in range(3):
        turn(scene, create(scene, [MULE], deadline_seconds=3600))
    scene.states.take_slot = None  # type: ignore[method-assign, assignment]
    assert later(scene, create(scene, [MULE], deadline_seconds=60)) == 60


def test_route_without_a_slot_before_the_deadline_is_passed_over_for_one_that_has() -> None:
    scene = scene_of(dash=RouteLimits(per_minute=2), pixel=RouteLimits(per_minute=1))
    for _ in range(2):
        turn(scene, create(scene, [DASH]))
        turn(scene, create(scene, [PIXEL]))
    slot = turn(scene, create(scene, [PIXEL, DASH], deadline_seconds=100))
    assert slot.route == DASH


def test_route_that_keeps_failing_is_left_alone_by_all_but_one_probe() -> None:
    scene = Scene()
    failing(scene, MULE)
    assert turn(scene, create(scene)).route == PIXEL
    assert later(scene, create(scene, [MULE])) == BREAKER_SECONDS
    scene.clock.sleep(BREAKER_SECONDS)
    probe = turn(scene, create(scene, [MULE]))
    assert (probe.route, probe.failures) == (MULE, BREAKER_FAILURES)
    assert later(scene, create(scene, [MULE])) == BREAKER_SECONDS, "somebody else probes"
    assert turn(scene, create(scene)).route == PIXEL


def test_one_that_lost_the_race_for_the_probe_looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    failing(scene, MULE)
    scene.clock.sleep(BREAKER_SECONDS)
    monkeypatch.setattr(scene.states, "probe", lambda *_: False)
    assert later(scene, create(scene, [MULE])) == PROBED_SECONDS


def test_those_that_waited_for_a_failing_route_do_not_all_come_at_once() -> None:
    scene = Scene()
    failing(scene, MULE)
    waiting = [create(scene, [MULE]) for _ in range(20)]
    for one in waiting:
        assert scene.submitter.submit(one.id).next == "submit"
    scene.clock.sleep(BREAKER_SECONDS)
    scene.script.answers = [AnswerLostError("still out of order")]
    for one in waiting:
        scene.submitter.submit(one.id)
    assert len(scene.script.asked) == 1


def test_probe_that_is_taken_opens_the_route_again_for_all() -> None:
    scene = Scene()
    failing(scene, MULE)
    scene.clock.sleep(BREAKER_SECONDS)
    generation = create(scene, [MULE])
    probe = turn(scene, generation)
    taken = asked(scene, generation, MULE).accepted(scene.clock.now(), task_id="t")
    scene.desk.report(taken, failures_before=probe.failures)
    assert all(turn(scene, create(scene)).route == MULE for _ in range(3))


def test_probe_that_fails_leaves_the_route_alone_again() -> None:
    scene = Scene()
    failing(scene, MULE)
    scene.clock.sleep(BREAKER_SECONDS)
    turn(scene, create(scene, [MULE]))
    failing(scene, MULE, times=1)
    assert later(scene, create(scene, [MULE])) == BREAKER_SECONDS


@pytest.mark.parametrize("kind", sorted(set(FailureClass) - {FailureClass.TRANSIENT}))
def test_only_failures_that_pass_count_against_a_route(kind: FailureClass) -> None:
    scene = Scene()
    failing(scene, MULE, failure_class=kind, http_status=400)
    assert scene.states.read([MULE])[MULE].failures == 0


@pytest.mark.parametrize(("told", "pause"), [(7.0, 7.0), (None, PAUSE_SECONDS)])
def test_rate_limit_pauses_the_route_for_as_long_as_the_vendor_says(told: float | None, pause: float) -> None:
    scene = Scene()
    refused = {"failure_class": FailureClass.RATE_LIMIT, "http_status": 429, "retry_after_seconds": told}
    failing(scene, MULE, times=1, **refused)
    slot = turn(scene, create(scene, [MULE]))
    assert slot.at - scene.clock.now() == timedelta(seconds=pause)
    assert turn(scene, create(scene)).route == PIXEL


def place(scene: Scene, generation: Generation) -> bool:
    return scene.desk.take_place(generation, scene.submitter.calls.catalogue.routes[PLUS])


def plus(scene: Scene, **fields: Any) -> Generation:
    return create(scene, [PLUS], model="qwen-image-plus", **fields)


def test_route_without_a_limit_of_tasks_always_has_a_place() -> None:
    scene = Scene()
    assert all(place(scene, plus(scene)) for _ in range(10))
    assert scene.states.states == {}


def test_those_who_wait_for_a_place_of_a_full_route_come_one_after_the_other() -> None:
    scene = scene_of(plus=RouteLimits(running=2))
    assert all(place(scene, plus(scene)) for _ in range(2))
    waiting = [plus(scene) for _ in range(4)]
    assert not place(scene, waiting[0])
    soon, apart = 24 * PLACE_SHARE, 24 / 2 * LINE_SHARE
    turns = [(turn(scene, one).at - scene.clock.now()).total_seconds() for one in waiting]
    assert turns == [soon, apart, 2 * apart, 3 * apart], "long before a place would be lost"


def test_one_whose_turn_has_come_looks_for_a_place_less_and_less() -> None:
    scene = scene_of(plus=RouteLimits(running=2))
    slot = Slot(route=PLUS, at=scene.clock.now(), because="a test")
    looks = []
    for _ in range(12):
        looks.append(scene.desk.until_next_look(slot, scene.catalogue.routes[PLUS]))
        scene.clock.sleep(looks[-1])
    assert looks[:3] == [24 * PLACE_SHARE] * 3
    assert looks == sorted(looks)
    assert looks[-1] == LOOK_SECONDS_MAX


def test_place_is_held_while_the_vendor_works_and_freed_when_it_is_done() -> None:
    scene = scene_of(plus=RouteLimits(running=1))
    generation = plus(scene)
    assert place(scene, generation)
    taken = asked(scene, generation, PLUS).accepted(scene.clock.now(), task_id="t")
    scene.desk.report(taken)
    assert not place(scene, plus(scene))
    done = taken.finished(
        scene.clock.now(), (ResultRef(number=0, url="https://x"),), billed=PRICE, seed=None,
        actual_prompt=None,
    )  # fmt: skip
    scene.desk.report(done)
    assert place(scene, plus(scene))


@pytest.mark.parametrize("end", ["rejected", "unknown", "attempt_failed"])
def test_place_is_freed_however_the_ask_ends(end: str) -> None:
    scene = scene_of(plus=RouteLimits(running=1))
    generation = plus(scene)
    assert place(scene, generation)
    failure = Failure(failure_class=FailureClass.VALIDATION, http_status=400)
    more: tuple[Any, ...] = ({},) if end == "attempt_failed" else ()
    ended = getattr(asked(scene, generation, PLUS), end)(scene.clock.now(), failure, *more)
    scene.desk.report(ended)
    assert place(scene, plus(scene))


def test_place_whose_holder_is_lost_is_free_again_before_long() -> None:
    scene = scene_of(plus=RouteLimits(running=1))
    assert place(scene, plus(scene, deadline_seconds=3600))
    scene.clock.sleep(24 * LOST_SHARE - 1)
    assert not place(scene, plus(scene))
    scene.clock.sleep(1)
    assert place(scene, plus(scene))


def test_those_that_waited_for_the_end_of_a_pause_come_one_after_the_other() -> None:
    scene = Scene()
    failing(scene, MULE, times=1, failure_class=FailureClass.RATE_LIMIT, http_status=429)
    waits = [(turn(scene, create(scene, [MULE])).at - scene.clock.now()).total_seconds() for _ in range(4)]
    assert waits == [PAUSE_SECONDS + number * DRAIN_SPACING_SECONDS for number in range(4)]
    scene.clock.sleep(PAUSE_SECONDS + 4 * DRAIN_SPACING_SECONDS)
    assert all(turn(scene, create(scene, [MULE])).at == scene.clock.now() for _ in range(3)), "it is over"


@pytest.mark.parametrize(
    "failure",
    [
        {"times": 1, "failure_class": FailureClass.RATE_LIMIT, "http_status": 429, "retry_after_seconds": 99},
        {"times": BREAKER_FAILURES},
    ],
    ids=["asked for patience", "failing"],
)
def test_turn_that_was_taken_before_a_route_went_bad_is_given_back(failure: dict[str, Any]) -> None:
    scene = scene_of(dash=RouteLimits(per_minute=2))
    turn(scene, create(scene, [DASH]))
    waiting = create(scene, [DASH, MULE])
    scene.store.save(waiting.holding(turn(scene, waiting).having(route=DASH), scene.clock.now()))
    failing(scene, DASH, **failure)
    scene.script.answers = [mule_submitted()]
    assert scene.submitter.submit(waiting.id).next == "wait"
    assert [one.route for one in scene.now(waiting).attempts] == [MULE]
    assert f"{DASH} is " in scene.attempt(waiting).because


def test_probes_own_turn_is_not_given_back_because_of_the_probe() -> None:
    scene = scene_of(dash=RouteLimits(per_minute=2))
    failing(scene, DASH)
    scene.clock.sleep(BREAKER_SECONDS)
    probe = turn(scene, create(scene, [DASH]))
    assert scene.states.read([DASH])[DASH].open_until is not None
    assert scene.desk.honours(probe)
    assert not scene.desk.honours(probe.having(failures=0))


def test_turn_within_a_second_is_waited_for_in_the_step_to_the_moment() -> None:
    scene = scene_of(mule=RouteLimits(per_second=2))
    first, second = create(scene, [MULE]), create(scene, [MULE])
    scene.script.answers = [mule_submitted(), mule_submitted()]
    begun = scene.clock.now()
    assert [scene.submitter.submit(one.id).next for one in (first, second)] == ["wait", "wait"]
    assert [scene.attempt(one).asked_at - begun for one in (first, second)] == [
        timedelta(0),
        timedelta(seconds=0.5 + LATE_SECONDS),
    ]


def test_longer_wait_for_a_turn_ends_before_it_and_the_rest_is_waited_for_in_the_step() -> None:
    scene = scene_of(mule=RouteLimits(per_second=0.4))
    made = [create(scene, [MULE]) for _ in range(2)]
    scene.script.answers = [mule_submitted(), mule_submitted()]
    begun = scene.clock.now()
    scene.submitter.submit(made[0].id)
    told = scene.submitter.submit(made[1].id)
    assert (told.next, told.wait_seconds) == ("submit", 2)
    scene.clock.sleep(told.wait_seconds)
    scene.submitter.submit(made[1].id)
    assert scene.attempt(made[1]).asked_at - begun == timedelta(seconds=2.5 + LATE_SECONDS)
