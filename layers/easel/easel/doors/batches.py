"""The HTTP API's calls on batches."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.batch_view import batch_view
from easel.domain.batch import Batch, Bounds, Tally
from easel.domain.tenancy import Scope
from easel.doors.http_input import asking_caller, caller_of, idempotency_key, json_body
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError
from easel.ports import Clock, Files
from easel.steps.batches import Batcher
from easel.steps.gate import Gate
from easel.steps.intake import Manifests, read_bounds

LOOK_AGAIN_SECONDS = 5
BOUNDS = tuple(Bounds.model_fields)
FIELDS = ("rows", "manifest", *BOUNDS)


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
        given = json_object(json_body(app), FIELDS)
        bounds = read_bounds({name: given[name] for name in BOUNDS if name in given})
        rows, manifest = given.get("rows"), given.get("manifest")
        if (rows is None) == (manifest is None):
            problem = FieldProblem("rows", "is needed, or else manifest; not both")
            raise InvalidRequestError("A batch has rows or a manifest.", [problem])
        if manifest is not None:
            source, trusted = door.manifests.find(caller.tenant, manifest)
            made = door.batcher.from_object(caller, source, bounds, trusted=trusted)
        else:
            made = door.batcher.from_rows(caller, checked_rows(rows), bounds, idempotency_key(app))
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
        given = json_object(json_body(app), BOUNDS) if app.current_event.body else {}
        bounds = read_bounds(given)
        door.batcher.resume(owner, batch_id, {name: getattr(bounds, name) for name in given})
        return answer(door, *door.batcher.get(owner, batch_id), 202)


def json_object(body: str, fields: tuple[str, ...]) -> Mapping[str, Any]:
    """The body as an object of these fields. Raises MalformedRequestError or InvalidRequestError."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequestError("The body is not JSON.") from error
    if not isinstance(given, dict):
        raise InvalidRequestError("The body is not an object.", [FieldProblem("body", "must be an object")])
    if unknown := [name for name in given if name not in fields]:
        problems = [
            FieldProblem(name[:100], "is not a field of a batch", allowed=fields) for name in unknown[:20]
        ]
        raise InvalidRequestError("The body has unknown fields.", problems)
    return given


def checked_rows(rows: Any) -> list[dict[str, Any]]:
    """At least one object; each is checked when the batch is prepared. Raises InvalidRequestError."""
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        problem = FieldProblem("rows", "must be a list of at least one object")
        raise InvalidRequestError("The rows cannot be read.", [problem])
    return rows


def answer(door: BatchDoor, batch: Batch, tally: Tally, status: int = 200) -> Response[str]:
    """The batch, with links to its files once it has ended."""
    view = batch_view(batch, tally, door.clock.now(), door.files.signed_url)
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if status == 202:
        headers["Location"] = view["links"]["self"]
    if not batch.over:
        headers["Retry-After"] = str(LOOK_AGAIN_SECONDS)
    return Response(status, "application/json", json.dumps(view, ensure_ascii=False), headers=headers)
