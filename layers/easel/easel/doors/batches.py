"""The HTTP API's calls on batches."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.batch_view import batch_view
from easel.domain.batch import Batch, Bounds, Tally
from easel.domain.batch_order import BatchBounds, BatchOrder
from easel.domain.reading import read_as
from easel.domain.tenancy import Scope
from easel.doors.http_input import asking_caller, caller_of, idempotency_key, json_body
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError
from easel.ports import Clock, Files
from easel.steps.batches import Batcher
from easel.steps.gate import Gate
from easel.steps.intake import Manifests

LOOK_AGAIN_SECONDS = 5


@dataclass(frozen=True, slots=True)
class BatchDoor:
    """What the calls on batches need to answer."""

    batcher: Batcher
    manifests: Manifests
    files: Files
    clock: Clock


def add_batches(app: APIGatewayHttpResolver, gate: Gate, door: BatchDoor) -> None:
    """The calls on batches."""

    def tenant_of() -> str:
        return caller_of(app, gate, Scope.BATCH).tenant

    @app.post("/v1/batches")
    def create() -> Response[str]:
        caller = asking_caller(app, gate, Scope.BATCH)
        order = read_as(BatchOrder, json_object(json_body(app)))
        bounds = Bounds(**order.named)
        if (order.rows is None) == (order.manifest is None):
            problem = FieldProblem("rows", "is needed, or else manifest; not both")
            raise InvalidRequestError("A batch has rows or a manifest.", [problem])
        if order.manifest is not None:
            source, trusted = door.manifests.find(caller.tenant, order.manifest)
            made = door.batcher.from_object(caller, source, bounds, trusted=trusted)
        else:
            made = door.batcher.from_rows(caller, order.rows or (), bounds, idempotency_key(app))
        return answer(door, *door.batcher.get(caller.tenant, made.id), 202)

    @app.get("/v1/batches/<batch_id>")
    def get(batch_id: str) -> Response[str]:
        return answer(door, *door.batcher.get(tenant_of(), batch_id))

    @app.post("/v1/batches/<batch_id>/cancel")
    def cancel(batch_id: str) -> Response[str]:
        owner = tenant_of()
        door.batcher.cancel(owner, batch_id)
        return answer(door, *door.batcher.get(owner, batch_id))

    @app.post("/v1/batches/<batch_id>/resume")
    def resume(batch_id: str) -> Response[str]:
        owner = tenant_of()
        given = json_object(json_body(app)) if app.current_event.body else {}
        door.batcher.resume(owner, batch_id, read_as(BatchBounds, given).named)
        return answer(door, *door.batcher.get(owner, batch_id), 202)


def json_object(body: str) -> Mapping[str, Any]:
    """The body as an object. Raises MalformedRequestError or InvalidRequestError."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequestError("The body is not JSON.") from error
    if not isinstance(given, dict):
        raise InvalidRequestError("The body is not an object.", [FieldProblem("body", "must be an object")])
    return given


def answer(door: BatchDoor, batch: Batch, tally: Tally, status: int = 200) -> Response[str]:
    """The batch, with links to its files once it has ended."""
    view = batch_view(batch, tally, door.clock.now(), door.files.signed_url)
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if status == 202:
        headers["Location"] = view["links"]["self"]
    if not batch.over:
        headers["Retry-After"] = str(LOOK_AGAIN_SECONDS)
    return Response(status, "application/json", json.dumps(view, ensure_ascii=False), headers=headers)
