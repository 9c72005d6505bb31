"""Reading HTTP requests: who calls, and what the headers, the query and the body say."""

import base64
import binascii
import re
from collections.abc import Mapping

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from easel.domain.tenancy import Caller, Quota, Scope
from easel.errors import (
    FieldProblem,
    InvalidRequestError,
    MalformedRequestError,
    UnsupportedMediaError,
)
from easel.steps.gate import MINUTE_SECONDS, Gate
from easel.steps.read import WAIT_SECONDS_MAX

JSON_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json\b", re.IGNORECASE)
PREFER_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?([0-9]{1,4})"?(?:$|[,;\s])', re.IGNORECASE)
IDEMPOTENCY_KEY = re.compile(r'"([\x20-\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')


def caller_of(app: APIGatewayHttpResolver, gate: Gate, scope: Scope) -> Caller:
    """Who calls. Raises UnauthorizedError or ForbiddenError."""
    return gate.caller(header(app, "authorization"), scope)


def asking_caller(app: APIGatewayHttpResolver, gate: Gate, scope: Scope = Scope.GENERATE) -> Caller:
    """Who asks for generations; counted by the request rates. Raises LimitReachedError, too."""
    return gate.asking(header(app, "authorization"), scope)


def limit_headers(quota: Quota | None) -> dict[str, str]:
    """Where the caller stands (draft-ietf-httpapi-ratelimit-headers-10: q a quota, w its seconds, r what is
    left, t the seconds until it is whole again)."""
    if quota is None:
        return {}
    return {
        "RateLimit-Policy": f'"requests";q={quota.per_minute};w={MINUTE_SECONDS}',
        "RateLimit": f'"requests";r={quota.left};t={quota.resets_in_seconds}',
    }


def header(app: APIGatewayHttpResolver, name: str) -> str | None:
    """A request header by its lower-case name: HTTP APIs deliver no others
    (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
    """
    # Not `current_event.headers`, which spells all of them anew each time.
    headers: Mapping[str, str] = app.current_event.get("headers") or {}
    return headers.get(name)


def query_of(app: APIGatewayHttpResolver, *known: str) -> Mapping[str, str]:
    """The query's parameters. One that is not known is most likely misspelled: raises InvalidRequestError."""
    query: dict[str, str] = app.current_event.query_string_parameters
    if unknown := [name for name in query if name not in known]:
        problems = [
            FieldProblem(name[:100], "is no parameter of this call", None, known) for name in unknown[:20]
        ]
        raise InvalidRequestError("The query has unknown parameters.", problems)
    return query


def json_body(app: APIGatewayHttpResolver) -> str:
    """The body's text. Raises UnsupportedMediaError or MalformedRequestError."""
    if not JSON_TYPE.match(header(app, "content-type") or ""):
        raise UnsupportedMediaError('Send JSON, with "Content-Type: application/json".')
    try:
        body = app.current_event.decoded_body
    except ValueError as error:
        raise MalformedRequestError("The body is not UTF-8 text.") from error
    if not body:
        raise MalformedRequestError("The body is empty.")
    return body


def whole_body(app: APIGatewayHttpResolver) -> bytes:
    """The body's bytes: API Gateway gives what is no text as base64. Raises MalformedRequestError."""
    event = app.current_event
    try:
        body = event.body or ""
        return base64.b64decode(body, validate=True) if event.is_base64_encoded else body.encode()
    except binascii.Error as error:
        raise MalformedRequestError("The body is not base64.") from error


def idempotency_key(app: APIGatewayHttpResolver) -> str | None:
    """The key: quoted, as draft-ietf-httpapi-idempotency-key-header-07 wants it, or bare, as clients do."""
    value = header(app, "idempotency-key")
    if value is None:
        return None
    match = IDEMPOTENCY_KEY.fullmatch(value.strip())
    if match is None:
        rule = "must be 1 to 255 printable ASCII characters"
        problem = FieldProblem("Idempotency-Key", rule, limit=255)
        raise MalformedRequestError(f"Idempotency-Key {rule}.", [problem])
    return match[1] or match[2]


def preferred_wait(prefer: str | None) -> int:
    """The seconds of `Prefer: wait=N` (RFC 7240, 4.3), no more than are offered; 0 without one."""
    match = PREFER_WAIT.search(prefer or "")
    return min(int(match[1]), WAIT_SECONDS_MAX) if match else 0


def whole_number(name: str, text: str | None, default: int) -> int:
    """A query parameter as a number. Raises InvalidRequestError."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        problem = FieldProblem(name, "must be a whole number")
        raise InvalidRequestError(f"{name} must be a whole number.", [problem])
    return int(text)


def switch(name: str, text: str | None) -> bool:
    """A query parameter that is on or off; off where it is left out. Raises InvalidRequestError."""
    if text not in (None, "true", "false"):
        problem = FieldProblem(name, "must be true or false", allowed=("true", "false"))
        raise InvalidRequestError(f"{name} must be true or false.", [problem])
    return text == "true"
