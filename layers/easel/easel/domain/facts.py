"""What operators are told: facts of generations, each with the ids that tie the log together, and what is
counted of it. Facts of deliveries stand in `delivery_facts.py`, of administrators' acts in `key_facts.py`.

A fact is told by whoever won the conditional write that made it true, right after that write: a step that
runs twice, or two that run beside each other, tell it once. Who dies between the write and the telling never
tells it, and CloudWatch may, now and then, count a line twice: metrics are for watching. What is exact, and
what money is reckoned by, are the ledger and `GET /v1/usage`.

No prompt, key, link, vendor's message or tenant's name is ever part of these facts.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import Attempt, AttemptState, Generation, Status
from easel.domain.ids import is_batch_id, is_delivery_id
from easel.domain.ledger import usd_of

LONG_WAIT_SECONDS = 1.0  # a turn that came sooner is no wait
CODE_CHARACTERS_MAX = 64  # of a vendor's code, which is the vendor's to choose

# Not the route's fault: another one would have said the same, or a later ask is answered.
NO_FAULT_OF_THE_ROUTE = frozenset(
    {FailureClass.VALIDATION, FailureClass.MODERATION, FailureClass.RATE_LIMIT, FailureClass.CANCELED}
)


class Metric(NamedTuple):
    """What is counted: its unit, and the field of the line by which it is told apart, if any."""

    unit: str
    by: str | None = None


# All there are. Each of a metric's routes, statuses or fates is a metric of its own on AWS's bill.
METRICS: Mapping[str, Metric] = {
    "Accepted": Metric("Count"),
    "BatchRows": Metric("Count"),  # of those accepted
    "QueueAge": Metric("Seconds"),  # of those that no vendor was asked for yet, or not again
    "TurnWait": Metric("Seconds", by="route"),
    "Throttled": Metric("Count", by="route"),
    "Latency": Metric("Seconds", by="route"),  # from the ask to the result
    "Success": Metric("None", by="route"),  # 1 or 0 for each ask: the average is the rate
    "Ended": Metric("Count", by="status"),
    "BilledUsd": Metric("None"),  # less what came back
    "PossiblyBilledUsd": Metric("None"),
    "PossiblyDoubleBilled": Metric("Count"),  # generations of which two asks or more may be billed
    "StepsFailed": Metric("Count"),  # generations that no vendor failed: a step did, beyond its retries
    "Reconciled": Metric("Count", by="fate"),
    "WebhookAttemptsFailed": Metric("Count"),
    "DeliveriesGivenUp": Metric("Count"),
}

Word = str | int | float | None


class Fact(NamedTuple):
    """Something that happened: its name, the fields of its line, and what it counts for."""

    name: str
    about: Mapping[str, Word]
    counts: Mapping[str, float] = MappingProxyType({})


Tell = Callable[[Fact], None]


def accepted(generation: Generation) -> Fact:
    """A generation was made."""
    origin = generation.origin
    about: dict[str, Word] = {"generation_id": generation.id, "model": generation.request.model}
    about |= {"batch_id": origin.batch, "row": origin.row, "execution": origin.execution}
    return Fact("accepted", about, {"Accepted": 1} | ({"BatchRows": 1} if origin.batch else {}))


def asked(generation: Generation) -> Fact:
    """A vendor is about to be asked: the attempt's intent is written."""
    attempt = generation.current_attempt
    earlier = generation.attempts[-2].ended_at if len(generation.attempts) > 1 else None
    waited = _seconds(earlier or generation.created_at, attempt.asked_at)
    counts = {"QueueAge": waited}
    turn = _seconds(attempt.turn_taken_at or attempt.asked_at, attempt.asked_at)
    if turn > LONG_WAIT_SECONDS:
        counts["TurnWait"] = turn
    return Fact("asked", _of(generation, attempt) | {"waited_seconds": waited}, counts)


def answered(generation: Generation, now: datetime) -> Fact:
    """What a vendor said was written: that it took the job, has a result, or that the attempt is over."""
    attempt, seconds = generation.current_attempt, _seconds(generation.current_attempt.asked_at, now)
    outcome = "finished" if attempt.results else attempt.state.value
    about = _of(generation, attempt) | {"outcome": outcome, "seconds": seconds}
    counts: dict[str, float] = {"Latency": seconds} if attempt.results else {}
    failure = attempt.failure
    if failure is not None:
        about |= _why(failure)
        if failure.failure_class is FailureClass.RATE_LIMIT:
            counts["Throttled"] = 1
        if failure.failure_class not in NO_FAULT_OF_THE_ROUTE:
            counts["Success"] = 0
    return Fact("answered", about, counts)


