"""Persist: what fetching, verifying and keeping an image costs, beside a bare streamed upload of the same.

One process a cell, in turn, over TLS on both sides. `python -m tests.bench.persist WHICH MIB` runs one in the
environment of `tests.bench.stubs`, and prints it as JSON. What is not measured on either side: records.
"""

import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from easel.catalogue import CATALOGUE
from easel.domain.capabilities import ParameterReport
from easel.domain.generation import Generation, ResultRef, Slot
from easel.domain.image_bytes import ImageVerifier
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.ports import GenerationStore
from easel.runtime import SystemClock
from easel.steps.persist import Persister
from easel.wiring.connections import transport
from easel.wiring.records import images
from tests.bench import naive
from tests.bench.side_by_side import Meter, in_turn
from tests.bench.stubs import MIB, stubs
from tests.bench.table import Row
from tests.fakes.pictures import picture

SIZES_MIB = (1, 8, 32)
PROCESSES = 5  # of each cell
MIB_EACH = 32  # that a process moves while it is measured, however large its images
ROUTE = "mulerouter/qwen-image-max"
CPU_RATIO_MAX, PEAK_MIB_MAX = 1.15, 2.0


class OneGeneration:
    """The store, as far as Persist uses it: the same one each time."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self.kept: Generation | None = None

    def get(self, _generation_id: str) -> Generation:
        return self.generation

    def save(self, generation: Generation) -> None:
        self.kept = generation


def delivered(link: str) -> Generation:
    """A generation whose vendor has delivered this link."""
    now, money = datetime.now(UTC), Money(amount=Decimal("0.075"), currency="USD")
    request = GenerationRequest.model_validate({"model": "qwen-image-max", "prompt": "a fox"})
    made = Generation.create("gen_1", "default", request, (ROUTE,), money, now)
    slot = Slot(route=ROUTE, at=now, because="first", taken_at=now)
    asked = made.intend(slot, "qwen-image-max", money, ParameterReport(), now).accepted(now, task_id="1")
    result = ResultRef(number=0, url=link)
    return asked.finished(now, (result,), billed=money, seed=None, actual_prompt=None)


def run(which: str, mib: int) -> dict[str, float]:
    """So many images of a size, after one of 4 KiB that opens the connections."""
    links = [f"{os.environ['STUB_RESULTS']}/{size}" for size in (0, mib)]
    if which == "ours":
        made = {link: delivered(link) for link in links}
        store = OneGeneration(made[links[0]])
        persister = Persister(
            cast(GenerationStore, store), images(), transport(), CATALOGUE, SystemClock(), lambda _fact: None
        )  # fmt: skip

        def keep(link: str) -> None:
            store.generation = made[link]
            persister.persist("gen_1")
            assert store.kept
            assert store.kept.images[0].bytes == (mib * MIB if link == links[1] else 4096)

    else:
        keep = naive.Streamed(which).keep
    keep(links[0])
    meter, times = Meter(), MIB_EACH // mib
    meter.start()
    for _ in range(times):
        keep(links[1])
    found = meter.stop()
    return {"cpu_ms_per_mib": found["cpu_ms"] / (times * mib), "peak_mib": found["peak_mib"]}


def sniffed_microseconds(kind: str) -> float:
    """Type and dimensions from the first 4 KiB of a picture, as Persist reads them."""
    head, times = picture(kind, 640, 360)[:4096], 2000
    begun = time.process_time()
    for _ in range(times):
        ImageVerifier().feed(head)
    return (time.process_time() - begun) / times * 1e6


def rows() -> list[Row]:
    """Every size: memory, and CPU beside the yardsticks."""
    kinds = ("ours", "CRC32", "SHA256")
    cells: list[tuple[object, ...]] = [(which, mib) for mib in SIZES_MIB for which in kinds]
    with tempfile.TemporaryDirectory() as folder, stubs(Path(folder)) as env:
        found = dict(zip(cells, in_turn("tests.bench.persist", cells, PROCESSES, env), strict=True))
    table = []
    for mib in SIZES_MIB:
        ours, name = found[("ours", mib)], f"{mib} MiB"
        table.append(Row(f"{name}: peak memory above idle", ours["peak_mib"], None, "MiB", PEAK_MIB_MAX))
        for sum_kind in kinds[1:]:
            bare = found[(sum_kind, mib)]["cpu_ms_per_mib"]
            # The record needs a SHA-256: an upload with another sum hashes less than what is asked for.
            target = CPU_RATIO_MAX if sum_kind == "SHA256" else None
            note = f"bare put_object of the stream, {sum_kind} trailer"
            table.append(Row(f"{name}: CPU", ours["cpu_ms_per_mib"], bare, "ms/MiB", target, note))
    for kind in ("png", "jpeg", "webp"):
        table.append(Row(f"type and size of a {kind}", sniffed_microseconds(kind), None, "µs", 100.0))
    return table


if __name__ == "__main__":
    said: Any = run(sys.argv[1], int(sys.argv[2]))
    print(json.dumps(said))
