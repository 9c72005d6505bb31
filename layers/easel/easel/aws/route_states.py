"""What all functions know of a route now, in DynamoDB: its next slot, its places, its failures.

One small item a route (or a scope that several routes share). Every change is one conditional update, so
that a thousand concurrent steps need no lock and none of them is told the same slot.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.many import read_many
from easel.domain.failover import BREAKER_FAILURES, BREAKER_SECONDS, RouteState
from easel.domain.latency import RECENT_SECONDS
from easel.ports import Clock

TURNS_MAX = 5  # of the two updates below, when others come in between


class DynamoRouteStates:
    """The port `RouteStates` on the one table."""

    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def read(self, names: Sequence[str]) -> Mapping[str, RouteState]:
        """One batch read. It may be a moment old: what counts is decided by the updates below."""
        states = dict.fromkeys(names, RouteState())
        if not names:
            return states
        keys = [_key(name) for name in states]
        for item in read_many(self._client, self._table, keys, self._clock, consistent=False):
            states[item["pk"]["S"].removeprefix("route#")] = _state(item)
        return states

    def take_slot(
        self, name: str, spacing_seconds: float, now: datetime, latest: datetime
    ) -> datetime | None:
        """The next free slot, taken for the caller alone; None where there is none before `latest`.

        next_slot in the past ──► slot is now,       next_slot := now + spacing
        next_slot in the future ─► slot is next_slot, next_slot := next_slot + spacing
              ▲ both are conditional: whoever else takes a slot in between makes the condition fail,
                and the other case is tried
        """
        values = {":now": _n(now), ":spacing": {"N": str(spacing_seconds)}, ":latest": _n(latest)}
        for _ in range(TURNS_MAX):
            free = "attribute_not_exists(next_slot) OR next_slot <= :now"
            values[":next"] = _n(now + timedelta(seconds=spacing_seconds))
            if self._update(name, "SET next_slot = :next", free, _only(values, ":now", ":next")) is not None:
                return now
            queued = "next_slot > :now AND next_slot <= :latest"
            old = self._update(
                name, "SET next_slot = next_slot + :spacing", queued,
                _only(values, ":now", ":spacing", ":latest"), returns="UPDATED_OLD",
            )  # fmt: skip
            if old is not None:
                return _time(old["next_slot"])
            if (next_slot := self.read([name])[name].next_slot_at) is not None and next_slot > latest:
                return None
        return None

    def pause(self, name: str, until: datetime) -> None:
        """The vendor asked for patience: no slot before `until`, and none taken for before then holds."""
        for attribute in ("paused_until", "next_slot"):
            self._update(
                name,
                f"SET {attribute} = :until",
                f"attribute_not_exists({attribute}) OR {attribute} < :until",
                {":until": _n(until)},
            )

    def take_place(self, name: str, holder: str, places: int, now: datetime, until: datetime) -> bool:
        """One of so many places, held until it is freed, or until the time given if its holder is lost."""
        self._update(name, "SET places = :none", "attribute_not_exists(places)", {":none": {"M": {}}})
        for _ in range(2):
            taken = self._update(
                name,
                "SET places.#holder = :until",
                "size(places) < :places OR attribute_exists(places.#holder)",
                {":until": _n(until), ":places": {"N": str(places)}},
                {"#holder": holder},
            )
            if taken is not None:
                return True
            if not self._free_lost_places(name, now):
                return False
        return False

    def free_place(self, name: str, holder: str) -> None:
        """Give the place back; harmless when there is none."""
        self._update(
            name, "REMOVE places.#holder", "attribute_exists(places.#holder)", {}, {"#holder": holder}
        )

    def failed(self, name: str, now: datetime) -> None:
        """One more failure in a row; from a number of them on the route is left alone for a while."""
        new = self._update(name, "ADD failures :one", None, {":one": {"N": "1"}}, returns="UPDATED_NEW")
        if new is not None and int(new["failures"]["N"]) >= BREAKER_FAILURES:
            until = _n(now + timedelta(seconds=BREAKER_SECONDS))
            self._update(name, "SET open_until = :until", None, {":until": until})

    def succeeded(self, name: str) -> None:
        """The failures are over."""
        self._update(name, "REMOVE failures, open_until", "attribute_exists(failures)", {})

    def took(self, name: str, holder: str, seconds: float, now: datetime) -> None:
        """Kept in one of as many places as a ULID's last character has values: which one is chance, so the
        recent ones displace the older ones without anybody counting."""
        value = {"L": [{"N": f"{seconds:.3f}"}, _n(now)]}
        self._update(name, "SET #place = :took", None, {":took": value}, {"#place": f"took_{holder[-1]}"})

    def probe(self, name: str, now: datetime) -> bool:
        """Whether the caller is the one who may try a route that was left alone long enough."""
        later = _n(now + timedelta(seconds=BREAKER_SECONDS))
        # Without a time, its writer died between the two updates of `failed`.
        free = "attribute_not_exists(open_until) OR open_until <= :now"
        changed = self._update(name, "SET open_until = :later", free, {":later": later, ":now": _n(now)})
        return changed is not None

    def _free_lost_places(self, name: str, now: datetime) -> bool:
        lost = [holder for holder, until in self.read([name])[name].places.items() if until <= now]
        for holder in lost:
            self.free_place(name, holder)
        return bool(lost)

    def _update(
        self,
        name: str,
        update: str,
        condition: str | None,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        returns: str = "NONE",
    ) -> Mapping[str, Any] | None:
        """The update's returned attributes; None where its condition did not hold."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(name),
            "UpdateExpression": update,
            "ReturnValues": returns,
        }
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = dict(values)
        if names:
            request["ExpressionAttributeNames"] = dict(names)
        try:
            attributes: Mapping[str, Any] = self._client.update_item(**request).get("Attributes", {})
            return attributes
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise


def _key(name: str) -> dict[str, Any]:
    return {"pk": {"S": f"route#{name}"}, "sk": {"S": "route"}}


def _n(moment: datetime) -> dict[str, str]:
    return {"N": format(Decimal(str(moment.timestamp())), "f")}


def _time(value: Mapping[str, str]) -> datetime:
    return datetime.fromtimestamp(float(value["N"]), UTC)


def _only(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _state(item: Mapping[str, Any]) -> RouteState:
    return RouteState(
        next_slot_at=_time(item["next_slot"]) if "next_slot" in item else None,
        paused_until=_time(item["paused_until"]) if "paused_until" in item else None,
        places={holder: _time(until) for holder, until in item.get("places", {}).get("M", {}).items()},
        failures=int(item.get("failures", {}).get("N", 0)),
        open_until=_time(item["open_until"]) if "open_until" in item else None,
        took=tuple(
            float(value["L"][0]["N"])
            for name, value in item.items()
            if name.startswith("took_") and time.time() - float(value["L"][1]["N"]) < RECENT_SECONDS
        ),
    )
