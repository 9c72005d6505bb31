"""The functions' log, written to a stream of a test's own."""

import io
import itertools
import logging
import weakref

from aws_lambda_powertools.logging import Logger

NUMBERS = itertools.count()
MADE: dict[str, weakref.ref[Logger]] = {}


def logger_to(stream: io.StringIO, level: str = "INFO") -> Logger:
    """A logger like the functions'. Those that nobody uses any more are forgotten.

    Python keeps every logger for ever, and pytest walks over all of them three times a test.
    """
    every = logging.root.manager.loggerDict
    unused = {name for name, made in MADE.items() if made() is None}
    for name in [one for one in every if one.partition(".")[0] in unused]:
        del every[name]
    for name in unused:
        del MADE[name]
    logger = Logger(service=f"test-{next(NUMBERS)}", stream=stream, level=level)
    MADE[logger.name] = weakref.ref(logger)
    return logger
