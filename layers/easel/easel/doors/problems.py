"""Errors as problem documents (RFC 9457): a stable `code`, and the fields that are wrong."""

import json

from aws_lambda_powertools.event_handler import Response

from easel.errors import RequestError
from easel.view import problem_view

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
    reached = error.reached
    if reached is not None:
        headers["Retry-After"] = str(reached.retry_after_seconds)
        headers["RateLimit-Policy"] = f'"{reached.name}";q={reached.allowed}'
        headers["RateLimit"] = f'"{reached.name}";r=0;t={reached.retry_after_seconds}'
    return headers