def question_refused(generation: Generation, failure: Failure) -> Fact:
    """The vendor answered 429 to a question how its task stands; the task goes on."""
    about = _of(generation, generation.current_attempt) | _why(failure)
    return Fact("question refused", about, {"Throttled": 1})


def kept(generation: Generation) -> Fact:
    """All images are in the bucket, verified."""
    attempt = generation.current_attempt
    about = _of(generation, attempt) | {
        "images": len(generation.images),
        "bytes": sum(image.bytes for image in generation.images),
        "seconds": _seconds(attempt.asked_at, generation.updated_at),
    }
    return Fact("kept", about, {"Success": 1})


def ended(before: Generation, generation: Generation) -> Fact:
    """The end was written over the record as it stood before: what became of it, and what it cost. An attempt
    that was open until then has ended with it."""
    attempt, error = generation.attempt, generation.error
    about: dict[str, Word] = {
        "generation_id": generation.id,
        "status": generation.status.value,
        "model": generation.request.model,
        "route": generation.route,
        "attempts": len(generation.attempts),
        "seconds": _seconds(generation.created_at, generation.ended_at or generation.updated_at),
        "code": error.code if error else None,
        "vendor_code": _short(error.vendor_code) if error else None,
    }
    if attempt is not None:
        about |= {"task_id": attempt.task_id, "vendor_request_id": attempt.request_id}
    counts: dict[str, float] = {"Ended": 1} | _cost(generation)
    intent = before.attempt is not None and before.attempt.state is AttemptState.INTENT
    if error and (error.code == "internal" or (intent and generation.status is Status.FAILED)):
        counts["StepsFailed"] = 1
    open_before = before.attempt is not None and before.attempt.ended_at is None
    if attempt is not None and open_before and generation.status is not Status.CANCELED:
        counts["Success"] = float(attempt.state is AttemptState.SUCCEEDED)
    return Fact("ended", about, counts)


def reconciled(carried_id: str, fate: str) -> Fact:
    """Something that nobody carried was brought on its way again."""
    kind = "batch" if is_batch_id(carried_id) else "delivery" if is_delivery_id(carried_id) else "generation"
    return Fact("mended", {f"{kind}_id": carried_id, "fate": fate}, {"Reconciled": 1})


def queue(seconds: float) -> Fact:
    """How long the one has waited that has waited longest; 0 where none waits."""
    return Fact("queue", {"waited_seconds": seconds}, {"QueueAge": seconds})


def waited_seconds(generation: Generation, now: datetime) -> float:
    """How long a generation has waited to be asked for, or asked for again; 0 where it does not wait."""
    attempt = generation.attempt
    if generation.terminal or generation.images or (attempt is not None and attempt.ended_at is None):
        return 0.0
    since = attempt.ended_at if attempt is not None else None
    return _seconds(since or generation.created_at, now)


def _cost(generation: Generation) -> dict[str, float]:
    def usd(figure: str) -> float:
        return float(sum(usd_of(attempt, figure) for attempt in generation.attempts))

    counts = {"BilledUsd": usd("billed") - usd("refunded"), "PossiblyBilledUsd": usd("possibly_billed")}
    doubtful = [attempt for attempt in generation.attempts if not attempt.costs_nothing]
    return counts | ({"PossiblyDoubleBilled": 1} if len(doubtful) > 1 else {})


def _of(generation: Generation, attempt: Attempt) -> dict[str, Word]:
    return {
        "generation_id": generation.id,
        "attempt": attempt.number,
        "route": attempt.route,
        "task_id": attempt.task_id,
        "vendor_request_id": attempt.request_id,
    }


def _why(failure: Failure) -> dict[str, Word]:
    return {
        "code": failure.failure_class.value,
        "vendor_code": _short(failure.code),
        "http_status": failure.http_status,
    }


def _short(code: str | None) -> str | None:
    return code and code[:CODE_CHARACTERS_MAX]


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, round((until - since).total_seconds(), 3))
