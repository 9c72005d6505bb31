"""The first call to AWS in a handler, after an init phase as Lambda has it: CPU, as a 256 MB function has it.

Each runs from its artifact in a process of its own, as `cold_start` lays it out, and ends with that call. AWS
is a stub over TLS. The yardsticks are the handlers that are there: boto3's clients made when the module is
imported, or in the handler.
"""

import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

import botocore

from easel.aws.clients import AMAZON
from local.build import build
from tests.bench.cold_start import (
    LOAD,
    RUNTIME,
    WAIT,
    Process,
    calling,
    environment,
    layers_of,
    published_layer,
)
from tests.bench.stubs import stubs
from tests.bench.table import Row, show
from tests.bench.warm import BODY, event

FUNCTIONS = ("Submit", "Poll", "Persist", "Settle", "Api")
PROCESSES = 7
MS_MAX = 25.0
WHOLE_CPU_MB = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html, read 2026-11-21
SHARE = WHOLE_CPU_MB / 256
STEP_EVENT = {"id": "gen_01JD0000000000000000000000"}  # of no generation
# Prints the CPU seconds of the process's first call from here on, and ends there.
FIRST = """
import botocore.client, time, types
call = botocore.client.BaseClient._make_api_call
def first(*given):
    call(*given)
    print(time.process_time() - began, flush=True)
    os._exit(0)
botocore.client.BaseClient._make_api_call = first
"""
HANDLE = """
context = types.SimpleNamespace(
    function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1")
timed = botocore.client.BaseClient._make_api_call
def first_from_here(*given):
    global began
    began = time.process_time()
    timed(*given)
botocore.client.BaseClient._make_api_call = first_from_here
handler({event}, context)
"""
LAZY = """
began = time.process_time()
boto3.client("dynamodb").get_item(TableName="table", Key={"pk": {"S": "nothing"}})
"""


def milliseconds(process: Process, program: str) -> float:
    """Of a function with 256 MB."""
    return float(process.told(f"{RUNTIME}\n{program}")) * 1000 * SHARE


def programs(function: str) -> Mapping[str, str]:
    """What each side runs: import and init, then the call."""
    handle = HANDLE.format(event=repr(event(BODY) if function == "Api" else STEP_EVENT))
    conventional = f"tests.bench.yardsticks.{function.lower()}"
    return {
        "ours": f"{LOAD} handler\n{WAIT}\n{FIRST}\nfrom handler import handler\n{handle}",
        "at import": f"{LOAD} {conventional}\n{FIRST}\nfrom {conventional} import handler\n{handle}",
        "in the handler": f"{LOAD} boto3\n{FIRST}\n{LAZY}",
    }


def rows() -> list[Row]:
    """A row for each function that a generation meets; medians, the sides in turn."""
    built = build()
    published = published_layer(built)
    authorities = Path(botocore.__file__).with_name("cacert.pem")
    table = []
    with tempfile.TemporaryDirectory() as folder, stubs(Path(folder)) as stub:
        for function in FUNCTIONS:
            variables = environment(built, function)
            ours = Process(layers_of(built, function), {**variables, **calling(stub, AMAZON)})
            theirs = Process([published], {**variables, **calling(stub, authorities)})
            found: dict[str, list[float]] = {}
            for _ in range(PROCESSES):
                for side, program in programs(function).items():
                    process = ours if side == "ours" else theirs
                    found.setdefault(side, []).append(milliseconds(process, program))
            medians = {side: statistics.median(values) for side, values in found.items()}
            note = f"boto3's client made at import: {medians['at import']:.0f}, in the handler: "
            note += f"{medians['in the handler']:.0f}"
            name = f"{function}: first AWS call at 256 MB's CPU"
            table.append(Row(name, medians["ours"], None, "ms", MS_MAX, note))
    return table


if __name__ == "__main__":
    show("The first call to AWS in a handler", rows())
