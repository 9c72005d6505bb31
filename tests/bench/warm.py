"""Accepting one generation in a warm function: route, validate, write, start, beside a conventional handler.

AWS is a stub over HTTP in another process. `python -m tests.bench.warm WHICH TIMES` runs one in the
environment of `tests.bench.stubs`, and prints what a request costs it.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.alone import aws_calls_alone
from tests.bench.side_by_side import Meter, in_turn, instructions
from tests.bench.stubs import requests_since, stubs
from tests.bench.table import Row

SECRET = "ezl_bench"
PROCESSES, TIMES = 5, 200
FEW, MANY = 10, 40
CPU_RATIO_MAX = 0.8
FLOOR = "the same boto3 calls, and nothing else"
BODY = {
    "model": "qwen-image-max", "prompt": "a lighthouse on a cliff at dusk, long exposure, waves below",
    "negative_prompt": "text, watermark", "size": "1664*928", "seed": 7, "metadata": {"order": "4711"},
}  # fmt: skip
SAMPLE = Path(__file__).parents[2] / "events" / "api-create.json"


@dataclass(frozen=True)
class Context:
    """What Lambda tells of an invocation."""

    function_name: str = "api"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:1:function:api"
    aws_request_id: str = "1"


def event(body: dict[str, Any]) -> dict[str, Any]:
    """A POST as the HTTP API delivers it."""
    sample: dict[str, Any] = json.loads(SAMPLE.read_text())
    headers = {**sample["headers"], "authorization": f"Bearer {SECRET}"}
    del headers["idempotency-key"]
    return {**sample, "headers": headers, "body": json.dumps(body)}


def ours() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The api function's own handler; its key is in the table."""
    from easel.aws.clients import client
    from easel.aws.keys import put_api_key
    from easel.domain.tenancy import ApiKey
    from functions.api.handler import handler

    key = ApiKey(id="key_1", prefix="ezl_ben", tenant="default")
    put_api_key(client("dynamodb"), os.environ["EASEL_TABLE"], SECRET, key)
    return lambda request: handler(request, Context())


def floor() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What ours asks of AWS, and nothing else."""
    handle, request = ours(), event(BODY)
    again = aws_calls_alone(lambda: handle(request))
    return lambda _request: again()


def conventional() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The yardstick's handler."""
    from tests.bench.conventional import handler

    return lambda request: handler(request, Context())


def run(which: str, times: int) -> dict[str, float]:
    """So many requests, after one that fills the memories."""
    handle, request = {"ours": ours, "conventional": conventional, "floor": floor}[which](), event(BODY)
    assert handle(request)["statusCode"] == 202
    requests_since(os.environ["STUB_URL"])
    meter = Meter()
    meter.start()
    for _ in range(times):
        answer = handle(request)
    cpu = meter.stop()["cpu_ms"]
    assert answer["statusCode"] == 202
    counted = requests_since(os.environ["STUB_URL"])
    dynamodb = sum(number for name, number in counted.items() if name.startswith("DynamoDB"))
    return {"cpu_ms": cpu / times, "dynamodb": dynamodb / times, "aws": sum(counted.values()) / times}


def rows() -> list[Row]:
    """CPU and requests of one."""
    module, sides = "tests.bench.warm", ("ours", "conventional", "floor")
    with tempfile.TemporaryDirectory() as folder, stubs(Path(folder)) as env:
        mine, theirs, least = in_turn(module, [(side, TIMES) for side in sides], PROCESSES, env)
        counts = [instructions(module, side, few=FEW, many=MANY, env=env) for side in sides]
    table = []
    if counts[0] is not None and counts[2] is not None:
        note = "Powertools router with validation, boto3"
        table.append(Row("accepting one: instructions", counts[0], counts[1], "million", CPU_RATIO_MAX, note))
        table.append(
            Row("its calls to AWS alone: instructions", counts[2], counts[1], "million", None, FLOOR)
        )
    return [
        *table,
        Row("accepting one: CPU", mine["cpu_ms"], theirs["cpu_ms"], "ms", CPU_RATIO_MAX, "medians, in turn"),
        Row("its calls to AWS alone: CPU", least["cpu_ms"], theirs["cpu_ms"], "ms", None, FLOOR),
        Row("accepting one: DynamoDB requests", mine["dynamodb"], theirs["dynamodb"], "", 1.1),
        Row("accepting one: AWS requests", mine["aws"], theirs["aws"], "", 1.1),
    ]


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
