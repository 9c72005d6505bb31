"""Batches that are resumed: they buy what was not started, under the bounds that are named."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Batch, BatchStatus, Bounds
from easel.domain.generation import GenerationError
from easel.domain.tenancy import Caller
from easel.errors import ConflictError
from tests.fakes.batch_run import NO_BOUNDS, dropped, now, prepare, rows, run
from tests.fakes.fuse import before_next
from tests.fakes.scene import KEPT_DAYS, TENANT, Scene


def stopped(scene: Scene, **bounds: Any) -> Batch:
    """A batch of three rows, stopped by its cost cap after the first."""
    made = dropped(scene, *rows(3), max_cost_usd=Decimal("0.1"), **bounds)
    assert run(scene, made)["status"] == "stopped"
    return now(scene, made)


def test_resumed_batch_is_carried_by_a_further_execution_with_the_bounds_that_were_named() -> None:
    scene = Scene()
    made = stopped(scene, tolerated_failures=7)
    scene.batch_workflow.ids.clear()
    resumed = scene.batcher.resume(Caller(tenant=TENANT), made.id, {"max_cost_usd": Decimal(1)})
    assert (resumed.status, resumed.stop_reason, resumed.ended_at) == (BatchStatus.RUNNING, None, None)
    assert resumed.bounds == Bounds(max_cost_usd=Decimal(1), tolerated_failures=7)
    assert (resumed.carrier, resumed.announced) == (1, False)
    assert scene.batch_workflow.ids == [made.id]
    assert scene.batch_workflow.carriers == {made.id: 1}


def test_bound_is_lifted_by_naming_it_with_nothing() -> None:
    scene = Scene()
    made = stopped(scene)
    assert scene.batcher.resume(Caller(tenant=TENANT), made.id, {"max_cost_usd": None}).bounds == NO_BOUNDS
    assert run(scene, made)["status"] == "completed"


def test_resumed_batch_buys_only_what_was_not_started() -> None:
    scene = Scene()
    made = stopped(scene)
    before = dict(scene.store.records)
    scene.batcher.resume(Caller(tenant=TENANT), made.id, {"max_cost_usd": Decimal(1)})
    assert run(scene, made)["status"] == "completed"
    assert len(before) == 1
    assert before.items() <= scene.store.records.items()
    assert len(scene.store.records) == 3


def test_batch_that_was_canceled_while_it_was_prepared_is_prepared_on() -> None:
    scene = Scene()
    made = dropped(scene, *rows(3))
    scene.batcher.cancel(TENANT, made.id)
    run(scene, made)
    assert scene.batcher.resume(Caller(tenant=TENANT), made.id, {}).status is BatchStatus.PREPARING
    assert run(scene, made)["rows"]["succeeded"] == 3


def test_resumed_batch_runs_as_many_rows_at_a_time_as_the_new_bounds_allow() -> None:
    scene = Scene()
    made = dropped(scene, *rows(30), max_concurrency=2, max_cost_usd=Decimal("0.5"))
    run(scene, made)
    started = len(scene.store.records)
    bounds = {"max_concurrency": 7, "max_cost_usd": None}
    scene.batcher.resume(Caller(tenant=TENANT), made.id, bounds)
    prepare(scene, made)
    scene.feeder.feed(made.id, 1)
    assert len(scene.store.records) - started == 7


@pytest.mark.parametrize("ended", [True, False])
def test_batch_that_is_under_way_or_completed_cannot_be_resumed(ended: bool) -> None:
    scene = Scene()
    made = dropped(scene, *rows(2))
    if ended:
        run(scene, made)
    before = now(scene, made)
    with pytest.raises(ConflictError, match=before.status.value):
        scene.batcher.resume(Caller(tenant=TENANT), made.id, {})
    assert now(scene, made) == before


def test_batch_whose_manifest_failed_cannot_be_resumed() -> None:
    scene = Scene()
    made = dropped(scene)
    assert run(scene, made)["status"] == "failed"
    with pytest.raises(ConflictError, match="failed"):
        scene.batcher.resume(Caller(tenant=TENANT), made.id, {})


@pytest.mark.parametrize("seconds", [0, -1])
def test_batch_whose_first_rows_may_be_forgotten_is_not_resumed(seconds: int) -> None:
    scene = Scene()
    made = stopped(scene)
    scene.clock.time = made.created_at + timedelta(days=KEPT_DAYS - 1, seconds=seconds)
    if seconds < 0:
        assert scene.batcher.resume(Caller(tenant=TENANT), made.id, {}).status is BatchStatus.RUNNING
        return
    with pytest.raises(ConflictError, match="too old"):
        scene.batcher.resume(Caller(tenant=TENANT), made.id, {})


def test_of_two_that_resume_at_once_one_does() -> None:
    scene = Scene()
    made = stopped(scene)
    before_next(scene.batches, "save", lambda: scene.batcher.resume(Caller(tenant=TENANT), made.id, {}))
    with pytest.raises(ConflictError):
        scene.batcher.resume(Caller(tenant=TENANT), made.id, {"max_cost_usd": None})
    assert now(scene, made).carrier == 1
    assert now(scene, made).bounds.max_cost_usd == Decimal("0.1")


def test_reason_of_an_earlier_stop_is_forgotten() -> None:
    scene = Scene()
    made = stopped(scene)
    reason = GenerationError(code="cost_cap", message="What its rows may cost has reached the cap.")
    assert made.stop_reason == made.error == reason
    scene.batcher.resume(Caller(tenant=TENANT), made.id, {"max_cost_usd": None})
    assert run(scene, made)["stop_reason"] is None
    assert now(scene, made).error is None
