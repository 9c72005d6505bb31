"""`make bench`: every figure, as a table and as JSON (build/bench.json)."""

import json
from pathlib import Path

from tests.bench import gallery, manifest


def main() -> None:
    """Measure and print."""
    rows = manifest.measure()
    print("Reading a batch's manifest (the Prepare step; one process each)")
    print(f"{'form':>6} {'rows':>9} {'rows/s of CPU':>14} {'peak MiB above start':>21}")
    for row in rows:
        pace = row["rows"] / max(row["cpu_seconds"], 0.01)
        print(f"{row['form']:>6} {row['rows']:>9,} {pace:>14,.0f} {row['peak_mib_above_start']:>21}")
    shown = gallery.measure()
    print(
        f"\nThe console's gallery with {shown['generations']:,} generations (1280 x 800, headless Chromium)"
    )
    for name, (figure, yardstick) in gallery.YARDSTICKS.items():
        print(f"{figure:>45} {shown[name]!s:>8}  {yardstick}")
    target = Path("build") / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"manifest": rows, "gallery": shown}, indent=2) + "\n")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
