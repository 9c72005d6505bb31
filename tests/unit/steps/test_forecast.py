"""Forecast: how long routes are expected to take, read seldom and together."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from easel.catalogue import CATALOGUE, Route
from easel.domain.failover import BREAKER_FAILURES, RouteState
from easel.domain.generation import Generation, Status
from easel.domain.latency import Expectation
from easel.errors import VendorError
from easel.steps.forecast import FRESH_SECONDS, Forecast, health_view
from easel.wire import HttpResponse
from tests.fakes.memory import FakeClock
from tests.fakes.memory_routes import MemoryRouteStates
from tests.fakes.scene import Scene
from tests.unit.steps.vendor_words import (
    dashscope_finished,
    mule_completed,
    mule_error,
    mule_failed,
    mule_submitted,
)

MULE, PIXEL, DASH = (
    CATALOGUE.routes[f"{name}/qwen-image-max"] for name in ("mulerouter", "pixeldojo", "dashscope-intl")
)


class Counted(MemoryRouteStates):
    """Remembers what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[list[str]] = []

    def read(self, names: Sequence[str]) -> dict[str, RouteState]:
        self.reads.append(list(names))
        return dict(super().read(names))


class Looker:
    """A forecast over states that are counted."""

    def __init__(self) -> None:
        self.states, self.clock = Counted(), FakeClock()
        self.forecast = Forecast(self.states, self.clock)

    def took(self, route: Route, *seconds: float) -> None:
        known = self.states.states.get(route.name, RouteState())
        self.states.states[route.name] = RouteState(took=(*known.took, *seconds))


def test_route_is_expected_to_take_what_it_lately_took() -> None:
    looker = Looker()
    looker.took(MULE, 5, 6, 9)
    assert looker.forecast.of(MULE) == Expectation(quick=5, typical=6, slow=9, samples=3)
    assert looker.forecast.of(PIXEL) == Expectation(quick=3, typical=30, slow=60, samples=0)


def test_what_was_read_is_believed_for_a_moment_and_then_read_again() -> None:
    looker = Looker()
    looker.took(MULE, 5, 5, 5)
    looker.forecast.of(MULE)
    looker.took(MULE, *[50.0] * 20)
    looker.clock.sleep(FRESH_SECONDS)
    assert looker.forecast.of(MULE).typical == 5
    assert looker.states.reads == [[MULE.name]]
    looker.clock.sleep(0.1)
    assert looker.forecast.of(MULE).typical == 50
    assert looker.states.reads == [[MULE.name], [MULE.name]]


def test_what_is_stale_is_read_together_and_nothing_else() -> None:
    looker = Looker()
    looker.forecast.of(PIXEL)
    states = looker.forecast.states_of([MULE, PIXEL, DASH])
    assert looker.states.reads == [[PIXEL.name], [MULE.name, DASH.name]]
    assert len(states) == 3


def test_states_come_in_the_order_in_which_they_were_asked_for() -> None:
    looker = Looker()
    looker.took(MULE, 1, 1, 1)
    looker.took(DASH, 2, 2, 2)
    for _ in range(2):
        assert [one.took[:1] for one in looker.forecast.states_of([DASH, PIXEL, MULE])] == [(2,), (), (1,)]


def test_memory_holds_one_state_a_route() -> None:
    looker = Looker()
    for _ in range(5):
        looker.forecast.states_of(list(CATALOGUE.routes.values()))
        looker.clock.sleep(FRESH_SECONDS + 1)
    assert set(looker.forecast.memory) == set(CATALOGUE.routes)


def test_health_of_a_route_that_nothing_is_known_of_is_good() -> None:
    assert Looker().forecast.health([MULE]) == {
        MULE.name: {
            "state": "ok",
            "failures_in_a_row": 0,
            "expected_seconds": {"typical": 30, "slow": 60},
            "recent": 0,
        }
    }


def test_route_fares_badly_while_it_is_left_alone_or_its_vendor_asked_for_patience() -> None:
    now = FakeClock().now()
    soon = now + timedelta(seconds=5)

    def word(state: RouteState, after: float = 0) -> str:
        return str(health_view(MULE, state, now + timedelta(seconds=after))["state"])

    assert word(RouteState(failures=BREAKER_FAILURES, open_until=soon)) == "failing"
    assert word(RouteState(failures=BREAKER_FAILURES, open_until=soon), after=5) == "ok"
    assert word(RouteState(paused_until=soon)) == "paused"
    assert word(RouteState(paused_until=soon), after=5) == "ok"
    assert word(RouteState(paused_until=soon, open_until=soon)) == "failing"
    assert word(RouteState(failures=BREAKER_FAILURES - 1)) == "ok"
    assert health_view(MULE, RouteState(failures=3), now)["failures_in_a_row"] == 3


def test_generation_is_promised_what_its_first_route_lately_took() -> None:
    scene = Scene()
    for seconds in (4.0, 5.0, 6.0):
        scene.states.took(MULE.name, "g", seconds, scene.clock.now())
    assert scene.create().expected == Expectation(quick=4, typical=5, slow=6, samples=3)


def served(scene: Scene, seconds: float, **fields: str) -> Generation:
    """A generation whose vendor delivers so long after it was asked."""
    made = scene.create(**fields)
    scene.submitter.submit(made.id)
    if scene.now(made).status is Status.PROCESSING:
        scene.clock.sleep(seconds)
        scene.poller.poll(made.id)
    return scene.now(made)


def test_time_from_the_ask_to_the_result_is_noted_of_its_route() -> None:
    scene = Scene(mule_submitted(), mule_completed())
    assert served(scene, 12.5).status is Status.PERSISTING
    assert scene.states.read([MULE.name])[MULE.name].took == (12.5,)


def test_result_that_came_with_the_answer_is_noted_too() -> None:
    scene = Scene(dashscope_finished())
    send = scene.script.send

    def slowly(*asked: Any, **more: Any) -> HttpResponse:
        scene.clock.sleep(7)
        return send(*asked, **more)

    scene.script.send = slowly  # type: ignore[method-assign]
    served(scene, 0, route=DASH.name)
    assert scene.states.read([DASH.name])[DASH.name].took == (7,)


@pytest.mark.parametrize("answers", [[mule_error(503)], [mule_submitted(), mule_failed()]])
def test_what_was_not_delivered_says_nothing_of_how_long_a_result_takes(answers: list[HttpResponse]) -> None:
    scene = Scene(*answers)
    with suppress(VendorError):
        served(scene, 3)
    assert scene.states.read([MULE.name])[MULE.name].took == ()


def test_ask_remembers_what_its_route_took_then_and_is_looked_at_accordingly() -> None:
    scene = Scene(mule_submitted(), mule_submitted())
    slow = scene.create()
    assert scene.submitter.submit(slow.id).wait_seconds == 2, "a little less than a tenth of the usual 30 s"
    for seconds in (20.0, 120.0, 140.0):
        scene.states.took(MULE.name, "g", seconds, scene.clock.now())
    made = scene.create()
    assert scene.submitter.submit(made.id).wait_seconds == 17
    assert scene.attempt(made).expected == Expectation(quick=20, typical=120, slow=140, samples=3)
    assert scene.attempt(slow).expected == Expectation(quick=3, typical=30, slow=60, samples=0)
