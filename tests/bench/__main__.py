"""`make bench`: every figure as a table, as JSON and as a picture (build/bench.json, build/bench.svg).

`python -m tests.bench NAME...` measures those parts alone; `--record WHY` keeps what was measured in
tests/bench/history.json, where a change moved it, and of a whole run the picture beside it.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import (
    accepting,
    cold_start,
    cost,
    first_call,
    gallery,
    growth,
    history,
    manifest,
    persist,
    picture,
    rates,
    reads,
    scale,
    waiting,
    warm,
    whole_path,
)
from tests.bench.table import Row, as_json, show

# What is measured, in the order in which it is printed: the title, and what gives the rows.
PARTS: tuple[tuple[str, Callable[[], Sequence[Row]]], ...] = (
    (
        "Cold start: import and init, from the built packages, beyond Lambda's own runtime (Mi: 2^20)",
        cold_start.rows,
    ),
    ("The first call to AWS in a handler, at the CPU of 256 MB", first_call.rows),
    ("Accepting a generation in a warm function", warm.rows),
    (
        "Persist: an image fetched, verified and kept (TLS both ways; one process a cell, in turn)",
        persist.rows,
    ),
    ("The whole way of an image, all steps in one process", whole_path.rows),
    ("Waiting for a vendor, by the time that it takes (simulated)", waiting.rows),
    ("AWS cost of 1,000 images, by the time that a vendor takes (list prices)", cost.rows),
    (
        "Accepting under load, in processes as Lambda has them (target: the LiteLLM proxy's pace)",
        accepting.rows,
    ),
    ("What a generation costs when thousands went before it", growth.rows),
    ("The local stack's pace on this machine", scale.rows),
    ("Under AWS's quotas: images a second, and what becomes of them (simulated)", rates.rows),
    ("Reads", reads.rows),
    ("Reading a batch's manifest (the Prepare step; one process each)", manifest.rows),
    ("The console's gallery (1280 x 800, headless Chromium)", gallery.rows),
)
# What a part has to show besides its rows.
TABLES: dict[str, Callable[[], str]] = {"waiting": waiting.table, "cost": cost.table, "rates": rates.table}
FOLDER = Path("build")
PICTURE = Path("tests/bench/bench.svg")  # the README's


def name_of(measure: Callable[[], Sequence[Row]]) -> str:
    """What a part is called: its module's last name."""
    return measure.__module__.rpartition(".")[2]


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Of the command; these instead of its own."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure, and print the figures."
    )
    names = [name_of(measure) for _, measure in PARTS]
    parser.add_argument("parts", nargs="*", metavar="NAME", help=f"of: {', '.join(names)}")
    parser.add_argument(
        "--record", metavar="WHY", help="keep the figures: what the change was that moved them"
    )
    asked = parser.parse_args(given)
    if unknown := set(asked.parts) - set(names):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    return asked


def write(told: Mapping[str, Sequence[Row]], seconds: Mapping[str, int]) -> None:
    """The JSON and the picture of what was measured, each part by its name."""
    titles = {name_of(measure): title for title, measure in PARTS}
    parts = {
        name: {"title": titles[name], "seconds": seconds[name], "rows": as_json(rows)}
        for name, rows in told.items()
    }
    whole = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "parts": parts,
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "bench.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    (FOLDER / "bench.svg").write_text(picture.svg(told))


def main() -> None:
    """Measure and print."""
    asked = arguments()
    told: dict[str, Sequence[Row]] = {}
    seconds: dict[str, int] = {}
    for title, measure in PARTS:
        name, begun = name_of(measure), time.monotonic()
        if asked.parts and name not in asked.parts:
            continue
        told[name] = measure()
        seconds[name] = round(time.monotonic() - begun)
        show(f"{title} [{name}, {seconds[name]} s]", told[name])
        if name in TABLES:
            print(f"\n{TABLES[name]()}")
        sys.stdout.flush()
    write(told, seconds)
    print(f"\n{history.moved(told)}")
    if asked.record:
        history.append(asked.record, told)
        if not asked.parts:
            PICTURE.write_text(picture.svg(told))
    held = [row.held for rows in told.values() for row in rows if row.target is not None]
    print(f"{held.count(True)} of {len(held)} targets held; all of it: {FOLDER}/bench.json and bench.svg")


if __name__ == "__main__":
    main()
