"""Deliveries that come twice, as AWS's do now and then: an honest receiver does not mind.

Lambda: "occasionally, your function may receive the same event multiple times, even if no error occurs"
(https://docs.aws.amazon.com/lambda/latest/dg/API_Invoke.html, 2026); EventBridge promises an event to a
target at least once. Here every one comes twice: in turn at the same time, which finds what two may do at
once, and a little later, which finds what the second does to what the first has done.
"""

import contextvars
import itertools
import threading
from collections.abc import Callable
from typing import Any

from local.aws_limits import replace

LATER_SECONDS = 1.0

_count = itertools.count()


def deliver_twice() -> None:
    """Let every asynchronous invocation and every event for another target come a second time."""
    from ministack.services import eventbridge, lambda_svc

    replace(lambda_svc, "invoke_async_with_retry", _twice)
    # A rule's or schedule's function is invoked asynchronously, by the above.
    replace(eventbridge, "_dispatch_to_sqs", _twice)
    replace(eventbridge, "_dispatch_to_stepfunctions", _twice)


def _twice(deliver: Callable[..., Any]) -> Callable[..., Any]:
    def twice(*given: Any) -> None:
        seconds = LATER_SECONDS * (next(_count) % 2)
        # The emulator tells by the context whose account and region it is.
        threading.Timer(seconds, contextvars.copy_context().run, (deliver, *given)).start()
        deliver(*given)

    return twice
