"""The one form of every figure: what is ours, what the yardstick needs, and how their ratio stands."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A figure. With a yardstick the target bounds the ratio of ours to it; without one it bounds ours.

    A target is the most that is wanted, in either case. A row without one only tells.
    """

    name: str
    ours: float
    yardstick: float | None
    unit: str
    target: float | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by the yardstick's."""
        return self.ours / self.yardstick if self.yardstick else None

    @property
    def held(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.of_target is None else self.of_target <= 1

    @property
    def of_target(self) -> float | None:
        """How much of its target it takes; None where there is none."""
        if self.target is None:
            return None
        value = self.ours if self.ratio is None else self.ratio
        return value / self.target if self.target else math.inf if value else 0.0


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the rows as a table."""
    width = max(len(row.name) for row in rows)
    print(f"\n{title}")
    print(f"{'':<{width}} {'ours':>10} {'yardstick':>10} {'unit':<12} {'ratio':>6} {'target':>8}")
    for row in rows:
        print(
            f"{row.name:<{width}} {number(row.ours):>10} {number(row.yardstick):>10} {row.unit:<12}"
            f" {number(row.ratio):>6} {_target(row):>8} {_verdict(row):<6} {row.note}".rstrip()
        )


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows for `build/bench.json`, each with its ratio and whether the target is met."""
    return [asdict(row) | {"ratio": row.ratio, "held": row.held} for row in rows]


def number(value: float | None) -> str:
    """A figure in a few digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def _target(row: Row) -> str:
    return "" if row.target is None else f"≤ {number(row.target)}"


def _verdict(row: Row) -> str:
    return {None: "", True: "held", False: "missed"}[row.held]
