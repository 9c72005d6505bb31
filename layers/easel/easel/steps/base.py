"""What the steps share: loading the record, and the answer to the workflow."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple

from easel.domain.failover import remaining_routes
from easel.domain.failure import FailureClass
from easel.domain.generation import Attempt, AttemptState, Generation, Status
from easel.domain.latency import expectation
from easel.domain.money import Money
from easel.domain.polling import Pace
from easel.errors import NotFoundError

if TYPE_CHECKING:  # Settle has no use for the catalogue
    from easel.catalogue import Endpoint, Route
    from easel.ports import GenerationStore
    from easel.vendors.base import Failed


class Next(NamedTuple):
    """What the workflow does next. Only this travels through its state."""

    id: str
    next: Literal["submit", "wait", "persist", "settle"]
    wait_seconds: float = 0.0

    def as_state(self) -> dict[str, str | int]:
        """JSON for the state machine; a Wait state takes whole seconds only."""
        return {"id": self.id, "next": self.next, "wait_seconds": ceil(self.wait_seconds)}


def load(store: GenerationStore, generation_id: str) -> Generation:
    """The record. Raises NotFoundError where there is none."""
    generation = store.get(generation_id)
    if generation is None:
        raise NotFoundError(f"There is no generation {generation_id}.")
    return generation


def resume(generation: Generation) -> Next:
    """Where a generation goes on that this step has nothing to do for: a step that ran before did it."""
    if generation.status is Status.PROCESSING and generation.current_attempt.ended_at is None:
        return Next(generation.id, "wait", 1.0)
    if remaining_routes(generation):
        return Next(generation.id, "submit")
    if generation.status is Status.PERSISTING:
        kept = generation.current_attempt.state is AttemptState.SUCCEEDED
        return Next(generation.id, "settle" if kept else "persist")
    return Next(generation.id, "settle")


def pace_of(attempt: Attempt, route: Route) -> Pace:
    """How often to ask: by what the route lately took when it was asked, else by the catalogue."""
    expected = attempt.expected or expectation((), route.typical_seconds)
    return Pace(expected.quick, expected.slow)


def until_first_question(generation: Generation, route: Route, now: datetime) -> float:
    """Seconds until the vendor is first asked how its task stands; none where that time has passed."""
    attempt = generation.current_attempt
    return max(0.0, pace_of(attempt, route).first_wait() - (now - attempt.asked_at).total_seconds())


def delivered_charge(route: Route, cost: Decimal | None, images: int) -> Money:
    """What delivered images cost: by the vendor's word, else the catalogue's price of what came."""
    return route.price.times(images) if cost is None else Money(amount=cost, currency=route.price.currency)


def failed_charges(endpoint: Endpoint, attempt: Attempt, answer: Failed) -> dict[str, Money]:
    """What a task costs that the vendor took and did not deliver, by the vendor's word or its rule.

    A success that cannot be understood is no failure in the vendor's books: it may be billed. Such an
    answer has no word on what went wrong, which a failed task has, for whatever reason it failed.
    """
    failure = answer.failure
    wordless = failure.code is None and failure.message is None

    told = attempt.cost if answer.cost is None else answer.cost
    cost = attempt.quoted if told is None else Money(amount=told, currency=attempt.quoted.currency)
    if (
        failure.failure_class is FailureClass.VENDOR_CONTRACT and wordless
    ) or endpoint.failed_task_cost == "unstated":
        return {"possibly_billed": cost}
    if endpoint.failed_task_cost == "free" or not cost.amount:
        return {}
    return {"billed": cost, "refunded": cost}
