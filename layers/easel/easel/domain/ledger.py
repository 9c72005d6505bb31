"""The money ledger: what a generation reserves, what it costs in the end, and where that is counted.

created ──► its reservation is added to its owners' budgets, in the same write as its record
ended   ──► the reservation is exchanged for what it cost, and the cost is added to the usage, in the same
            write as its last status: once, whoever ends it, and a crash leaves either all of it or nothing

Everything is counted on the day (UTC) on which the generation was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from easel.domain.generation import TERMINAL, Attempt, Generation
from easel.domain.money import Money
from easel.domain.own_cost import own_cost
from easel.errors import BudgetReachedError, LimitReachedError, ReachedLimit, RequestError

if TYPE_CHECKING:  # no step that carries a generation loads the models of keys and tenants
    from easel.domain.tenants import Owner

COSTS = ("billed", "possibly_billed", "refunded")
OWN_COST = "aws"  # what the account itself paid AWS, about
DOLLARS = (*COSTS, OWN_COST)
COME_AGAIN_SECONDS = 5  # when one of the generations at work may have ended
NOTHING = Decimal(0)


class Reserving(NamedTuple):
    """What a new generation takes of one owner's limits: dollars, and a place among those at work."""

    owner: Owner
    usd: Decimal

    @property
    def takes_money(self) -> bool:
        """Whether a budget counts it."""
        return self.owner.limits.on_money

    @property
    def takes_place(self) -> bool:
        """Whether a cap on concurrency counts it."""
        return self.owner.limits.concurrency is not None


class UsageRow(NamedTuple):
    """What was used on a day by a tenant, of a model, on a route. Money is in the route's own unit."""

    day: date
    tenant: str
    model: str
    route: str
    currency: str
    counts: Mapping[str, int]
    money: Mapping[str, Decimal]
    usd: Mapping[str, Decimal]


COUNTS = ("generations", *sorted(status.value for status in TERMINAL), "asks", "images")


def usd_of(attempt: Attempt, figure: str) -> Decimal:
    """One of a receipt's figures in dollars, at the rate of the time when the vendor was asked."""
    money: Money | None = getattr(attempt, figure)
    return NOTHING if money is None else money.amount * attempt.usd_per_unit


def cost_usd(generation: Generation) -> Decimal:
    """What it cost, and what it may have cost beside, less what came back."""
    return sum((_cost(attempt) for attempt in generation.attempts), NOTHING)


def usage_rows(generation: Generation) -> list[UsageRow]:
    """What a generation that has ended adds to the usage: a row for each route that it asked. It is counted
    itself on its last route; the images are those that were kept."""
    last = generation.route or generation.routes[0]
    day = generation.created_at.astimezone(UTC).date()
    rows = []
    for route in dict.fromkeys([*(attempt.route for attempt in generation.attempts), last]):
        asks = [attempt for attempt in generation.attempts if attempt.route == route]
        counts = dict.fromkeys(COUNTS, 0) | {"asks": len(asks)}
        if route == last:
            counts |= {"generations": 1, generation.status.value: 1, "images": len(generation.images)}
        money = {figure: sum((_amount(one, figure) for one in asks), NOTHING) for figure in COSTS}
        usd = {figure: sum((usd_of(one, figure) for one in asks), NOTHING) for figure in COSTS}
        usd |= {OWN_COST: own_cost(generation).amount if route == last else NOTHING}
        currency = asks[0].quoted.currency if asks else generation.quoted.currency
        rows.append(
            UsageRow(day, generation.tenant, generation.request.model, route, currency, counts, money, usd)
        )
    return rows


def refusal(reserving: Reserving, now: datetime, used: Mapping[str, Decimal]) -> RequestError:
    """Why an owner's limits leave no room: `used` is what they count, by limit. It is read after the refusal:
    where others have given something back since, there may be room soon."""
    limits, name = reserving.owner.limits, reserving.owner.name
    day_ends, month_ends = _ends(now)
    budgets = [
        (limit, allowed, ends)
        for limit, allowed, ends in (
            ("usd_per_day", limits.usd_per_day, day_ends),
            ("usd_per_month", limits.usd_per_month, month_ends),
        )
        if allowed is not None
    ]
    for limit, allowed, ends in budgets:
        if used.get(limit, NOTHING) + reserving.usd > allowed:
            return _over_budget(reserving, limit, allowed, ceil((ends - now).total_seconds()))
    if limits.concurrency is None:
        limit, allowed, _ = budgets[0]
        return _over_budget(reserving, limit, allowed, COME_AGAIN_SECONDS)
    reached = ReachedLimit("concurrency", name, str(limits.concurrency), COME_AGAIN_SECONDS)
    return LimitReachedError(f"The {name} may have {limits.concurrency} at work at a time.", (), reached)


def reservings(owners: Sequence[Owner], usd: Decimal) -> tuple[Reserving, ...]:
    """What is taken of each owner that has such limits."""
    every = (Reserving(owner, usd) for owner in owners)
    return tuple(one for one in every if one.takes_money or one.takes_place)


def _over_budget(reserving: Reserving, limit: str, allowed: Decimal, seconds: int) -> BudgetReachedError:
    name, period = reserving.owner.name, limit.removeprefix("usd_per_")
    detail = f"The {name} may spend {allowed:f} USD a {period}; {reserving.usd:f} more do not fit."
    return BudgetReachedError(detail, (), ReachedLimit(limit, name, format(allowed, "f"), seconds))


def _cost(attempt: Attempt) -> Decimal:
    billed, possibly, refunded = (usd_of(attempt, figure) for figure in COSTS)
    return billed + possibly - refunded


def _amount(attempt: Attempt, figure: str) -> Decimal:
    money: Money | None = getattr(attempt, figure)
    return NOTHING if money is None else money.amount


def _ends(now: datetime) -> tuple[datetime, datetime]:
    """When the day and the month are over."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1), (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
