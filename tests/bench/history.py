"""What the figures were: tests/bench/history.json, a row for each change that moved some.

The last row is what is recorded now; tests/integration/test_cold_start.py holds the cold starts to it. Kept
are figures that have a target, and every count of instructions of a start.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.table import Row

HISTORY = Path(__file__).with_name("history.json")
COUNTED = "Mi"
TIMES = {"ms", "ms/MiB", "ms/s", "µs", "1/s"}
TOLERANCE, TIMES_TOLERANCE = 0.02, 0.2  # of counts, and of times on a machine that others use, too


def kept(row: Row) -> bool:
    """Whether the history keeps this figure."""
    return row.target is not None or row.unit == COUNTED


def figure(row: Row) -> float:
    """What is kept of it: of a time, its ratio to the yardstick's, which another machine has as well."""
    value = row.ratio if row.ratio is not None and row.unit in TIMES else row.ours
    return float(f"{value:.4g}")


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """Those of one part."""
    return {row.name: figure(row) for row in rows if kept(row)}


def recorded() -> dict[str, Any]:
    """The last row."""
    last: dict[str, Any] = _rows()[-1]
    return last


def moved(measured: Mapping[str, Sequence[Row]]) -> str:
    """What is no longer as the last row has it, in words: a line each."""
    last = recorded()
    lines = []
    for part, rows in measured.items():
        before = last["figures"].get(part, {})
        for row in rows:
            if row.name in before and kept(row) and _differ(before[row.name], figure(row), row.unit):
                lines.append(f"{part}, {row.name}: {before[row.name]:,.4g} -> {figure(row):,.4g}")
    head = f"Moved since {last['date']} ({last['change']}; Python {last['python']})"
    return "\n  ".join([f"{head}:", *lines]) if lines else f"{head}: nothing"


def append(change: str, measured: Mapping[str, Sequence[Row]]) -> None:
    """A row for a change. Parts that were not measured are as they were."""
    rows = _rows()
    row = {
        "date": datetime.now(UTC).date().isoformat(),
        "change": change,
        "python": platform.python_version(),
        "figures": {
            **(rows[-1]["figures"] if rows else {}),
            **{part: figures(measured[part]) for part in measured},
        },
    }
    HISTORY.write_text("[\n" + ",\n".join(map(_as_text, [*rows, row])) + "\n]\n")


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(HISTORY.read_text())
    return rows


def _differ(before: float, now: float, unit: str) -> bool:
    tolerance = TIMES_TOLERANCE if unit in TIMES else TOLERANCE
    return abs(now - before) > tolerance * abs(before)


def _as_text(row: Mapping[str, Any]) -> str:
    """A line for each part, so that a change of it shows what it moved."""
    parts = [
        f"  {json.dumps(part)}: {json.dumps(row['figures'][part], ensure_ascii=False)}"
        for part in row["figures"]
    ]
    head = ", ".join(f"{json.dumps(key)}: {json.dumps(row[key])}" for key in ("date", "change", "python"))
    return f'{{{head},\n "figures": {{\n' + ",\n".join(parts) + "\n}}"
