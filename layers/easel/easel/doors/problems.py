"""Errors as problem documents (RFC 9457): a stable `code`, and the fields that are wrong."""

import json

from aws_lambda_powertools.event_handler import Response

from easel.errors import RequestError
from easel.view import problem_view

CONTENT_TYPE = "application/problem+json"


def problem_response(error: RequestError) -> Response[str]:
    """The answer for a request that cannot be served."""
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return Response(error.status, CONTENT_TYPE, json.dumps(problem_view(error)), headers=headers)


def internal_response(request_id: str) -> Response[str]:
    """The answer where the fault is ours; the id leads to the log line."""
    body = {
        "type": "urn:easel:problem:internal",
        "title": "Easel failed",
        "status": 500,
        "detail": "The fault is ours. The same request with the same Idempotency-Key may be sent again.",
        "code": "internal",
        "request_id": request_id,
    }
    return Response(500, CONTENT_TYPE, json.dumps(body))
