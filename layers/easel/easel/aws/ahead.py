"""Calls to AWS ahead of the first request, in Lambda's init phase.

The first call of a process makes what botocore makes late (endpoint rules, signer, parsers), reads
certificates and opens the connection. AWS advises to do so ahead, with calls that come to nothing
(https://docs.aws.amazon.com/lambda/latest/dg/snapstart-best-practices.html, read 2026-11-21).

Where the first request comes much later (provisioned concurrency, a snapshot), the connection may be closed
by then: botocore opens another, and all else is kept.
"""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Thread

from botocore.exceptions import BotoCoreError, ClientError

from easel.aws.clients import client
from easel.errors import EaselError

WAIT_SECONDS = 2.0  # of the ten that Lambda allows the init phase
Call = Callable[[], object]


def read_nothing(table: str) -> None:
    """A read of the table that finds nothing."""
    client("dynamodb").get_item(TableName=table, Key={"pk": {"S": "nothing"}, "sk": {"S": "nothing"}})


def call_ahead(calls: Sequence[Call], log: logging.Logger) -> None:
    """Make the calls side by side, and wait a short while. No request depends on them: a call that fails is
    logged, and one that takes long is left to itself."""

    def make(call: Call) -> None:
        try:
            call()
        except (BotoCoreError, ClientError, EaselError) as error:
            log.warning("a call ahead failed", extra={"reason": str(error)})

    ends = time.monotonic() + WAIT_SECONDS
    threads = [Thread(target=make, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        log.warning("a call ahead takes long")
