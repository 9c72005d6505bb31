"""Usage: what a tenant's generations cost, by day, model and route, exact to the sum of their receipts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from easel.catalogue import Catalogue
from easel.domain.ledger import COSTS, COUNTS, DOLLARS, OWN_COST, UsageRow
from easel.domain.money import Money
from easel.errors import FieldProblem, InvalidRequestError
from easel.plain import money_view
from easel.ports import Clock, Usage

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAYS_DEFAULT, DAYS_MAX = 30, 366


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Answers what was spent."""

    usage: Usage
    catalogue: Catalogue
    clock: Clock

    def of(
        self, tenant: str, first: str | None, last: str | None, cursor: str | None = None
    ) -> dict[str, Any]:
        """The rows of these days (ISO dates in UTC, both included) and their sums. A generation is counted
        on the day on which it was made, once it has ended. Raises InvalidRequestError.

        A page has DAYS_MAX days, the last ones first; its cursor is the day before them. No days, no rows.
        """
        until = self.clock.now().date() if last is None else _day("to", last)
        asked = _before(until, DAYS_DEFAULT - 1) if first is None else _day("from", first)
        until = until if cursor is None else min(until, _day("cursor", cursor))
        since = max(asked, _before(until, DAYS_MAX - 1))
        rows = _together(list(self.usage.rows(tenant, since, until))) if since <= until else []
        return {
            "from": since.isoformat(),
            "to": until.isoformat(),
            "data": [self._row(row) for row in rows],
            "totals": {
                **{name: sum(row.counts[name] for row in rows) for name in COUNTS},
                "usd": {figure: _dollars(_total(rows, figure)) for figure in COSTS},
                "aws_estimate": _dollars(_total(rows, OWN_COST)),
            },
            "next_cursor": _before(since, 1).isoformat() if asked < since else None,
        }

    def _row(self, row: UsageRow) -> dict[str, Any]:
        route = self.catalogue.routes.get(row.route)
        return {
            "day": row.day.isoformat(),
            "tenant": row.tenant,
            "model": row.model,
            "route": row.route,
            "vendor": route.endpoint.vendor if route else row.route.partition("/")[0],
            **{name: row.counts[name] for name in COUNTS},
            **{figure: money_view(Money.of(row.money[figure], row.currency)) for figure in COSTS},
            "usd": {figure: _dollars(row.usd[figure]) for figure in COSTS},
            "aws_estimate": _dollars(row.usd[OWN_COST]),
        }


def _together(rows: Sequence[UsageRow]) -> list[UsageRow]:
    """One row for each day, model and route."""
    found: dict[tuple[date, str, str], UsageRow] = {}
    for row in rows:
        known = found.get((row.day, row.model, row.route))
        found[row.day, row.model, row.route] = row if known is None else _sum(known, row)
    return [found[key] for key in sorted(found)]


def _sum(one: UsageRow, other: UsageRow) -> UsageRow:
    counts = {name: one.counts[name] + other.counts[name] for name in COUNTS}
    money = {figure: one.money[figure] + other.money[figure] for figure in COSTS}
    usd = {figure: one.usd[figure] + other.usd[figure] for figure in DOLLARS}
    return UsageRow(one.day, one.tenant, one.model, one.route, one.currency, counts, money, usd)


def _total(rows: Sequence[UsageRow], figure: str) -> Decimal:
    return sum((row.usd[figure] for row in rows), Decimal(0))


def _dollars(amount: Decimal) -> dict[str, str] | None:
    return money_view(Money(amount=amount, currency="USD"))


def _before(day: date, days: int) -> date:
    """So many days earlier, or the first day that there is."""
    return date.fromordinal(max(1, day.toordinal() - days))


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else _no_day(name)
    except ValueError:
        return _no_day(name)


def _no_day(name: str) -> NoReturn:
    what = "must be a day such as 2026-11-21"
    raise InvalidRequestError(f"{name} {what}.", [FieldProblem(name, what)])
