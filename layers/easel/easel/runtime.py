"""What every function has: its clock, its log, and when it makes what it needs.

In Lambda, what every request needs is made in the init phase, which runs at full speed (the first AWS
call is up to sixty times dearer when that is left to a 256 MB handler), and AWS is called once, so that no
request is the first. Elsewhere importing a handler makes and calls nothing: it is made on first use.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Generic, TypeVar

from aws_lambda_powertools.logging import Logger

from easel.aws.ahead import call_ahead, read_nothing
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
    """The structured logger. It is given ids, statuses and codes; never prompts, keys or links.

    Lambda tells a function whose log is JSON a level, too (`AWS_LAMBDA_LOG_LEVEL`, INFO unless the template
    has another), and Powertools takes it instead of the owner's. It is for libraries; the owner's holds here.
    """
    made = Logger()
    logging.getLogger(made.name).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL") or logging.INFO)
    return made


@cache
def fact_log() -> FactLog:
    """Where facts are told."""
    return FactLog(_log(), setting("EASEL_METRICS_NAMESPACE"))


def _log() -> logging.Logger:
    """The standard library's logger below the structured one."""
    return logging.getLogger(logger().name)


@dataclass(slots=True)
class Provided(Generic[Made]):
    """Something that is made once: in Lambda's init phase, elsewhere at the first `get`.

    Every function reads the table; `ahead` are what else each of its requests calls AWS for.
    """

    make: Callable[[], Made]
    ahead: Sequence[Callable[[], object]] = ()
    made: Made | None = None

    def __post_init__(self) -> None:
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            self.made = self.make()
            draw_anew_after_snapshot()
            call_ahead([partial(read_nothing, setting("EASEL_TABLE")), *self.ahead], _log())

    def get(self) -> Made:
        """The thing itself."""
        if self.made is None:
            self.made = self.make()
        return self.made
