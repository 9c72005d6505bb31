"""Batches as their callers handle them: one per source, seen by their tenant alone, canceled."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Batch, BatchStatus, Bounds
from easel.domain.ids import batch_id_of, is_batch_id
from easel.domain.rows import ROW_BYTES_MAX
from easel.domain.tenancy import Caller
from easel.errors import (
    ConflictError,
    IdempotencyMismatchError,
    InvalidRequestError,
    NotFoundError,
    VersionConflictError,
)
from easel.steps.batches import file_of
from tests.fakes.batch_run import (
    NO_BOUNDS,
    dropped,
    end_all,
    errors,
    feed_all,
    now,
    prepare,
    rows,
    run,
    tally,
)
from tests.fakes.scene import TENANT, Scene

OTHER = "somebody else"
FAILED = {"code": "manifest_changed", "message": "m"}


def from_rows(scene: Scene, *, key: str | None = "k", tenant: str = TENANT, **bounds: Any) -> Batch:
    return scene.batcher.from_file(Caller(tenant=tenant), file_of(rows(2)), Bounds(**bounds), key)


# ── Made ──────────────────────────────────────────────────────────────────────────────────────────────


def test_made_batch_is_stored_and_started_under_its_own_id() -> None:
    scene = Scene()
    made = from_rows(scene, max_cost_usd=Decimal("1.50"))
    assert is_batch_id(made.id)
    assert now(scene, made) == made
    assert (made.status, made.tenant, made.trusted) == (BatchStatus.PREPARING, TENANT, False)
    assert made.bounds == Bounds(max_cost_usd=Decimal("1.50"))
    assert scene.batch_workflow.ids == [made.id]
    assert scene.store.records == {}, "nothing is bought yet"


def test_rows_are_written_down_as_they_came() -> None:
    scene = Scene()
    given: list[dict[str, Any]] = [{"prompt": "\u4e2d\n", "nonsense": [1, None]}, {}, {"custom_id": 7}]
    made = scene.batcher.from_file(Caller(tenant=TENANT), file_of(given), NO_BOUNDS)
    data = scene.files.read(made.source.key)
    assert data is not None
    assert [json.loads(line) for line in data.decode().splitlines()] == given
    assert made.source.key.startswith(f"batches/{made.id}/work/input-")
    assert made.source.bucket == scene.files.bucket


def test_same_rows_and_key_are_one_batch() -> None:
    scene = Scene()
    first = from_rows(scene)
    scene.clock.sleep(5)
    assert from_rows(scene) == first
    assert len(scene.batches.records) == 1
    assert scene.batch_workflow.running == {(first.id, 0)}


def test_another_key_and_another_tenant_are_other_batches() -> None:
    scene = Scene()
    made = [from_rows(scene), from_rows(scene, key="k2"), from_rows(scene, tenant=OTHER)]
    assert len({one.id for one in made}) == 3


def test_same_key_with_other_rows_is_refused_and_the_first_rows_stay() -> None:
    scene = Scene()
    made = from_rows(scene)
    with pytest.raises(IdempotencyMismatchError):
        scene.batcher.from_file(Caller(tenant=TENANT), file_of(rows(3)), NO_BOUNDS, "k")
    assert now(scene, made) == made
    assert run(scene, made)["rows"]["succeeded"] == 2


def test_rows_without_a_key_are_a_new_batch_each_time() -> None:
    scene = Scene()
    first = from_rows(scene, key=None)
    scene.clock.sleep(0.001)
    assert from_rows(scene, key=None).id != first.id


def test_row_that_is_too_long_is_refused_by_its_number() -> None:
    scene = Scene()
    frame = len(json.dumps({"prompt": ""})) + 1
    fits = {"prompt": "x" * (ROW_BYTES_MAX - frame)}
    with pytest.raises(InvalidRequestError) as caught:
        file_of([fits, {"prompt": fits["prompt"] + "x"}])
    (problem,) = caught.value.problems
    assert (problem.field, problem.limit) == ("rows.1", ROW_BYTES_MAX - 1)
    made = scene.batcher.from_file(Caller(tenant=TENANT), file_of([fits]), NO_BOUNDS)
    prepare(scene, made)
    (error,) = errors_after(scene, made)
    assert error["field"] == "model", "it was read, and is wrong for another reason"


def errors_after(scene: Scene, made: Batch) -> list[dict[str, Any]]:
    run(scene, made)
    return [line["error"] for line in errors(scene, made)]


def test_row_with_half_a_character_is_refused_and_not_drawn_with_another() -> None:
    scene = Scene()
    given = file_of([{"model": "qwen-image-max", "prompt": "a \ud800 cat"}])
    made = scene.batcher.from_file(Caller(tenant=TENANT), given, NO_BOUNDS)
    (error,) = errors_after(scene, made)
    assert error["field"] == "row"
    assert scene.store.records == {}


def test_same_file_in_the_same_state_is_one_batch_that_one_execution_carries() -> None:
    scene = Scene()
    first, again = dropped(scene, *rows(2)), dropped(scene, *rows(2))
    assert again == first
    assert len(scene.batches.records) == 1
    assert scene.batch_workflow.running == {(first.id, 0)}


def test_file_that_was_changed_is_another_batch() -> None:
    scene = Scene()
    assert dropped(scene, *rows(2)).id != dropped(scene, *rows(3)).id
    assert dropped(scene, *rows(2)).id != dropped(scene, *rows(2), key="requests/b.jsonl").id


def test_file_that_is_told_again_after_the_end_starts_nothing() -> None:
    scene = Scene()
    made = dropped(scene, *rows(2))
    run(scene, made)
    bought = dict(scene.store.records)
    scene.batch_workflow.ids.clear()
    assert dropped(scene, *rows(2)).status is BatchStatus.COMPLETED
    assert scene.batch_workflow.ids == []
    assert scene.store.records == bought


def test_start_that_was_lost_is_made_up_for_by_the_next_one_who_comes_with_the_file() -> None:
    scene = Scene()
    made = dropped(scene, *rows(2))
    scene.batch_workflow.ids.clear()
    dropped(scene, *rows(2))
    assert scene.batch_workflow.ids == [made.id]


@pytest.mark.parametrize("key", ["requests/a", "requests/a.txt", "requests/jsonl", "requests/a.jsonl.gz", ""])
def test_file_whose_name_tells_no_form_is_refused_with_those_that_do(key: str) -> None:
    scene = Scene()
    with pytest.raises(InvalidRequestError) as caught:
        dropped(scene, *rows(1), key=key)
    (problem,) = caught.value.problems
    assert (problem.field, problem.allowed) == ("manifest", (".json", ".jsonl", ".csv"))
    assert scene.batches.records == {}


# ── Looked at ─────────────────────────────────────────────────────────────────────────────────────────


def test_batch_is_read_with_what_has_become_of_its_rows() -> None:
    scene = Scene()
    made = dropped(scene, *rows(3))
    run(scene, made)
    found, counted = scene.batcher.get(TENANT, made.id)
    assert found == now(scene, made)
    assert counted == tally(scene, made)
    assert counted.succeeded == 3


Call = Callable[[Scene, str, str], object]
CALLS: dict[str, Call] = {
    "get": lambda scene, tenant, batch_id: scene.batcher.get(tenant, batch_id),
    "cancel": lambda scene, tenant, batch_id: scene.batcher.cancel(tenant, batch_id),
    "resume": lambda scene, tenant, batch_id: scene.batcher.resume(Caller(tenant=tenant), batch_id, {}),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_batch_of_another_tenant_is_not_there(call: Call) -> None:
    scene = Scene()
    made = from_rows(scene)
    with pytest.raises(NotFoundError):
        call(scene, OTHER, made.id)
    assert now(scene, made) == made


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("batch_id", [batch_id_of("t", "x"), "", "bat_", "gen_01ARYZ6S410000000000000000"])
def test_what_is_no_batch_is_not_there(call: Call, batch_id: str) -> None:
    with pytest.raises(NotFoundError):
        call(Scene(), TENANT, batch_id)


# ── Canceled ──────────────────────────────────────────────────────────────────────────────────────────


def test_canceled_batch_starts_no_row_but_those_at_work_come_to_their_end() -> None:
    scene = Scene()
    made = dropped(scene, *rows(30))
    prepare(scene, made)
    scene.feeder.feed(made.id, 1)
    canceled = scene.batcher.cancel(TENANT, made.id)
    assert canceled.stop_reason is not None
    assert (canceled.status, canceled.stop_reason.code) == (BatchStatus.RUNNING, "canceled")
    assert not any(one.terminal for one in scene.store.records.values()), "they are paid for"
    feed_all(scene, made)
    assert scene.collector.collect(made.id)["status"] == "canceled"
    assert tally(scene, made).succeeded == tally(scene, made).started == 10


def test_batch_is_canceled_while_it_is_prepared() -> None:
    scene = Scene()
    made = dropped(scene, *rows(3))
    scene.batcher.cancel(TENANT, made.id)
    assert prepare(scene, made)["next"] == "collect"
    assert scene.collector.collect(made.id)["status"] == "canceled"
    assert scene.store.records == {}


def test_canceling_twice_is_as_good_before_and_after_the_end() -> None:
    scene = Scene()
    made = dropped(scene, *rows(3))
    first = scene.batcher.cancel(TENANT, made.id)
    assert scene.batcher.cancel(TENANT, made.id) == first
    run(scene, made)
    assert scene.batcher.cancel(TENANT, made.id).status is BatchStatus.CANCELED


def test_batch_that_is_stopping_for_another_reason_can_be_canceled() -> None:
    scene = Scene()
    made = dropped(scene, *rows(3), max_cost_usd=Decimal("0.1"))
    prepare(scene, made)
    scene.feeder.feed(made.id, 1)
    assert scene.batcher.cancel(TENANT, made.id).stop_reason is not None
    end_all(scene, made)
    feed_all(scene, made)
    assert scene.collector.collect(made.id)["status"] == "canceled"


@pytest.mark.parametrize(
    ("lines", "bounds", "status"),
    [(rows(2), {}, "completed"), (rows(2), {"max_cost_usd": Decimal("0.1")}, "stopped"), ([], {}, "failed")],
    ids=["completed", "stopped", "failed"],
)
def test_batch_that_has_ended_otherwise_cannot_be_canceled(
    lines: list[Any], bounds: dict[str, Any], status: str
) -> None:
    scene = Scene()
    made = dropped(scene, *lines, **bounds)
    assert run(scene, made)["status"] == status
    before = now(scene, made)
    with pytest.raises(ConflictError, match=status):
        scene.batcher.cancel(TENANT, made.id)
    assert now(scene, made) == before


def test_batch_whose_results_are_being_written_cannot_be_canceled() -> None:
    scene = Scene()
    made = dropped(scene)
    scene.batches.save(made.collecting(scene.clock.now()))
    with pytest.raises(ConflictError, match="collecting"):
        scene.batcher.cancel(TENANT, made.id)


@pytest.mark.parametrize(("races", "canceled"), [(4, True), (5, False)])
def test_cancel_that_loses_races_tries_again_and_then_says_so(races: int, canceled: bool) -> None:
    scene = Scene()
    made = dropped(scene, *rows(3))
    save, left = scene.batches.save, [races]

    def race(batch: Batch) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise VersionConflictError("raced")
        save(batch)

    scene.batches.save = race  # type: ignore[method-assign]
    if canceled:
        assert scene.batcher.cancel(TENANT, made.id).stop_reason is not None
    else:
        with pytest.raises(ConflictError):
            scene.batcher.cancel(TENANT, made.id)
