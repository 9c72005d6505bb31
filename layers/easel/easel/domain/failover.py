"""Which route is asked next, and why: pure decisions over what is known of the routes now."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import Attempt, AttemptState, Generation

ASKS_MAX = 12  # of one generation, over all routes
TRIES_MAX = {FailureClass.RATE_LIMIT: 6, FailureClass.TRANSIENT: 4}  # of one route; others end it at once
# What the caller asked for is the fault, so another vendor would be asked for the same.
CALLERS_FAULT = frozenset({FailureClass.MODERATION, FailureClass.VALIDATION})

BREAKER_FAILURES = 5  # in a row, before a route is left alone
BREAKER_SECONDS = 30.0  # left alone for so long, then one probe


class RouteState(NamedTuple):
    """What is known of a route now, shared by all generations. Times are in UTC; `took` is how many seconds
    recent results took."""

    next_slot_at: datetime | None = None
    paused_until: datetime | None = None
    places: Mapping[str, datetime] = MappingProxyType({})
    failures: int = 0
    open_until: datetime | None = None
    took: tuple[float, ...] = ()

    def accepts(self, now: datetime) -> bool:
        """Whether one whose turn has come may still ask: not while the route fails or asked for patience."""
        return all(until is None or until <= now for until in (self.paused_until, self.open_until))


class Hold(StrEnum):
    """What holds a route back, in the attempt log's words."""

    FAILING = "is failing"
    LIMITED = "is at its rate limit"
    FULL = "has all its tasks running"


class Candidate(NamedTuple):
    """A route that may be asked: its name, its state, and how many tasks it takes at a time.

    A place is freed long before it is lost, so a full route is looked at again after `look_again_seconds`.
    """

    route: str
    state: RouteState
    running: int | None = None
    look_again_seconds: float = 10.0

    def ready_at(self, now: datetime) -> tuple[datetime, Hold | None]:
        """When it can be asked, or looked at again, and what holds it back until then."""
        waits: list[tuple[datetime, Hold]] = []
        if self.state.open_until is not None and self.state.open_until > now:
            waits.append((self.state.open_until, Hold.FAILING))
        if self.state.next_slot_at is not None and self.state.next_slot_at > now:
            waits.append((self.state.next_slot_at, Hold.LIMITED))
        taken = sorted(until for until in self.state.places.values() if until > now)
        if self.running is not None and len(taken) >= self.running:
            waits.append((min(taken[0], now + timedelta(seconds=self.look_again_seconds)), Hold.FULL))
        return max(waits, default=(now, None))


class Decision(NamedTuple):
    """The route to ask, when, the reason in words for the attempt log, and what holds it back till then."""

    route: str
    at: datetime
    because: str
    hold: Hold | None = None


def may_ask(generation: Generation) -> bool:
    """Whether a vendor may be asked (again) without paying twice, unless the caller accepts that."""
    attempt = generation.attempt
    if generation.terminal or len(generation.attempts) >= ASKS_MAX:
        return False
    if attempt is None:
        return True
    if attempt.ended_at is None or attempt.state is AttemptState.SUCCEEDED:
        return False
    if attempt.failure is not None and attempt.failure.failure_class in CALLERS_FAULT:
        return False
    if attempt.state is AttemptState.UNKNOWN or not attempt.costs_nothing:
        return buys_again(generation)
    return True


def buys_again(generation: Generation) -> bool:
    """Whether the caller opted into one more ask where the last may be billed; once, not for ever."""
    doubtful = [attempt for attempt in generation.attempts if not attempt.costs_nothing]
    return generation.request.on_unknown == "resubmit" and len(doubtful) < 2


def remaining_routes(generation: Generation) -> tuple[str, ...]:
    """The routes that may still be asked: those asked least first, else in the generation's order."""
    if not may_ask(generation):
        return ()
    asked: dict[str, list[Attempt]] = {}
    for attempt in generation.attempts:
        asked.setdefault(attempt.route, []).append(attempt)
    left = [route for route in generation.routes if not _is_spent(asked.get(route, []))]
    return tuple(sorted(left, key=lambda route: len(asked.get(route, []))))


def _is_spent(attempts: Sequence[Attempt]) -> bool:
    if not attempts:
        return False
    failure: Failure | None = attempts[-1].failure
    most = TRIES_MAX.get(failure.failure_class, 1) if failure else 1
    return len(attempts) >= most


def reason(generation: Generation) -> str:
    """Why the first of the remaining routes comes first, for the attempt log."""
    last = generation.attempt
    if last is None:
        caller = generation.routed_by == "caller"
        return "first in the caller's order" if caller else f"first by the policy {generation.routed_by}"
    what = last.failure.failure_class.value if last.failure else last.state.value
    return f"next after {last.route} ended as {last.state.value} ({what})"


def decide(candidates: Sequence[Candidate], now: datetime, why_first: str) -> Decision:
    """The first route that can be asked now; where none can, the one that can be soonest."""
    held: list[str] = []
    ready: list[tuple[datetime, int, Hold]] = []
    for number, candidate in enumerate(candidates):
        at, hold = candidate.ready_at(now)
        if hold is None:
            because = "; ".join([*held, f"{candidate.route} can take it now"]) if held else why_first
            return Decision(candidate.route, now, because)
        held.append(f"{candidate.route} {hold} until {at:%H:%M:%S}")
        ready.append((at, number, hold))
    at, number, hold = min(ready)
    return Decision(candidates[number].route, at, "; ".join([*held, "the soonest is waited for"]), hold)
