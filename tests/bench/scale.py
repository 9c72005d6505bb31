"""The local stack's pace: accepted and ended generations a second, for so many at once.

It runs every part on this machine, AWS's too: its pace is this machine's, not Lambda's, and while it accepts
it works at what it accepted before. What the functions alone cost is in `growth` and `accepting`.
"""

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.stack import LocalStack
from tests.bench.load import Pace, cpu_seconds, family, memory_mib
from tests.bench.table import Row
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import TERMINAL, EaselCaller

EACH = {1: 10, 16: 48, 64: 96}  # generations at a concurrency: some seconds' worth, and no more than a page
PAGE = 100
LOOK_SECONDS, PATIENCE_SECONDS = 0.5, 180.0
ASK = {"model": "qwen-image-max", "prompt": "a paper city at night", "deadline_seconds": 300}


@dataclass(frozen=True)
class Paces:
    """Of generations that were asked for so many at once: how they were accepted, and how they ended."""

    accepted: Pace
    ended: Pace


def paces(stack: LocalStack, at_once: int) -> Paces:
    """Of the stack as it comes: what it has not started yet, it starts meanwhile."""
    caller, begun, used = EaselCaller(stack.url, stack.api_key), time.monotonic(), _used()

    def create(_: int) -> tuple[str, float]:
        asked = time.monotonic()
        return caller.create(ASK)["id"], time.monotonic() - asked

    with ThreadPoolExecutor(at_once) as threads:
        made = dict(threads.map(create, range(EACH[at_once])))
    accepted = Pace(list(made.values()), time.monotonic() - begun, _used() - used)
    ended: dict[str, float] = {}
    while len(ended) < len(made):  # without waiting: who waits takes one of the few environments there are
        assert time.monotonic() < begun + PATIENCE_SECONDS, f"{len(made) - len(ended)} have not ended"
        time.sleep(LOOK_SECONDS)
        for one in caller.call("GET", f"/v1/generations?limit={PAGE}").body["data"]:
            if one["id"] in made and one["status"] in TERMINAL:
                assert one["status"] == "succeeded", one
                ended.setdefault(one["id"], time.monotonic() - begun)
    return Paces(accepted, Pace(list(ended.values()), time.monotonic() - begun, _used() - used))


def _used() -> float:
    """CPU seconds of the stack, and of this process, in which its public address is."""
    return cpu_seconds(family(os.getpid()))


def rows() -> list[Row]:
    """The paces of a stack of its own."""
    table = []
    with tempfile.TemporaryDirectory() as folder, LocalStack(stack_settings(Path(folder))) as stack:
        paces(stack, 1)  # starts the functions
        for at_once in EACH:
            pace = paces(stack, at_once)
            note = f"p50 {pace.accepted.median_ms:.0f} ms, p99 {pace.accepted.p99_ms:.0f} ms"
            table += [
                Row(
                    f"local stack, {at_once} at once: accepted",
                    pace.accepted.each_second,
                    None,
                    "1/s",
                    None,
                    note,
                ),
                Row(f"local stack, {at_once} at once: ended", pace.ended.each_second, None, "1/s", None),
                Row(f"local stack, {at_once} at once: CPU of one", pace.ended.cpu_ms, None, "ms", None),
            ]
        memory = memory_mib(family(os.getpid()))
    return [*table, Row("local stack: memory", memory, None, "MiB", None, "all processes, after that")]
