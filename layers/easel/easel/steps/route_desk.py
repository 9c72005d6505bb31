"""The desk where a generation gets its turn at a route, and reports how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from easel.catalogue import Catalogue, Route
from easel.domain.facts import Tell, answered, asked, question_refused
from easel.domain.failover import (
    BREAKER_FAILURES,
    Candidate,
    Decision,
    Hold,
    RouteState,
    decide,
    reason,
    remaining_routes,
)
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import AttemptState, Generation, Slot
from easel.domain.latency import expectation
from easel.domain.limits import NO_LIMITS, RouteLimits
from easel.ports import Clock, RouteStates

PAUSE_SECONDS = 10.0  # after a rate limit that names no time; recovery is usual within a minute
DRAIN_SPACING_SECONDS = 0.25  # between those that waited for the end of such a pause
PROBED_SECONDS = 5.0  # somebody else probes the route: look again after this
PLACE_SHARE = 0.25  # of the route's typical time, until a place is looked for again
# Of the time in which a place comes free: so far apart are those who wait for one. No place waits for them,
# also where tasks take half as long as when the line was formed (tests/unit/steps/test_full_routes.py).
LINE_SHARE = 0.5
LATE_SHARE, LOOK_SECONDS_MAX = 0.5, 60.0  # of the time since a turn came, until a place is looked for again
LOST_SHARE = 5.0  # of it, until a place is taken for lost: its holder may have been canceled, or have died


class Later(NamedTuple):
    """No route can be asked now, and none is held: look again at that time."""

    at: datetime


@dataclass(slots=True, eq=False)
class RouteDesk:
    """Chooses among what is left of a generation's routes by what is known of them now."""

    states: RouteStates
    catalogue: Catalogue
    limits: Mapping[str, RouteLimits]
    clock: Clock
    tell: Tell

    def turn(self, generation: Generation) -> Slot | Later | None:
        """The route to ask, when, and why. A slot in the future is this generation's own; a failing route
        gives none: all that wait for it would come at once. None: no route is left that may be asked."""
        now = self.clock.now()
        routes = [self.catalogue.routes[name] for name in remaining_routes(generation)]
        candidates = self._candidates(routes)
        while candidates:
            decision = decide(candidates, now, reason(generation))
            chosen = next(one for one in candidates if one.route == decision.route)
            if decision.hold is Hold.FAILING:
                return Later(decision.at)
            if self._is_probed_by_another(chosen, now):
                later = chosen.state._replace(open_until=now + timedelta(seconds=PROBED_SECONDS))
                candidates = [one._replace(state=later) if one is chosen else one for one in candidates]
                continue
            usual = self.catalogue.routes[chosen.route].typical_seconds
            expected = expectation(chosen.state.took, usual)
            at = self._slot(decision, expected.typical, generation.deadline_at, now)
            if at is not None:
                return Slot(
                    route=decision.route,
                    at=at,
                    because=decision.because,
                    failures=chosen.state.failures,
                    taken_at=now,
                    expected=expected,
                )
            candidates.remove(chosen)
        return Later(generation.deadline_at) if routes else None  # there is no slot before the deadline

    def honours(self, slot: Slot) -> bool:
        """Whether a turn that was taken earlier still holds, by what has become known of the route since."""
        if slot.failures >= BREAKER_FAILURES:
            return True  # it is the probe
        route = self.catalogue.routes[slot.route]
        (candidate,) = self._candidates([route])
        return candidate.state.accepts(self.clock.now())

    def take_place(self, generation: Generation, route: Route) -> bool:
        """Whether the route takes one more task now. The place is held until the attempt ends or is lost."""
        running = self._limits(route.name).running
        if running is None:
            return True
        now = self.clock.now()
        until = min(generation.deadline_at, now + timedelta(seconds=route.typical_seconds * LOST_SHARE))
        return self.states.take_place(route.limit_scope, generation.id, running, now, until)

    def until_next_look(self, slot: Slot, route: Route) -> float:
        """Seconds until one whose turn has come, and who found no place, looks for one again: the later it is
        the longer, as each look takes three billed transitions, and thousands may wait."""
        late = (self.clock.now() - slot.at).total_seconds() * LATE_SHARE
        return max(route.typical_seconds * PLACE_SHARE, min(late, LOOK_SECONDS_MAX))

    def asks(self, generation: Generation) -> None:
        """Tell that a vendor is about to be asked: to be called once the intent is written."""
        self.tell(asked(generation))

    def report(self, generation: Generation, *, failures_before: int = 0) -> None:
        """Tell how the latest attempt went: to be called once its answer is written."""
        attempt, now = generation.current_attempt, self.clock.now()
        self.tell(answered(generation, now))
        route = self.catalogue.routes[attempt.route]
        at_work = attempt.state is AttemptState.ACCEPTED and not attempt.results
        if not at_work and self._limits(route.name).running is not None:
            self.states.free_place(route.limit_scope, generation.id)
        failure = attempt.failure
        if failure is None:
            if failures_before:
                self.states.succeeded(route.name)
            if attempt.results:
                self.states.took(route.name, generation.id, (now - attempt.asked_at).total_seconds(), now)
        elif failure.failure_class is FailureClass.RATE_LIMIT:
            patience = timedelta(seconds=failure.retry_after_seconds or PAUSE_SECONDS)
            self.states.pause(route.limit_scope, now + patience)
        elif failure.failure_class is FailureClass.TRANSIENT:
            self.states.failed(route.name, now)

    def report_question(self, generation: Generation, failure: Failure) -> None:
        """Tell that a question after a task was refused: to be called at each such answer."""
        if failure.failure_class is FailureClass.RATE_LIMIT:
            self.tell(question_refused(generation, failure))

    def _candidates(self, routes: Sequence[Route]) -> list[Candidate]:
        names = [name for route in routes for name in (route.name, route.limit_scope)]
        states = self.states.read(list(dict.fromkeys(names)))
        return [
            Candidate(
                route.name,
                _merged(states[route.name], states[route.limit_scope]),
                self._limits(route.name).running,
                route.typical_seconds * PLACE_SHARE,
            )
            for route in routes
        ]

    def _is_probed_by_another(self, chosen: Candidate, now: datetime) -> bool:
        """A route that was left alone long enough is tried by one generation, not by all that wait."""
        return chosen.state.failures >= BREAKER_FAILURES and not self.states.probe(chosen.route, now)

    def _slot(
        self, decision: Decision, task_seconds: float, latest: datetime, now: datetime
    ) -> datetime | None:
        if decision.at > latest:  # all that wait would ask in vain, and fill the one item that a route has
            return None
        limits = self._limits(decision.route)
        spacing = limits.spacing_seconds
        if decision.hold is not None and limits.running:
            spacing = max(spacing, task_seconds / limits.running * LINE_SHARE)
        if not spacing and decision.hold is not Hold.LIMITED:
            return decision.at
        scope = self.catalogue.routes[decision.route].limit_scope
        slot = self.states.take_slot(scope, spacing or DRAIN_SPACING_SECONDS, now, latest)
        return None if slot is None else max(slot, decision.at)

    def _limits(self, route: str) -> RouteLimits:
        return self.limits.get(route, NO_LIMITS)


def _merged(route: RouteState, scope: RouteState) -> RouteState:
    """Failures and latencies are the route's own; slots, pauses and places may be the whole account's."""
    return scope._replace(failures=route.failures, open_until=route.open_until, took=route.took)
