"""Reconcile: a batch that no execution carries goes on, or is brought to its end; no other is touched."""

from typing import Any

import pytest

from easel.domain.batch import BatchStatus
from easel.domain.ids import batch_id_of
from easel.domain.tenancy import Caller
from easel.steps.reconcile import CARRIERS_MAX, QUIET_SECONDS
from tests.fakes.batch_run import dropped, errors, look, now, prepare, prepared, results, rows, run, tally
from tests.fakes.fuse import before_next
from tests.fakes.scene import TENANT, Scene

NOTHING = {"carried": 0, "restarted": 0, "settled": 0, "told": 0, "ended": 0}


def lie(scene: Scene, seconds: float = QUIET_SECONDS + 1) -> None:
    """Let the records lie for a while."""
    scene.clock.sleep(seconds)


def test_batch_that_never_started_is_started_by_its_own_name() -> None:
    scene = Scene()
    start = scene.batch_workflow.start
    scene.batch_workflow.start = lambda *_: None  # type: ignore[method-assign]
    batch = dropped(scene, *rows(2))
    scene.batch_workflow.start = start  # type: ignore[method-assign]
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
    assert scene.batch_workflow.carriers == {batch.id: 0}
    assert scene.workflow.ids == [], "the state machine of generations is another"
    assert now(scene, batch) == batch


def test_batch_that_is_carried_is_left_alone() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(2))
    lie(scene)
    before = now(scene, batch)
    assert scene.reconciler.sweep() == NOTHING | {"carried": 1}
    assert scene.reconciler.look_after(batch.id) == "carried"
    assert now(scene, batch) == before
    assert scene.batch_workflow.ids == [batch.id]


@pytest.mark.parametrize("way", ["preparing", "running", "collecting"])
def test_batch_whose_execution_died_goes_on_with_the_next_and_buys_nothing_twice(way: str) -> None:
    scene = Scene()
    batch = dropped(scene, *rows(15))
    if way != "preparing":
        prepare(scene, batch)
        look(scene, batch)
    if way == "collecting":
        run(scene, batch)
        scene.batches.records[batch.id] = now(scene, batch).having(
            status=BatchStatus.COLLECTING, announced=False, ended_at=None
        )
    scene.batch_workflow.stop_all()
    lie(scene)
    assert scene.reconciler.look_after(batch.id) == "restarted"
    assert scene.batch_workflow.carriers == {batch.id: 1}
    assert now(scene, batch).carrier == 1
    assert run(scene, batch)["status"] == "completed"
    assert len(results(scene, batch)) == len(scene.store.records) == 15


def test_batch_that_has_ended_and_was_told_of_is_left_alone() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(2))
    run(scene, batch)
    lie(scene)
    assert scene.reconciler.look_after(batch.id) == "ended"
    assert scene.reconciler.look_after(batch_id_of("t", "nothing")) == "ended"
    assert scene.batch_workflow.ids == [batch.id]


def test_end_that_was_written_and_not_told_is_told() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(2))
    publish = scene.bus.publish

    def die(*_: object) -> None:
        raise ConnectionError("the bus is away")

    scene.bus.publish = die  # type: ignore[assignment, method-assign]
    with pytest.raises(ConnectionError):
        run(scene, batch)
    scene.bus.publish = publish  # type: ignore[method-assign]
    lie(scene)
    assert scene.reconciler.look_after(batch.id) == "told"
    assert scene.reconciler.look_after(batch.id) == "ended"
    assert [name for name, _ in scene.bus.events] == ["Image Batch Completed"]


def test_executions_of_one_batch_are_bounded_and_then_it_ends_as_it_stands() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(12))
    look(scene, batch)
    for carrier in range(1, CARRIERS_MAX + 1):
        scene.batch_workflow.stop_all()
        assert scene.reconciler.look_after(batch.id) == "restarted"
        assert now(scene, batch).carrier == carrier
    scene.batch_workflow.stop_all()
    assert scene.reconciler.look_after(batch.id) == "settled"
    assert now(scene, batch).status is BatchStatus.FAILED
    assert len(errors(scene, batch)) == 12
    assert tally(scene, batch).started == 10


def test_resumes_are_no_executions_that_died() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(2))
    for _ in range(CARRIERS_MAX):
        scene.batcher.cancel(TENANT, batch.id)
        run(scene, batch)
        scene.batch_workflow.stop_all()
        scene.batcher.resume(Caller(tenant=TENANT), batch.id, {})
    assert now(scene, batch).carrier == CARRIERS_MAX
    scene.batch_workflow.stop_all()
    assert scene.reconciler.look_after(batch.id) == "restarted"
    assert run(scene, batch)["status"] == "completed"


def test_two_that_run_beside_each_other_start_one_execution() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(2))
    scene.batch_workflow.stop_all()
    fates: list[str] = []
    before_next(scene.batches, "save", lambda: fates.append(scene.reconciler.look_after(batch.id)))
    fates.append(scene.reconciler.look_after(batch.id))
    assert fates == ["restarted", "carried"]
    assert scene.batch_workflow.running == {(batch.id, 1)}


def test_one_that_died_before_it_could_start_the_execution_is_made_up_for() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(2))
    scene.batch_workflow.stop_all()
    start = scene.batch_workflow.start

    def die(*_: Any) -> None:
        raise ConnectionError("the process died")

    scene.batch_workflow.start = die  # type: ignore[assignment, method-assign]
    with pytest.raises(ConnectionError):
        scene.reconciler.look_after(batch.id)
    scene.batch_workflow.start = start  # type: ignore[method-assign]
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
    assert scene.batch_workflow.carriers == {batch.id: 1}


def test_resume_whose_start_was_lost_is_made_up_for() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(2))
    scene.batcher.cancel(TENANT, batch.id)
    run(scene, batch)
    scene.batch_workflow.stop_all()
    start = scene.batch_workflow.start
    scene.batch_workflow.start = lambda *_: None  # type: ignore[method-assign]
    scene.batcher.resume(Caller(tenant=TENANT), batch.id, {})
    scene.batch_workflow.start = start  # type: ignore[method-assign]
    lie(scene)
    assert scene.reconciler.sweep()["restarted"] == 1
    assert scene.batch_workflow.carriers == {batch.id: 1}
    assert run(scene, batch)["status"] == "completed"


def test_rows_and_batches_are_looked_after_in_one_sweep() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(3))
    look(scene, batch)
    scene.batch_workflow.stop_all()
    scene.workflow.stop_all()
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 4}
    assert set(scene.workflow.carriers.values()) == set(scene.batch_workflow.carriers.values()) == {1}


# ── Executions of callers' own ────────────────────────────────────────────────────────────────────────

ARN = "arn:aws:states:eu-west-1:123456789012:execution:easel-generate-dev:my-own-name"
REQUEST = {"model": "qwen-image-max", "prompt": "p", "route": "mulerouter/qwen-image-max"}


def test_generation_that_a_callers_execution_carries_is_left_alone() -> None:
    scene = Scene()
    made = scene.requests_of_workflows.create(REQUEST, "k", ARN)
    scene.workflow.callers[ARN] = True
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"carried": 1}
    assert scene.workflow.ids == []
    assert scene.now(made).carrier == 0


@pytest.mark.parametrize("known", [True, False])
def test_generation_whose_callers_execution_ended_goes_on_with_one_of_ours(known: bool) -> None:
    scene = Scene()
    made = scene.requests_of_workflows.create(REQUEST, "k", ARN)
    if known:
        scene.workflow.callers[ARN] = False
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
    assert scene.workflow.carriers == {made.id: 1}, "the first was not ours to start again"
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"carried": 1}
