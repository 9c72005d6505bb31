"""Copies of a function that wake from one picture of its memory, as under SnapStart: a program that starts
the handler it is given, takes the picture, and prints what each of two copies draws and reads, in JSON.

A copy is a fork by the C library alone: Python's own would have `random` seed itself anew, and a copied
machine is told nothing. AWS's runtime client calls the hooks.
"""

import ctypes
import importlib
import json
import os
import random
import sys
import time
import urllib.request
from datetime import UTC, datetime
from typing import Any

COPIES = 2


def main() -> None:
    """Start, keep, wake."""
    importlib.import_module(sys.argv[1])
    from awslambdaric import lambda_runtime_hooks_runner as hooks

    from easel.aws.clients import client

    dynamodb = client("dynamodb")
    read(dynamodb)  # so that a connection is open, and credentials are known
    hooks.run_before_snapshot()
    urllib.request.urlopen(
        f"{os.environ['AWS_ENDPOINT_URL']}/picture"
    ).close()  # what is connected by now dies
    for _ in range(COPIES):
        sys.stdout.flush()
        copy = ctypes.PyDLL(None).fork()
        if copy == 0:
            hooks.run_after_restore()
            print(json.dumps(drawn(dynamodb)), flush=True)
            os._exit(0)
        os.waitpid(copy, 0)


def read(dynamodb: Any) -> float:
    """Ask for an item; how many seconds that took."""
    begun = time.monotonic()
    dynamodb.get_item(TableName=os.environ["EASEL_TABLE"], Key={"pk": {"S": "none"}})
    return time.monotonic() - begun


def drawn(dynamodb: Any) -> dict[str, Any]:
    """What would be wrong if it were the same in two copies, and a read."""
    from easel.domain.ids import new_generation_id
    from easel.domain.tenancy import new_secret

    at_once = datetime(2026, 11, 21, tzinfo=UTC)
    return {
        "id": new_generation_id(at_once),
        "secret": new_secret(),
        "pause": random.uniform(0.0, 1.0),
        "seconds": read(dynamodb),
    }


if __name__ == "__main__":
    main()
