"""What happened to a generation, in order, as callers read it: each turn, ask, answer and bill."""

from collections.abc import Iterator
from typing import Any

from easel.domain.generation import Attempt, AttemptState, Generation
from easel.plain import money_view, time_view
from easel.receipt import FIGURES, failure_view

LONG_WAIT_SECONDS = 1.0  # a turn that came sooner is no wait


def attempt_log(generation: Generation) -> list[dict[str, Any]]:
    """Events, oldest first. Each has `at`, `type`, `attempt` (its number, or None) and what the type tells:

    `created` routes, whose order they are in · `waiting` route, until, because · `asked` route, because,
    quoted · `accepted` task_id, request_id · `rejected`, `unknown`, `succeeded`, `failed` error, billed,
    possibly_billed, refunded · `ended` status, error.
    """
    events = [
        _event(generation.created_at, "created", routes=list(generation.routes), by=generation.routed_by)
    ]
    for attempt in generation.attempts:
        events += _of_attempt(attempt)
    slot = generation.slot
    if slot is not None:
        taken = slot.taken_at or generation.updated_at
        until = time_view(slot.at)
        events.append(_event(taken, "waiting", None, route=slot.route, until=until, because=slot.because))
    if generation.ended_at is not None:
        error = generation.error.model_dump(mode="json") if generation.error else None
        events.append(_event(generation.ended_at, "ended", status=generation.status.value, error=error))
    return events


def _of_attempt(attempt: Attempt) -> Iterator[dict[str, Any]]:
    number, route, because = attempt.number, attempt.route, attempt.because
    taken = attempt.turn_taken_at
    if taken is not None and (attempt.asked_at - taken).total_seconds() > LONG_WAIT_SECONDS:
        until = time_view(attempt.asked_at)
        yield _event(taken, "waiting", number, route=route, until=until, because=because)
    quoted = money_view(attempt.quoted)
    yield _event(attempt.asked_at, "asked", number, route=route, because=because, quoted=quoted)
    refused = attempt.state in (AttemptState.REJECTED, AttemptState.UNKNOWN)
    if attempt.answered_at is not None and not refused:
        ids = {"task_id": attempt.task_id, "request_id": attempt.request_id}
        yield _event(attempt.answered_at, "accepted", number, **ids)
    if attempt.ended_at is not None:
        bill = {name: money_view(getattr(attempt, name)) for name in FIGURES if name != "quoted"}
        yield _event(attempt.ended_at, attempt.state.value, number, error=failure_view(attempt), **bill)


def _event(at: Any, kind: str, attempt: int | None = None, **told: Any) -> dict[str, Any]:
    return {"at": time_view(at), "type": kind, "attempt": attempt, **told}
