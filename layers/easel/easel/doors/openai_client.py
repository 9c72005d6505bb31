"""How OpenAI's SDKs wait, by what they say of themselves in their headers. Plain clients say nothing.

Sources: Python's `openai/_base_client.py`, 3.52, which obeys a `Retry-After` of up to 120 s. What is older,
and what is written in other languages, obeys less than 60 s and else comes again at once.
"""

import re
from dataclasses import replace
from math import isfinite

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from easel.domain.holding import HOLD_SECONDS, Patience
from easel.doors.http_input import header

ANSWER_SECONDS = 2.0  # an answer must have left so long before its client gives up
RETRIES_MAX = 1000  # no client has more
PYTHON_SINCE = (3, 52)
PYTHON_WAITS_SECONDS = 120
VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.")


def patience_of(app: APIGatewayHttpResolver) -> Patience:
    """What is known of the client that calls."""
    gives_up = _number(header(app, "x-stainless-read-timeout") or header(app, "x-stainless-timeout"))
    seconds = min(max(gives_up - ANSWER_SECONDS, 0.0), HOLD_SECONDS) if gives_up else HOLD_SECONDS
    retries = min(max(_number(header(app, "x-stainless-retry-count")), 0), RETRIES_MAX)
    client = Patience(int(retries), seconds)
    return replace(client, waits_seconds=PYTHON_WAITS_SECONDS) if _is_new_python(app) else client


def _is_new_python(app: APIGatewayHttpResolver) -> bool:
    version = VERSION.match(header(app, "x-stainless-package-version") or "")
    if version is None or header(app, "x-stainless-lang") != "python":
        return False
    return (int(version[1]), int(version[2])) >= PYTHON_SINCE


def _number(text: str | None) -> float:
    """A header's number; 0 where it has none."""
    try:
        number = float(text or 0)
    except ValueError:
        return 0.0
    return number if isfinite(number) else 0.0
