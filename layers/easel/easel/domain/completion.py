"""When a generation is expected to have ended."""

from datetime import datetime, timedelta

from easel.domain.generation import Generation, Status
from easel.domain.latency import Expectation

STEPS_SECONDS = 2.0  # of Easel's own: from the request to the ask, and from the result to the kept image
OVERDUE_SHARE = 0.5  # of the time that has passed, once it is slower than nine of ten


def estimated_completion(generation: Generation, now: datetime) -> datetime | None:
    """The time by which half of its like have ended; once that is past, the time by which nine of ten have;
    then a guess that grows with the delay. Never past the deadline. None once it has ended, and where
    nothing is known."""
    attempt = generation.attempt
    at_work = attempt is not None and attempt.ended_at is None
    expected = attempt.expected if attempt is not None and at_work else _expected_next(generation)
    if generation.terminal or expected is None:
        return None
    begun = attempt.asked_at if attempt is not None and at_work else _next_ask(generation)
    if generation.status is Status.PERSISTING:
        begun, expected = generation.updated_at, Expectation(typical=0, slow=STEPS_SECONDS)
    own = timedelta(seconds=STEPS_SECONDS)
    for seconds in (expected.typical, expected.slow):
        ends = begun + timedelta(seconds=seconds) + own
        if ends > now:
            return min(ends, generation.deadline_at)
    return min(now + (now - begun) * OVERDUE_SHARE, generation.deadline_at)


def _expected_next(generation: Generation) -> Expectation | None:
    """How long the next ask takes: on the route of its turn, where it has one."""
    slot = generation.slot
    return slot.expected if slot is not None and slot.expected is not None else generation.expected


def _next_ask(generation: Generation) -> datetime:
    """When a vendor is asked next: at its turn, where it has one."""
    if generation.slot is not None:
        return generation.slot.at
    return generation.updated_at
