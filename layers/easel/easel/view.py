"""A generation as callers see it: in answers, in events, and as the state machine's output."""

from collections.abc import Callable
from typing import Any

from easel.domain.generation import Attempt, Generation, Status
from easel.domain.money import Money

FIGURES = ("quoted", "billed", "possibly_billed", "refunded")


def generation_view(
    generation: Generation,
    uri: Callable[[str], str],
    sign: Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """The generation as JSON values. `uri` names an object, `sign` makes a link to it.

    Without `sign` there are no links: events and workflow outputs are kept, links are secrets.
    """
    attempt = generation.attempt
    view: dict[str, Any] = {
        "id": generation.id,
        "status": generation.status.value,
        "model": generation.request.model,
        "route": generation.route or generation.routes[0],
        "routes": list(generation.routes),
        "created_at": _time(generation.created_at),
        "updated_at": _time(generation.updated_at),
        "deadline_at": _time(generation.deadline_at),
        "ended_at": _time(generation.ended_at),
        "request": generation.request.model_dump(mode="json", exclude_defaults=True),
        "parameters": generation.parameters.model_dump(mode="json") if generation.parameters else None,
        "images": [_image(generation, number, uri, sign) for number in range(len(generation.images))],
        "shortfall": shortfall(generation),
        "seed": generation.seed,
        "actual_prompt": generation.actual_prompt,
        "vendor": _vendor(attempt) if attempt else None,
        "receipt": receipt(generation),
        "error": generation.error.model_dump(mode="json") if generation.error else None,
        "metadata": dict(generation.request.metadata),
        "links": {"self": f"/v1/generations/{generation.id}"},
    }
    return view


def shortfall(generation: Generation) -> int:
    """How many images fewer than asked for were delivered; 0 until the generation succeeded."""
    asked = generation.request.n or 1
    return asked - len(generation.images) if generation.status is Status.SUCCEEDED else 0


def receipt(generation: Generation) -> dict[str, Any]:
    """What was quoted, billed, possibly billed and refunded, and each ask of a vendor."""
    totals = {
        figure: _sum([getattr(attempt, figure) for attempt in generation.attempts]) for figure in FIGURES
    }
    quoted = generation.attempt.quoted if generation.attempt else generation.quoted
    return {
        **{figure: _money(total) for figure, total in totals.items()},
        "quoted": _money(quoted),
        "attempts": [_attempt(attempt) for attempt in generation.attempts],
    }


def _image(
    generation: Generation, number: int, uri: Callable[[str], str], sign: Callable[[str], str] | None
) -> dict[str, Any]:
    image = generation.images[number]
    link = {"url": sign(image.key)} if sign else {}
    return link | {"s3_uri": uri(image.key)} | image.model_dump(mode="json", exclude={"key"})


def _vendor(attempt: Attempt) -> dict[str, Any]:
    return {
        "name": attempt.route.split("/")[0],
        "task_id": attempt.task_id,
        "request_id": attempt.request_id,
        "status": attempt.vendor_status,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "route": attempt.route,
        "state": attempt.state.value,
        "because": attempt.because,
        "task_id": attempt.task_id,
        "request_id": attempt.request_id,
        "asked_at": _time(attempt.asked_at),
        "answered_at": _time(attempt.answered_at),
        "ended_at": _time(attempt.ended_at),
        **{figure: _money(getattr(attempt, figure)) for figure in FIGURES},
        "error": _failure(attempt),
    }


def _failure(attempt: Attempt) -> dict[str, Any] | None:
    failure = attempt.failure
    if failure is None:
        return None
    return {
        "code": failure.failure_class.value,
        "vendor_code": failure.code,
        "http_status": failure.http_status,
    }


def _sum(amounts: list[Money | None]) -> Money | None:
    """The sum, where there is one: figures in different currencies have none, the attempts show them."""
    told = [amount for amount in amounts if amount is not None]
    if not told or len({amount.currency for amount in told}) > 1:
        return None
    return Money(
        amount=sum((amount.amount for amount in told[1:]), told[0].amount), currency=told[0].currency
    )


def _money(money: Money | None) -> dict[str, str] | None:
    return money.model_dump(mode="json") if money else None


def _time(moment: Any) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
