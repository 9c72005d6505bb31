"""The native HTTP API: JSON in, JSON out, problem documents for errors."""

import json
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import Logger

from easel.attempt_log import attempt_log
from easel.catalogue import Catalogue
from easel.domain.generation import Generation
from easel.domain.reading import parse_request
from easel.domain.tenancy import Quota, Scope
from easel.doors.batches import BatchDoor, add_batches
from easel.doors.front import FrontDoor
from easel.doors.http_input import (
    asking_caller,
    caller_of,
    header,
    idempotency_key,
    json_body,
    limit_headers,
    preferred_wait,
    whole_number,
)
from easel.doors.models import model_list, model_view
from easel.doors.problems import OUR_FAULT, problem_response
from easel.errors import FieldProblem, InternalError, InvalidRequestError, NotFoundError, RequestError
from easel.ports import ImageStore, VendorKeys
from easel.steps.cancel import Canceler
from easel.steps.create import Creator
from easel.steps.gate import Gate
from easel.steps.read import LIST_DEFAULT, WAIT_SECONDS_MAX, Reader
from easel.view import generation_view

LOOK_AGAIN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class NativeDoor:
    """What the native API needs to answer."""

    creator: Creator
    reader: Reader
    canceler: Canceler
    images: ImageStore
    gate: Gate
    vendor_keys: VendorKeys
    catalogue: Catalogue
    batches: BatchDoor
    logger: Logger
    fronts: tuple[FrontDoor, ...] = ()


def native_api(door: NativeDoor) -> APIGatewayHttpResolver:
    """The router with all calls of the native API and of the front doors."""
    app = APIGatewayHttpResolver()

    def refused(error: RequestError) -> Response[str]:
        request_id = app.current_event.request_context.request_id
        for front in door.fronts:
            if app.current_event.path.startswith(f"{front.prefix}/"):
                return front.refusal(error, request_id)
        return problem_response(error, request_id)

    def failed(error: Exception) -> Response[str]:
        door.logger.exception("a call failed", exc_info=error)
        return refused(InternalError(OUR_FAULT))

    app.exception_handler(RequestError)(refused)
    app.exception_handler(Exception)(failed)

    @app.not_found
    def nothing_here(_: Exception) -> Response[str]:
        return refused(NotFoundError("There is no such call."))

    _add_generations(app, door)
    _add_catalogue(app, door)
    add_batches(app, door.gate, door.batches)
    for front in door.fronts:
        front.add_calls(app)
    return app


def _add_generations(app: APIGatewayHttpResolver, door: NativeDoor) -> None:
    """The calls on generations."""

    def tenant_of(scope: Scope) -> str:
        return caller_of(app, door.gate, scope).tenant

    @app.post("/v1/generations")
    def create() -> Response[str]:
        caller = asking_caller(app, door.gate)
        request = parse_request(json_body(app))
        wait = preferred_wait(header(app, "prefer"))
        generation = door.creator.create(caller, request, idempotency_key(app))
        if wait:
            generation = door.reader.get(caller.tenant, generation.id, wait)
        return answer(door, generation, accepted=True, waited=wait, quota=caller.quota)

    @app.get("/v1/generations")
    def page() -> Response[str]:
        query = app.current_event.query_string_parameters
        page = door.reader.list(
            tenant_of(Scope.READ),
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
        owner = tenant_of(Scope.READ)
        wait = whole_number("wait", app.current_event.query_string_parameters.get("wait"), 0)
        if not 0 <= wait <= WAIT_SECONDS_MAX:
            bounds = f"0 to {WAIT_SECONDS_MAX}"
            problem = FieldProblem("wait", f"must be {bounds} seconds", bounds)
            raise InvalidRequestError("The wait is out of range.", [problem])
        return answer(door, door.reader.get(owner, generation_id, wait))

    @app.get("/v1/generations/<generation_id>/events")
    def events(generation_id: str) -> Response[str]:
        generation = door.reader.get(tenant_of(Scope.READ), generation_id)
        body = json.dumps({"data": attempt_log(generation), "next_cursor": None}, ensure_ascii=False)
        return Response(200, "application/json", body, headers={"Cache-Control": "no-store"})

    @app.post("/v1/generations/<generation_id>/cancel")
    def cancel(generation_id: str) -> Response[str]:
        return answer(door, door.canceler.cancel(tenant_of(Scope.GENERATE), generation_id))


def _add_catalogue(app: APIGatewayHttpResolver, door: NativeDoor) -> None:
    """The calls on the catalogue, and those without a key."""

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        caller_of(app, door.gate, Scope.READ)
        return model_list(door.catalogue, door.vendor_keys.get())

    @app.get("/v1/models/<model>")
    def model(model: str) -> dict[str, Any]:
        caller_of(app, door.gate, Scope.READ)
        return model_view(door.catalogue, door.vendor_keys.get(), model)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}


def answer(
    door: NativeDoor,
    generation: Generation,
    *,
    accepted: bool = False,
    waited: int = 0,
    quota: Quota | None = None,
) -> Response[str]:
    """The generation with fresh links. 202 for one that was just taken and has not ended."""
    view = generation_view(generation, door.images.uri, door.images.signed_url)
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store", **limit_headers(quota)}
    if accepted:
        headers["Location"] = view["links"]["self"]
    if waited:
        headers["Preference-Applied"] = f"wait={waited}"
    if not generation.terminal:
        headers["Retry-After"] = str(LOOK_AGAIN_SECONDS)
    status = 202 if accepted and not generation.terminal else 200
    return Response(status, "application/json", json.dumps(view, ensure_ascii=False), headers=headers)
