"""Forecast: how long a route is expected to take, from what it lately took."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from easel.catalogue import Route
from easel.domain.failover import RouteState
from easel.domain.latency import Expectation, expectation
from easel.ports import Clock, RouteStates

FRESH_SECONDS = 15.0  # that a state is taken from memory: a forecast need not be newer


@dataclass(slots=True)
class Remembered:
    """A state, and when it was read."""

    state: RouteState
    read_at: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Reads routes' states; the memory holds one a route of the catalogue."""

    states: RouteStates
    clock: Clock
    memory: dict[str, Remembered] = field(default_factory=dict)

    def of(self, route: Route) -> Expectation:
        """Seconds from the ask to the result."""
        return expectation(self.states_of([route])[0].took, route.typical_seconds)

    def health(self, routes: Sequence[Route]) -> dict[str, dict[str, Any]]:
        """How routes fare, by name."""
        now = self.clock.now()
        states = zip(routes, self.states_of(routes), strict=True)
        return {route.name: health_view(route, state, now) for route, state in states}

    def states_of(self, routes: Sequence[Route]) -> list[RouteState]:
        """The routes' states, a moment old at most; those that are older are read together."""
        now = self.clock.now().timestamp()
        stale = [
            route.name
            for route in routes
            if route.name not in self.memory or now - self.memory[route.name].read_at > FRESH_SECONDS
        ]
        if stale:
            read = self.states.read(stale)
            self.memory.update({name: Remembered(read[name], now) for name in stale})
        return [self.memory[route.name].state for route in routes]


def health_view(route: Route, state: RouteState, now: datetime) -> dict[str, Any]:
    """How a route fares: `failing` while it is left alone, `paused` while its vendor asked for patience."""
    expected = expectation(state.took, route.typical_seconds)
    failing = state.open_until is not None and state.open_until > now
    paused = state.paused_until is not None and state.paused_until > now
    return {
        "state": "failing" if failing else "paused" if paused else "ok",
        "failures_in_a_row": state.failures,
        "expected_seconds": {"typical": expected.typical, "slow": expected.slow},
        "recent": expected.samples,
    }
