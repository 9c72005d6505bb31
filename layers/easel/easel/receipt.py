"""A generation's receipt as callers see it: each figure in the vendor's unit and in dollars.

`quoted` is the price of what was asked for, `reserved` what budgets held for it, `billed` what certainly was
billed, `possibly_billed` what may have been, `refunded` what came back; an amount stands in one of `billed`
and `possibly_billed`, never in both.
"""

from decimal import Decimal
from typing import Any

from easel.domain.generation import Attempt, Generation
from easel.domain.ledger import usd_of
from easel.domain.money import Money
from easel.domain.own_cost import own_cost
from easel.plain import money_view, time_view

FIGURES = ("quoted", "billed", "possibly_billed", "refunded")


def receipt(generation: Generation) -> dict[str, Any]:
    """The sums, and each ask of a vendor. `aws_estimate` is what the account itself pays AWS, about."""
    attempts = generation.attempts
    totals = {figure: _sum([getattr(attempt, figure) for attempt in attempts]) for figure in FIGURES}
    quoted = generation.attempt.quoted if generation.attempt else generation.quoted
    in_usd = {
        figure: _dollars(sum((usd_of(one, figure) for one in attempts), Decimal(0)))
        if any(getattr(one, figure) for one in attempts)
        else None
        for figure in FIGURES
    }
    reservation = generation.reservation
    reserved = money_view(_dollars(reservation.usd) if reservation.budgets else None)
    return {
        **{figure: money_view(total) for figure, total in totals.items()},
        "quoted": money_view(quoted),
        "reserved": reserved,
        "usd": {figure: money_view(usd) for figure, usd in in_usd.items()}
        | {"quoted": money_view(_quoted_usd(generation)), "reserved": reserved},
        "aws_estimate": money_view(own_cost(generation)),
        "attempts": [_attempt(attempt) for attempt in attempts],
    }


def failure_view(attempt: Attempt) -> dict[str, Any] | None:
    """What went wrong with an attempt, in our word and the vendor's."""
    failure = attempt.failure
    if failure is None:
        return None
    return {
        "code": failure.failure_class.value,
        "vendor_code": failure.code,
        "http_status": failure.http_status,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "route": attempt.route,
        "state": attempt.state.value,
        "because": attempt.because,
        "task_id": attempt.task_id,
        "request_id": attempt.request_id,
        "asked_at": time_view(attempt.asked_at),
        "answered_at": time_view(attempt.answered_at),
        "ended_at": time_view(attempt.ended_at),
        **{figure: money_view(getattr(attempt, figure)) for figure in FIGURES},
        "usd": {
            figure: money_view(_dollars(usd_of(attempt, figure)) if getattr(attempt, figure) else None)
            for figure in FIGURES
        },
        "error": failure_view(attempt),
    }


def _quoted_usd(generation: Generation) -> Money:
    attempt = generation.attempt
    return _dollars(usd_of(attempt, "quoted") if attempt else generation.quoted_usd)


def _dollars(amount: Decimal) -> Money:
    return Money(amount=amount, currency="USD")


def _sum(amounts: list[Money | None]) -> Money | None:
    """The sum, where there is one: figures in different currencies have none, the attempts show them."""
    told = [amount for amount in amounts if amount is not None]
    if not told or len({amount.currency for amount in told}) > 1:
        return None
    return Money(
        amount=sum((amount.amount for amount in told[1:]), told[0].amount), currency=told[0].currency
    )
