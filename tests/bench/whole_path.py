"""The whole way of one 1 MiB image: three polls, and a vendor that takes no time; beside a naive one.

All steps in one process, by the functions' own handlers; what they talk to is in another.
`python -m tests.bench.whole_path WHICH TIMES` runs one in the environment of `tests.bench.stubs`.
"""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from urllib3 import PoolManager

from tests.bench import warm
from tests.bench.alone import aws_calls_alone
from tests.bench.side_by_side import Meter, in_turn
from tests.bench.stubs import POLLS, requests_since, stubs
from tests.bench.table import Row

PROCESSES, TIMES = 5, 40
CPU_RATIO_MAX = 0.75
FLOOR = "the same boto3 calls, the image fetched and hashed once, and nothing else"
STEPS_MAX = 10  # that any generation takes here


def ours() -> Callable[[], str]:
    """By the handlers, in the order that they say. Nobody sleeps."""
    from easel import runtime
    from functions.persist.handler import handler as persist
    from functions.poll.handler import handler as poll
    from functions.settle.handler import handler as settle
    from functions.submit.handler import handler as submit

    patched: Any = runtime.SystemClock
    patched.sleep = lambda _clock, _seconds: None
    accept, request = warm.ours(), warm.event(warm.BODY)
    steps: dict[str, Any] = {"submit": submit, "wait": poll, "persist": persist, "settle": settle}

    def one() -> str:
        state = {"id": json.loads(accept(request)["body"])["id"], "next": "submit"}
        for _ in range(STEPS_MAX):
            state = steps[state["next"]]({"id": state["id"]}, None)
            if "status" in state:
                break
        status: str = state["status"]
        return status

    return one


def floor() -> Callable[[], str]:
    """What ours asks of AWS, and the image's bytes, fetched and hashed; no vendor is asked."""
    again, http = aws_calls_alone(ours()), PoolManager()

    def one() -> str:
        sha256(http.request("GET", f"{os.environ['STUB_RESULTS']}/1").data)
        return again()

    return one


def naive() -> Callable[[], str]:
    """The yardstick."""
    from tests.bench.naive_path import NaivePath

    path, accept, request = NaivePath(), warm.conventional(), warm.event(warm.BODY)

    def one() -> str:
        generation_id = json.loads(accept(request)["body"])["id"]
        path.submit(generation_id)
        while not path.poll(generation_id):
            pass
        path.persist(generation_id)
        path.settle(generation_id)
        return "succeeded"

    return one


def run(which: str, times: int) -> dict[str, float]:
    """So many images, after one that opens the connections."""
    one = {"ours": ours, "naive": naive, "floor": floor}[which]()
    assert one() == "succeeded"
    requests_since(os.environ["STUB_URL"])
    meter, ends = Meter(), Counter[str]()
    meter.start()
    for _ in range(times):
        ends[one()] += 1
    found = meter.stop()
    assert ends == {"succeeded": times}, ends
    counted = requests_since(os.environ["STUB_URL"])
    dynamodb = {name: number for name, number in counted.items() if name.startswith("DynamoDB")}
    return {**found, "cpu_ms": found["cpu_ms"] / times, "dynamodb": sum(dynamodb.values()) / times}


def rows() -> list[Row]:
    """CPU and DynamoDB requests of one image."""
    with tempfile.TemporaryDirectory() as folder, stubs(Path(folder)) as env:
        cells: list[tuple[object, ...]] = [("ours", TIMES), ("naive", TIMES), ("floor", TIMES)]
        mine, theirs, least = in_turn("tests.bench.whole_path", cells, PROCESSES, env)
    note = f"1 MiB, {POLLS} polls; medians, in turn"
    return [
        Row("whole path: CPU", mine["cpu_ms"], theirs["cpu_ms"], "ms", CPU_RATIO_MAX, note),
        Row(
            "its calls to AWS and the bytes alone: CPU", least["cpu_ms"], theirs["cpu_ms"], "ms", None, FLOOR
        ),
        Row("whole path: DynamoDB requests", mine["dynamodb"], theirs["dynamodb"], "", None),
    ]


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
