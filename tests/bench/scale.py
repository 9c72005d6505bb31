"""How the local stack and the steps take more load: `python -m tests.bench.scale` (about three minutes).

The stack runs every part on this machine, AWS's too: its pace is this machine's, not Lambda's. What a
generation costs as their number grows is taken from the steps themselves, against stubs.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.stack import LocalStack
from tests.bench.side_by_side import fresh
from tests.bench.stubs import stubs
from tests.bench.table import Row, as_json, show
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import TERMINAL, EaselCaller

CONCURRENCIES = (1, 16, 64)
EACH = {1: 10, 16: 48, 64: 96}  # generations at a concurrency: enough for some seconds
GROWTH = (100, 1000)
GROWTH_RATIO_MAX, GROWTH_MIB_MAX = 1.1, 1.0
LOOK_SECONDS, PATIENCE_SECONDS = 0.5, 120.0
ASK = {"model": "qwen-image-max", "prompt": "a paper city at night", "deadline_seconds": 300}


def paces(stack: LocalStack, at_once: int) -> tuple[float, float]:
    """Generations a second: accepted, and ended, each from the first ask on."""
    caller, number = EaselCaller(stack.url, stack.api_key), EACH[at_once]
    begun = time.monotonic()
    with ThreadPoolExecutor(at_once) as threads:
        made = list(threads.map(lambda _: caller.create(ASK), range(number)))
        accepted = number / (time.monotonic() - begun)
    left, deadline = {one["id"] for one in made}, time.monotonic() + PATIENCE_SECONDS
    while left:  # without waiting: who waits takes one of the few environments that a function has here
        assert time.monotonic() < deadline, f"{len(left)} have not ended"
        time.sleep(LOOK_SECONDS)
        for one in sorted(left):
            if (status := caller.call("GET", f"/v1/generations/{one}").body["status"]) in TERMINAL:
                assert status == "succeeded", status
                left.remove(one)
    return accepted, number / (time.monotonic() - begun)


def of_stack() -> list[Row]:
    """The paces of a stack of its own."""
    table = []
    with tempfile.TemporaryDirectory() as folder, LocalStack(stack_settings(Path(folder))) as stack:
        paces(stack, 1)  # starts the functions
        for at_once in CONCURRENCIES:
            accepted, ended = paces(stack, at_once)
            table += [
                Row(f"accepted, {at_once} at once", accepted, None, "1/s", None),
                Row(f"end to end, {at_once} at once", ended, None, "1/s", None),
            ]
    return table


def of_growth() -> list[Row]:
    """What the many cost each, beside what the few do."""
    with tempfile.TemporaryDirectory() as folder, stubs(Path(folder)) as env:
        few, many = (fresh("tests.bench.whole_path", "ours", number, env=env) for number in GROWTH)
    note = "each of {:,} generations, beside each of {:,}".format(*reversed(GROWTH))
    return [
        Row("growth: CPU", many["cpu_ms"], few["cpu_ms"], "ms", GROWTH_RATIO_MAX, note),
        Row(
            "growth: memory", many["peak_mib"], few["peak_mib"], "MiB", GROWTH_RATIO_MAX, "above idle, in all"
        ),
        Row("growth: DynamoDB requests", many["dynamodb"], few["dynamodb"], "", GROWTH_RATIO_MAX, note),
    ]


def rows() -> list[Row]:
    """All of it."""
    return [*of_growth(), *of_stack()]


if __name__ == "__main__":
    parts: dict[str, Callable[[], Any]] = {"growth": of_growth, "stack": of_stack, "all": rows}
    found = parts[sys.argv[1] if len(sys.argv) > 1 else "all"]()
    show("Scale", found)
    print(json.dumps(as_json(found)))
