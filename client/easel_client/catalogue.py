"""What Easel answers about its models, and about what a request would come to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from easel_client.answers import Money, Raw, needed
from easel_client.errors import FieldProblem


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """A model at a vendor. `parameters` is a JSON Schema of what it honours."""

    name: str
    vendor: str
    ready: bool
    price: Money | None
    estimated_usd: Decimal | None
    typical_seconds: float
    sizes: tuple[str, ...]
    parameters: Mapping[str, Any] = field(repr=False)
    health: str

    @classmethod
    def of(cls, raw: Any) -> "ModelRoute":
        """From an answer."""
        raw = needed(raw, "name")
        health = raw.get("health") or {}
        expected = health.get("expected_seconds") or {}
        return cls(
            name=raw["name"],
            vendor=str(raw.get("vendor") or ""),
            ready=bool(raw.get("ready")),
            price=Money.of(raw.get("price")),
            estimated_usd=_decimal(raw.get("estimated_usd")),
            typical_seconds=float(expected.get("typical") or raw.get("typical_seconds") or 0),
            sizes=tuple(raw.get("sizes") or ()),
            parameters=raw.get("parameters") or {},
            health=str(health.get("state") or ""),
        )


@dataclass(frozen=True, slots=True)
class Model:
    """A model and the routes that serve it."""

    id: str
    routes: tuple[ModelRoute, ...]
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Any) -> "Model":
        """From an answer."""
        raw = needed(raw, "id")
        return cls(raw["id"], tuple(map(ModelRoute.of, raw.get("routes") or ())), raw)

    @property
    def ready(self) -> bool:
        """Whether the deployment has a key of some vendor that serves it."""
        return any(route.ready for route in self.routes)


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """A route that would be asked. `parameters` says what becomes of each parameter there."""

    route: str
    because: str
    price: Money | None
    estimated_usd: Money | None
    typical_seconds: float
    health: str
    parameters: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, raw: Any) -> "PlannedRoute":
        """From an answer."""
        raw = needed(raw, "route")
        return cls(
            route=raw["route"],
            because=str(raw.get("because") or ""),
            price=Money.of(raw.get("price")),
            estimated_usd=Money.of(raw.get("estimated_usd")),
            typical_seconds=float((raw.get("expected_seconds") or {}).get("typical") or 0),
            health=str(raw.get("health") or ""),
            parameters=raw.get("parameters") or {},
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request would come to: the routes in their order, those that cannot do it and why, and what a
    budget would hold. Nothing was bought or written."""

    model: str
    routes: tuple[PlannedRoute, ...]
    refused: Mapping[str, tuple[FieldProblem, ...]]
    reserves: Money | None
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Any) -> "Plan":
        """From an answer."""
        raw = needed(raw, "routes")
        return cls(
            model=str(raw.get("model") or ""),
            routes=tuple(map(PlannedRoute.of, raw["routes"])),
            refused={
                one["route"]: tuple(map(FieldProblem.of, one.get("errors") or ()))
                for one in raw.get("refused") or ()
            },
            reserves=Money.of(raw.get("reserves")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent. Rows are a day's generations of a model that one route served."""

    since: str
    until: str
    rows: tuple[Raw, ...]
    totals: Raw
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Any) -> "Usage":
        """From an answer."""
        raw = needed(raw, "data", "totals")
        return cls(str(raw.get("from")), str(raw.get("to")), tuple(raw["data"]), raw["totals"], raw)

    @property
    def billed(self) -> Money | None:
        """What certainly was billed, in dollars."""
        return Money.of((self.totals.get("usd") or {}).get("billed"))


def _decimal(text: Any) -> Decimal | None:
    try:
        return Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        return None
