"""The native HTTP API: JSON in, JSON out, problem documents for errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import Logger

from easel.attempt_log import attempt_log
from easel.catalogue import Catalogue
from easel.domain.completion import estimated_completion
from easel.domain.generation import Generation
from easel.domain.reading import parse_submission
from easel.domain.tenancy import Caller, Quota, Scope
from easel.doors.answers import json_answer
from easel.doors.deliveries import add_deliveries
from easel.doors.front import Door, FrontDoor
from easel.doors.http_input import (
    asking_caller,
    caller_of,
    header,
    idempotency_key,
    json_body,
    limit_headers,
    preferred_wait,
    query_of,
    whole_number,
)
from easel.doors.models import Models
from easel.doors.problems import OUR_FAULT, problem_response
from easel.doors.router import Router
from easel.doors.uploads import add_uploads
from easel.errors import (
    FieldProblem,
    InternalError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    RequestError,
)
from easel.ports import Clock, ImageStore, VendorKeys
from easel.routing import allowed
from easel.steps.cancel import Canceler
from easel.steps.create import Creator
from easel.steps.gate import Gate
from easel.steps.plan import Planner
from easel.steps.read import LIST_DEFAULT, WAIT_SECONDS_MAX, Reader
from easel.steps.uploads import Uploader
from easel.steps.webhooks import Webhooks
from easel.view import generation_view

LOOK_AGAIN_SECONDS_MIN, LOOK_AGAIN_SECONDS_MAX = 1, 10


@dataclass(frozen=True, slots=True)
class NativeDoor:
    """What the native API needs to answer. `doors` and `fronts` are makers of doors that the first request to
    them opens, by the path that their calls begin with."""

    creator: Creator
    reader: Reader
    canceler: Canceler
    images: ImageStore
    gate: Gate
    vendor_keys: VendorKeys
    catalogue: Catalogue
    clock: Clock
    uploader: Uploader
    webhooks: Webhooks
    logger: Logger
    doors: Mapping[str, Callable[[], Door]]
    fronts: Mapping[str, Callable[[], FrontDoor]]


def native_api(door: NativeDoor) -> Router:
    """The router with all calls of the native API and of the front doors."""
    fronts = {prefix: cache(make) for prefix, make in door.fronts.items()}
    app = Router({**door.doors, **fronts})

    def refused(error: RequestError) -> Response[str]:
        request_id = app.current_event.request_context.request_id
        path = app.current_event.path
        for prefix, front in fronts.items():
            if path.startswith(f"{prefix}/"):
                return front().refusal(error, request_id, path)
        return problem_response(error, request_id)

    def failed(error: Exception) -> Response[str]:
        door.logger.exception("a call failed", exc_info=error)
        return refused(InternalError(OUR_FAULT))

    app.exception_handler(RequestError)(refused)
    app.exception_handler(Exception)(failed)

    @app.not_found
    def nothing_here(_: Exception) -> Response[str]:
        from easel.openapi.calls import methods_at  # the whole description: too much for every start

        methods = methods_at(app.current_event.path)
        if methods and app.current_event.http_method not in methods:
            told = f"There is no such method here; {', '.join(methods)} can be called."
            return refused(MethodNotAllowedError(told, methods))
        return refused(NotFoundError("There is no such call."))

    _add_generations(app, door)
    _add_reads(app, door)
    _add_catalogue(app, door)
    add_uploads(app, door.gate, door.uploader)
    add_deliveries(app, door.gate, door.reader, door.webhooks)
    return app


def _add_generations(app: APIGatewayHttpResolver, door: NativeDoor) -> None:
    """The calls that make and end generations."""

    @app.post("/v1/generations")
    def create() -> Response[str]:
        caller = asking_caller(app, door.gate)
        request, dry_run = parse_submission(json_body(app))
        if dry_run:
            return json_answer(200, Planner(door.creator).plan(caller, request), limit_headers(caller.quota))
        wait, came_at = preferred_wait(header(app, "prefer")), door.clock.now()
        generation = door.creator.create(caller, request, idempotency_key(app))
        if wait:  # of which looking at links may have taken some
            left = wait - (door.clock.now() - came_at).total_seconds()
            generation = door.reader.get(caller.tenant, generation.id, left)
        return answer(door, generation, accepted=True, waited=wait, quota=caller.quota)

    @app.post("/v1/generations/<generation_id>/cancel")
    def cancel(generation_id: str) -> Response[str]:
        owner = caller_of(app, door.gate, Scope.GENERATE).tenant
        return answer(door, door.canceler.cancel(owner, generation_id))


def _add_reads(app: APIGatewayHttpResolver, door: NativeDoor) -> None:
    """The calls that tell of generations."""

    def tenant_of() -> str:
        return caller_of(app, door.gate, Scope.READ).tenant

    @app.get("/v1/generations")
    def page() -> Response[str]:
        query = query_of(app, "status", "model", "limit", "cursor")
        page = door.reader.list(
            tenant_of(),
            status=query.get("status"),
            model=query.get("model"),
            limit=whole_number("limit", query.get("limit"), LIST_DEFAULT),
            cursor=query.get("cursor"),
        )
        now, images = door.clock.now(), door.images
        views = [generation_view(one, images.uri, images.signed_url, now) for one in page.generations]
        return json_answer(200, {"data": views, "next_cursor": page.cursor})

    @app.get("/v1/generations/<generation_id>")
    def get(generation_id: str) -> Response[str]:
        owner = tenant_of()
        wait = whole_number("wait", query_of(app, "wait").get("wait"), 0)
        if not 0 <= wait <= WAIT_SECONDS_MAX:
            bounds = f"0 to {WAIT_SECONDS_MAX}"
            problem = FieldProblem("wait", f"must be {bounds} seconds", bounds)
            raise InvalidRequestError("The wait is out of range.", [problem])
        return answer(door, door.reader.get(owner, generation_id, wait))

    @app.get("/v1/generations/<generation_id>/events")
    def events(generation_id: str) -> Response[str]:
        generation = door.reader.get(tenant_of(), generation_id)
        return json_answer(200, {"data": attempt_log(generation), "next_cursor": None})


def _add_catalogue(app: APIGatewayHttpResolver, door: NativeDoor) -> None:
    """The calls on the catalogue, and the one that says that the API answers."""

    def models_of(caller: Caller) -> Models:
        routes = allowed(door.catalogue, caller.key)
        return Models(routes, door.vendor_keys.get(), door.creator.forecast.health)

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return models_of(caller_of(app, door.gate, Scope.READ)).all()

    @app.get("/v1/models/<model>")
    def model(model: str) -> dict[str, Any]:
        return models_of(caller_of(app, door.gate, Scope.READ)).one(model)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}


def look_again_seconds(generation: Generation, now: datetime) -> int:
    """When to ask again: half way to its expected end, so that a slow one is asked about less often."""
    ends = estimated_completion(generation, now)
    left = (ends - now).total_seconds() / 2 if ends else 0
    return max(LOOK_AGAIN_SECONDS_MIN, min(LOOK_AGAIN_SECONDS_MAX, int(left)))


def answer(
    door: NativeDoor,
    generation: Generation,
    *,
    accepted: bool = False,
    waited: int = 0,
    quota: Quota | None = None,
) -> Response[str]:
    """The generation with fresh links. 202 for one that was just taken and has not ended."""
    now = door.clock.now()
    view = generation_view(generation, door.images.uri, door.images.signed_url, now)
    headers: dict[str, str | list[str]] = {**limit_headers(quota)}
    if accepted:
        headers["Location"] = view["links"]["self"]
    if waited:
        headers["Preference-Applied"] = f"wait={waited}"
    if not generation.terminal:
        headers["Retry-After"] = str(look_again_seconds(generation, now))
    status = 202 if accepted and not generation.terminal else 200
    return json_answer(status, view, headers)
