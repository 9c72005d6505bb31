"""What reading costs the table: a status, a page, and a hundred clients that wait.

By the api function's own handler, with its key in memory, in one process; a wait takes no time, but the clock
of the process goes on as if it did. `python -m tests.bench.reads` runs in the environment of the stubs.
"""

import json
import os
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.bench import warm
from tests.bench.side_by_side import Meter, fresh
from tests.bench.stubs import requests_since, stubs
from tests.bench.table import Row

TIMES, PAGE, CLIENTS = 100, 20, 100
WAIT_SECONDS = 25
LOOKS_A_SECOND_MAX = 2.1  # two, and the one with which a wait begins


def run() -> dict[str, dict[str, float]]:
    """Requests and CPU of each kind of read."""
    from easel import runtime

    slept = [0.0]
    patched: Any = runtime.SystemClock
    now = patched.now
    patched.now = lambda clock: now(clock) + timedelta(seconds=slept[0])
    patched.sleep = lambda _clock, seconds: slept.append(slept.pop() + seconds)
    handle = warm.ours()
    made = [json.loads(handle(warm.event(warm.BODY))["body"])["id"] for _ in range(PAGE)]
    status, page = _get(f"/v1/generations/{made[0]}"), _get("/v1/generations")
    waiting = _get(f"/v1/generations/{made[0]}", wait=str(WAIT_SECONDS))
    return {
        "status": _measured(lambda: handle(status), TIMES),
        "page": _measured(lambda: handle(page), TIMES),
        "waiting": _measured(lambda: handle(waiting), CLIENTS),
    }


def _get(path: str, **query: str) -> dict[str, Any]:
    event = {**warm.event({}), "rawPath": path, "routeKey": f"GET {path}", "queryStringParameters": query}
    http = {**event["requestContext"]["http"], "method": "GET", "path": path}
    return {**event, "requestContext": {**event["requestContext"], "http": http}}


def _measured(ask: Callable[[], dict[str, Any]], times: int) -> dict[str, float]:
    assert ask()["statusCode"] == 200
    requests_since(os.environ["STUB_URL"])
    meter = Meter()
    meter.start()
    for _ in range(times):
        ask()
    found = {"cpu_ms": meter.stop()["cpu_ms"] / times}
    return found | {name: number / times for name, number in requests_since(os.environ["STUB_URL"]).items()}


def rows() -> list[Row]:
    """Requests, and CPU."""
    with tempfile.TemporaryDirectory() as folder, stubs(Path(folder)) as env:
        found = fresh("tests.bench.reads", env=env)
    status, page, waiting = found["status"], found["page"], found["waiting"]
    looks = waiting["DynamoDB.GetItem"] / WAIT_SECONDS
    return [
        Row("status: key reads", status["DynamoDB.GetItem"], None, "", 1, _others(status, "GetItem")),
        Row("status: CPU", status["cpu_ms"], None, "ms", None),
        Row(f"page of {PAGE}: queries", page["DynamoDB.Query"], None, "", 1, _others(page, "Query")),
        Row(f"page of {PAGE}: CPU", page["cpu_ms"], None, "ms", None),
        Row("a waiting client: key reads a second", looks, None, "1/s", LOOKS_A_SECOND_MAX,
            f"of {CLIENTS}, {WAIT_SECONDS} s each; {_others(waiting, 'GetItem')}"),
        Row("a waiting client: CPU a second", waiting["cpu_ms"] / WAIT_SECONDS, None, "ms/s", None),
    ]  # fmt: skip


def _others(found: dict[str, float], expected: str) -> str:
    """Which AWS requests there were besides; the key's own read comes once in its 30 s of memory."""
    others = [name for name in found if name not in ("cpu_ms", f"DynamoDB.{expected}")]
    return f"besides: {', '.join(others) or 'nothing'}"


if __name__ == "__main__":
    print(json.dumps(run()))
