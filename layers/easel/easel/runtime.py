"""What every function has: its clock, its log, and when it makes what it needs.

In Lambda, what every request needs is made in the init phase, which runs at full speed (the first AWS
call is up to sixty times dearer when that is left to a 256 MB handler). Elsewhere importing a handler
makes nothing: it is made on first use.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Generic, TypeVar

from aws_lambda_powertools.logging import Logger

from easel.aws.metrics import FactLog
from easel.settings import setting
from easel.snapshot import draw_anew_after_snapshot

Made = TypeVar("Made")


class SystemClock:
    """The port `Clock`."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


@cache  # one of each per process
def logger() -> Logger:
    """The structured logger. It is given ids, statuses and codes; never prompts, keys or links."""
    return Logger()


@cache
def fact_log() -> FactLog:
    """Where facts are told."""
    return FactLog(logging.getLogger(logger().name), setting("EASEL_METRICS_NAMESPACE"))


@dataclass(slots=True)
class Provided(Generic[Made]):
    """Something that is made once: in Lambda's init phase, elsewhere at the first `get`."""

    make: Callable[[], Made]
    made: Made | None = None

    def __post_init__(self) -> None:
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            self.made = self.make()
            draw_anew_after_snapshot()

    def get(self) -> Made:
        """The thing itself."""
        if self.made is None:
            self.made = self.make()
        return self.made
