"""Budgets and usage in DynamoDB, as parts of the transactions that write generations.

pk "account#OWNER"  sk "2026-11"  usd of the month, day_21 of its 21st; reserved and spent in one number
                    sk "now"      running: generations at work
pk "usage7#TENANT"  sk "2026-11-21#MODEL#ROUTE#23"  what was used; both numbers spread the writes
"""

import heapq
from collections.abc import Iterator, Mapping
from datetime import UTC, date
from decimal import Decimal
from typing import Any

from easel.domain.generation import Generation
from easel.domain.ledger import COSTS, COUNTS, DOLLARS, Reserving, UsageRow, cost_usd, usage_rows

# Items that share the writes of one day, model and route: transactions that meet at one cancel each other, at
# 1,000 images a second each takes 31. Keys that these lie under: each takes 250 units a second then.
SPREAD, KEYS = 32, 8


def reserve(table: str, reserving: Reserving, day: date) -> list[dict[str, Any]]:
    """The updates by which a new generation takes its part of an owner's limits; refused without room."""
    updates = []
    if reserving.takes_money:
        limits, usd = reserving.owner.limits, reserving.usd
        conditions, values = [], {":usd": _n(usd)}
        for name, attribute, allowed in (
            ("day", _day_name(day), limits.usd_per_day),
            ("month", "usd", limits.usd_per_month),
        ):
            if allowed is not None:
                values[f":{name}"] = _n(allowed - usd)
                # Of what nothing was taken yet there is no number to compare.
                first = f"attribute_not_exists({attribute}) OR " if usd <= allowed else ""
                conditions.append(f"({first}{attribute} <= :{name})")
        key, room = _month_key(reserving.owner.name, day), " AND ".join(conditions)
        updates.append(_update(table, key, _counted(day), values, room))
    if reserving.takes_place:
        values = {":one": {"N": "1"}, ":most": {"N": str(reserving.owner.limits.concurrency)}}
        room = "attribute_not_exists(running) OR running < :most"
        updates.append(_update(table, _now_key(reserving.owner.name), "ADD running :one", values, room))
    return updates


def settle(table: str, generation: Generation) -> list[dict[str, Any]]:
    """The updates of a generation's end: reservations become costs, places are free, the usage counts it."""
    reservation, day = generation.reservation, generation.created_at.astimezone(UTC).date()
    change = cost_usd(generation) - reservation.usd
    updates = [
        _update(table, _month_key(owner, day), _counted(day), {":usd": _n(change)})
        for owner in reservation.budgets
        if change
    ]
    updates += [
        _update(table, _now_key(owner), "ADD running :less", {":less": {"N": "-1"}})
        for owner in reservation.places
    ]
    return [*updates, *(_used(table, row, generation.id) for row in usage_rows(generation))]


def usage_keys(tenant: str) -> list[str]:
    """What a tenant's usage lies under. The first key is the one that all once lay under."""
    return [f"usage{number or ''}#{tenant}" for number in range(KEYS)]


def spent(client: Any, table: str, owner: str, day: date) -> Mapping[str, Decimal]:
    """What an owner's limits count now, by limit."""
    month = client.get_item(TableName=table, Key=_month_key(owner, day), ConsistentRead=True).get("Item", {})
    now = client.get_item(TableName=table, Key=_now_key(owner), ConsistentRead=True).get("Item", {})
    return {
        "usd_per_day": _decimal(month, _day_name(day)),
        "usd_per_month": _decimal(month, "usd"),
        "concurrency": _decimal(now, "running"),
    }


class DynamoUsage:
    """The port `Usage` on the one table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def rows(self, tenant: str, first: date, last: date) -> Iterator[UsageRow]:
        """Queries of the tenant's items, by day; consistent, so that what has ended is in it."""
        items = (self._items(key, first, last) for key in usage_keys(tenant))
        yield from map(_row, heapq.merge(*items, key=lambda item: item["sk"]["S"]))

    def _items(self, key: str, first: date, last: date) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :usage AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":usage": {"S": key},
                ":first": {"S": first.isoformat()},
                ":last": {"S": f"{last.isoformat()}~"},
            },
        )
        for page in pages:
            yield from page["Items"]

    def spent(self, owner: str, day: date) -> Mapping[str, Decimal]:
        """Two consistent key reads."""
        return spent(self._client, self._table, owner, day)


def _used(table: str, row: UsageRow, generation_id: str) -> dict[str, Any]:
    spread = sum(generation_id.encode()) % SPREAD
    key = {
        "pk": {"S": usage_keys(row.tenant)[spread % KEYS]},
        "sk": {"S": f"{row.day.isoformat()}#{row.model}#{row.route}#{spread}"},
    }
    numbers: dict[str, Decimal | int] = dict(row.counts)
    numbers |= {figure: row.money[figure] for figure in COSTS}
    numbers |= {f"usd_{figure}": row.usd[figure] for figure in DOLLARS}
    added = {name: number for name, number in numbers.items() if number}
    names = {f"#{place}": name for place, name in enumerate(added)}
    values = {f":{place}": _n(Decimal(number)) for place, number in enumerate(added.values())}
    add = ", ".join(f"#{place} :{place}" for place in range(len(added)))
    texts = {":currency": {"S": row.currency}}
    update = _update(table, key, f"SET currency = :currency ADD {add}", {**values, **texts})
    return {"Update": update["Update"] | {"ExpressionAttributeNames": names}}


def _row(item: Mapping[str, Any]) -> UsageRow:
    day, model, route, _spread = item["sk"]["S"].split("#")
    return UsageRow(
        day=date.fromisoformat(day),
        tenant=item["pk"]["S"].partition("#")[2],
        model=model,
        route=route,
        currency=item["currency"]["S"],
        counts={name: int(_decimal(item, name)) for name in COUNTS},
        money={figure: _decimal(item, figure) for figure in COSTS},
        usd={figure: _decimal(item, f"usd_{figure}") for figure in DOLLARS},
    )


def _update(
    table: str, key: Mapping[str, Any], update: str, values: Mapping[str, Any], condition: str = ""
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "TableName": table,
        "Key": dict(key),
        "UpdateExpression": update,
        "ExpressionAttributeValues": dict(values),
    }
    return {"Update": request | ({"ConditionExpression": condition} if condition else {})}


def _counted(day: date) -> str:
    return f"ADD usd :usd, {_day_name(day)} :usd"


def _day_name(day: date) -> str:
    return f"day_{day.day:02d}"


def _month_key(owner: str, day: date) -> dict[str, Any]:
    return {"pk": {"S": f"account#{owner}"}, "sk": {"S": f"{day.year:04d}-{day.month:02d}"}}


def _now_key(owner: str) -> dict[str, Any]:
    return {"pk": {"S": f"account#{owner}"}, "sk": {"S": "now"}}


def _decimal(item: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(item[name]["N"]) if name in item else Decimal(0)


def _n(amount: Decimal) -> dict[str, str]:
    return {"N": format(amount, "f")}
