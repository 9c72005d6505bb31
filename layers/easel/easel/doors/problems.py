"""Errors as problem documents (RFC 9457): a stable `code`, and the fields that are wrong."""

import json
from decimal import Decimal
from typing import NamedTuple

from aws_lambda_powertools.event_handler import Response

from easel.errors import MethodNotAllowedError, RequestError
from easel.steps.gate import MINUTE_SECONDS
from easel.view import problem_view


class Policy(NamedTuple):
    """A limit as the RateLimit fields have it: its name, units in one of ours, further parameters."""

    name: str
    units: int
    more: str


# draft-ietf-httpapi-ratelimit-headers-10: q is a whole number, of requests unless qu says of what; w are the
# seconds of a window that has always the same length.
MICRODOLLARS = ';qu="microdollars"'
POLICIES = {
    "requests_per_minute": Policy("requests", 1, f";w={MINUTE_SECONDS}"),
    "concurrency": Policy("concurrency", 1, ';qu="concurrent-requests"'),
    "usd_per_day": Policy("usd_per_day", 1_000_000, f"{MICRODOLLARS};w=86400"),
    "usd_per_month": Policy("usd_per_month", 1_000_000, MICRODOLLARS),
}
CONTENT_TYPE = "application/problem+json"
OUR_FAULT = "The fault is ours. The same request with the same Idempotency-Key may be sent again."


def problem_response(error: RequestError, request_id: str = "") -> Response[str]:
    """The answer for a request that cannot be served; where the fault is ours its id leads to the log."""
    body = problem_view(error)
    if error.status == 500:
        body["request_id"] = request_id
    return Response(error.status, CONTENT_TYPE, json.dumps(body), headers=problem_headers(error))


def problem_headers(error: RequestError) -> dict[str, str | list[str]]:
    """What a refusal's headers say, in every front door: how to authenticate, and when to come again."""
    headers: dict[str, str | list[str]] = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if isinstance(error, MethodNotAllowedError):
        headers["Allow"] = ", ".join(error.allowed)
    reached = error.reached
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if reached is not None:
        policy = POLICIES[reached.name]
        quota = int(Decimal(reached.allowed) * policy.units)
        headers["RateLimit-Policy"] = f'"{policy.name}";q={quota}{policy.more}'
        headers["RateLimit"] = f'"{policy.name}";r=0;t={reached.retry_after_seconds}'
    return headers
