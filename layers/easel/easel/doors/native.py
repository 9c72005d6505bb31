"""The native HTTP API: JSON in, JSON out, problem documents for errors."""

import json
import re
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import Logger

from easel.attempt_log import attempt_log
from easel.catalogue import Catalogue
from easel.domain.generation import Generation
from easel.domain.reading import parse_request
from easel.doors.models import model_list, model_view
from easel.doors.problems import internal_response, problem_response
from easel.errors import (
    FieldProblem,
    InvalidRequestError,
    MalformedRequestError,
    NotFoundError,
    RequestError,
    UnauthorizedError,
    UnsupportedMediaError,
)
from easel.ports import ApiKeys, ImageStore, VendorKeys
from easel.steps.cancel import Canceler
from easel.steps.create import Creator
from easel.steps.read import LIST_DEFAULT, WAIT_SECONDS_MAX, Reader
from easel.view import generation_view

JSON_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json\b", re.IGNORECASE)
PREFER_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?([0-9]{1,4})"?(?:$|[,;\s])', re.IGNORECASE)
IDEMPOTENCY_KEY = re.compile(r'"([\x20-\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
LOOK_AGAIN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class NativeDoor:
    """What the native API needs to answer."""

    creator: Creator
    reader: Reader
    canceler: Canceler
    images: ImageStore
    api_keys: ApiKeys
    vendor_keys: VendorKeys
    catalogue: Catalogue
    logger: Logger


def native_api(door: NativeDoor) -> APIGatewayHttpResolver:
    """The router with all calls of the native API."""
    app = APIGatewayHttpResolver()

    def failed(error: Exception) -> Response[str]:
        door.logger.exception("a call failed", exc_info=error)
        return internal_response(app.current_event.request_context.request_id)

    app.exception_handler(RequestError)(problem_response)
    app.exception_handler(Exception)(failed)
    _add_generations(app, door)
    _add_catalogue(app, door)
    return app


def _add_generations(app: APIGatewayHttpResolver, door: NativeDoor) -> None:
    """The calls on generations."""

    @app.post("/v1/generations")
    def create() -> Response[str]:
        owner = tenant_of(app, door)
        request = parse_request(json_body(app))
        wait = preferred_wait(header(app, "prefer"))
        generation = door.creator.create(owner, request, idempotency_key(app))
        if wait:
            generation = door.reader.get(owner, generation.id, wait)
        return answer(door, generation, accepted=True, waited=wait)

    @app.get("/v1/generations")
    def page() -> Response[str]:
        query = app.current_event.query_string_parameters
        page = door.reader.list(
            tenant_of(app, door),
            status=query.get("status"),
            model=query.get("model"),
            limit=whole_number("limit", query.get("limit"), LIST_DEFAULT),
            cursor=query.get("cursor"),
        )
        views = [generation_view(one, door.images.uri, door.images.signed_url) for one in page.generations]
        body = json.dumps({"data": views, "next_cursor": page.cursor}, ensure_ascii=False)
        return Response(200, "application/json", body, headers={"Cache-Control": "no-store"})

    @app.get("/v1/generations/<generation_id>")
    def get(generation_id: str) -> Response[str]:
        owner = tenant_of(app, door)
        wait = whole_number("wait", app.current_event.query_string_parameters.get("wait"), 0)
        if not 0 <= wait <= WAIT_SECONDS_MAX:
            bounds = f"0 to {WAIT_SECONDS_MAX}"
            problem = FieldProblem("wait", f"must be {bounds} seconds", bounds)
            raise InvalidRequestError("The wait is out of range.", [problem])
        return answer(door, door.reader.get(owner, generation_id, wait))

    @app.get("/v1/generations/<generation_id>/events")
    def events(generation_id: str) -> Response[str]:
        generation = door.reader.get(tenant_of(app, door), generation_id)
        body = json.dumps({"data": attempt_log(generation), "next_cursor": None}, ensure_ascii=False)
        return Response(200, "application/json", body, headers={"Cache-Control": "no-store"})

    @app.post("/v1/generations/<generation_id>/cancel")
    def cancel(generation_id: str) -> Response[str]:
        return answer(door, door.canceler.cancel(tenant_of(app, door), generation_id))


def _add_catalogue(app: APIGatewayHttpResolver, door: NativeDoor) -> None:
    """The calls on the catalogue, and those without a key."""

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        tenant_of(app, door)
        return model_list(door.catalogue, door.vendor_keys.get())

    @app.get("/v1/models/<model>")
    def model(model: str) -> dict[str, Any]:
        tenant_of(app, door)
        return model_view(door.catalogue, door.vendor_keys.get(), model)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.not_found
    def nothing_here(_: Exception) -> Response[str]:
        return problem_response(NotFoundError("There is no such call."))


def tenant_of(app: APIGatewayHttpResolver, door: NativeDoor) -> str:
    """The caller's tenant. Raises UnauthorizedError."""
    return authenticate(door.api_keys, header(app, "authorization"))


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


def answer(
    door: NativeDoor, generation: Generation, *, accepted: bool = False, waited: int = 0
) -> Response[str]:
    """The generation with fresh links. 202 for one that was just taken and has not ended."""
    view = generation_view(generation, door.images.uri, door.images.signed_url)
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if accepted:
        headers["Location"] = view["links"]["self"]
    if waited:
        headers["Preference-Applied"] = f"wait={waited}"
    if not generation.terminal:
        headers["Retry-After"] = str(LOOK_AGAIN_SECONDS)
    status = 202 if accepted and not generation.terminal else 200
    return Response(status, "application/json", json.dumps(view, ensure_ascii=False), headers=headers)
