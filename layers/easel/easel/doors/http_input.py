"""Reading HTTP requests: who calls, and what the headers, the query and the body say."""

import re

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from easel.errors import (
    FieldProblem,
    InvalidRequestError,
    MalformedRequestError,
    UnauthorizedError,
    UnsupportedMediaError,
)
from easel.ports import ApiKeys
from easel.steps.read import WAIT_SECONDS_MAX

JSON_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json\b", re.IGNORECASE)
PREFER_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?([0-9]{1,4})"?(?:$|[,;\s])', re.IGNORECASE)
IDEMPOTENCY_KEY = re.compile(r'"([\x20-\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')


def tenant_of(app: APIGatewayHttpResolver, keys: ApiKeys) -> str:
    """The caller's tenant. Raises UnauthorizedError."""
    return authenticate(keys, header(app, "authorization"))


def header(app: APIGatewayHttpResolver, name: str) -> str | None:
    """A request header by its lower-case name, as HTTP APIs deliver them."""
    return app.current_event.headers.get(name)


def authenticate(keys: ApiKeys, authorization: str | None) -> str:
    """The caller's tenant. Raises UnauthorizedError."""
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise UnauthorizedError('Send the API key as "Authorization: Bearer KEY".')
    tenant = keys.tenant_of(key.strip())
    if tenant is None:
        raise UnauthorizedError("The API key is not known.")
    return tenant


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
