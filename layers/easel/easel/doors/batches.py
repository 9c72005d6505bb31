"""The HTTP API's calls on batches."""

from dataclasses import dataclass

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.batch_view import batch_view
from easel.domain.batch import Batch, Tally
from easel.domain.batch_order import BatchBounds
from easel.domain.reading import read_as
from easel.domain.tenancy import Scope
from easel.doors.answers import json_answer
from easel.doors.batch_input import asked_batch, json_object
from easel.doors.http_input import (
    asking_caller,
    caller_of,
    idempotency_key,
    json_body,
    query_of,
    whole_number,
)
from easel.ports import Clock, Files
from easel.steps.batch_plan import BatchPlanner
from easel.steps.batches import Batcher
from easel.steps.gate import Gate
from easel.steps.intake import Manifests
from easel.steps.read import LIST_DEFAULT

LOOK_AGAIN_SECONDS = 5


@dataclass(frozen=True, slots=True)
class BatchDoor:
    """What the calls on batches need to answer."""

    gate: Gate
    batcher: Batcher
    manifests: Manifests
    files: Files
    clock: Clock
    planner: BatchPlanner

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """The calls."""

        def tenant_of() -> str:
            return caller_of(app, self.gate, Scope.BATCH).tenant

        _add_making(app, self)

        @app.get("/v1/batches")
        def page() -> Response[str]:
            owner, query = tenant_of(), query_of(app, "limit", "cursor")
            limit = whole_number("limit", query.get("limit"), LIST_DEFAULT)
            page = self.batcher.list(owner, limit, query.get("cursor"))
            now, sign = self.clock.now(), self.files.signed_url
            views = [batch_view(batch, tally, now, sign) for batch, tally in page.batches]
            return json_answer(200, {"data": views, "next_cursor": page.cursor})

        @app.get("/v1/batches/<batch_id>")
        def get(batch_id: str) -> Response[str]:
            return answer(self, *self.batcher.get(tenant_of(), batch_id))

        @app.post("/v1/batches/<batch_id>/cancel")
        def cancel(batch_id: str) -> Response[str]:
            owner = tenant_of()
            self.batcher.cancel(owner, batch_id)
            return answer(self, *self.batcher.get(owner, batch_id))

        @app.post("/v1/batches/<batch_id>/resume")
        def resume(batch_id: str) -> Response[str]:
            caller = caller_of(app, self.gate, Scope.BATCH)
            given = json_object(json_body(app)) if app.current_event.body else {}
            self.batcher.resume(caller, batch_id, read_as(BatchBounds, given).named)
            return answer(self, *self.batcher.get(caller.tenant, batch_id), 202)


def _add_making(app: APIGatewayHttpResolver, door: BatchDoor) -> None:
    """The call that makes one, or only says what it would come to."""

    @app.post("/v1/batches")
    def create() -> Response[str]:
        caller = asking_caller(app, door.gate, Scope.BATCH)
        asked = asked_batch(app)
        if asked.file is not None:
            if asked.dry_run:
                return json_answer(200, door.planner.of_file(caller, asked.file))
            made = door.batcher.from_file(caller, asked.file, asked.bounds, idempotency_key(app))
        else:
            source, trusted = door.manifests.find(caller.tenant, asked.manifest or "")
            if asked.dry_run:
                return json_answer(200, door.planner.of_object(caller, source, trusted=trusted))
            made = door.batcher.from_object(caller, source, asked.bounds, trusted=trusted)
        return answer(door, *door.batcher.get(caller.tenant, made.id), 202)


def answer(door: BatchDoor, batch: Batch, tally: Tally, status: int = 200) -> Response[str]:
    """The batch, with links to its files once it has ended."""
    view = batch_view(batch, tally, door.clock.now(), door.files.signed_url)
    headers: dict[str, str | list[str]] = {}
    if status == 202:
        headers["Location"] = view["links"]["self"]
    if not batch.over:
        headers["Retry-After"] = str(LOOK_AGAIN_SECONDS)
    return json_answer(status, view, headers)
