"""`make bench`: every figure, as a table and as JSON (build/bench.json)."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import cost, gallery, manifest, persist, reads, waiting, warm, whole_path
from tests.bench.table import Row, as_json, show

# What is measured, in the order in which it is printed: the title, and what gives the rows.
PARTS: tuple[tuple[str, Callable[[], Sequence[Row]]], ...] = (
    ("Reading a batch's manifest (the Prepare step; one process each)", manifest.rows),
    (
        "Persist: an image fetched, verified and kept (TLS both ways; one process a cell, in turn)",
        persist.rows,
    ),
    ("Accepting a generation in a warm function", warm.rows),
    ("The whole way of an image, all steps in one process", whole_path.rows),
    ("Waiting for vendors (simulated, by the product's own pace)", waiting.rows),
    ("What 1,000 images cost on AWS (list prices: tests/bench/cost.py)", cost.rows),
    ("Reads", reads.rows),
    ("The console's gallery (1280 x 800, headless Chromium)", gallery.rows),
)


def main() -> None:
    """Measure and print."""
    told = {}
    for title, measure in PARTS:
        rows = measure()
        show(title, rows)
        told[title] = as_json(rows)
    target = Path("build") / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    print(f"\nwritten to {target}; paces of the local stack: .venv/bin/python -m tests.bench.scale")


if __name__ == "__main__":
    main()
