"""Collect: the batch ends, once, when all its files are written, whatever was lost on the way."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Batch, BatchStatus, chunk_key
from easel.domain.tenancy import Caller
from easel.errors import NotFoundError, VersionConflictError
from tests.fakes.batch_run import (
    dropped,
    end_all,
    errors,
    every_third_fails,
    feed_all,
    file,
    files,
    look,
    now,
    prepare,
    prepared,
    report,
    results,
    row,
    rows,
    run,
    tally,
    true_tally,
)
from tests.fakes.fuse import CrashError, Fuse, before_next
from tests.fakes.scene import TENANT, Scene

# ── The end ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bounds", "status", "code"),
    [
        ({}, "completed", None),
        ({"max_cost_usd": Decimal("0.1")}, "stopped", "cost_cap"),
        ({"tolerated_failures": 0}, "stopped", "too_many_failures"),
    ],
)
def test_batch_ends_as_what_stopped_it_and_the_bus_is_told_once(
    bounds: dict[str, Any], status: str, code: str | None
) -> None:
    scene = Scene()
    batch = dropped(scene, *rows(12), **bounds)
    view = run(scene, batch, every_third_fails)
    assert view["status"] == status
    assert (view["stop_reason"] or {}).get("code") == code
    ended = now(scene, batch)
    assert (ended.status, ended.announced, ended.ended_at) == (BatchStatus(status), True, scene.clock.now())
    assert scene.bus.events == [(f"Image Batch {status.capitalize()}", view)]


def test_event_tells_numbers_and_places_but_no_prompt_and_no_link() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(2, prompt="PLANTED-PROMPT"))
    run(scene, batch)
    ((_, detail),) = scene.bus.events
    assert detail["id"] == batch.id
    assert "PLANTED" not in str(detail)
    assert detail["files"] == {}


def test_run_twice_it_says_and_writes_the_same_and_tells_nobody_again() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(12), row(13, prompt=None))
    first = run(scene, batch, every_third_fails)
    before = files(scene, batch)
    assert scene.collector.collect(batch.id) == first
    assert files(scene, batch) == before
    assert len(scene.bus.events) == 1


@pytest.mark.parametrize("at", range(16))
def test_whoever_goes_on_after_a_death_ends_the_batch_alike(at: int) -> None:
    whole, broken = Scene(), Scene()
    for scene in (whole, broken):
        batch = dropped(scene, *rows(12), row(13, prompt=None))
        prepare(scene, batch)
        feed_all(scene, batch, every_third_fails)
    view = whole.collector.collect(batch.id)
    fuse = Fuse(broken, broken.script)
    fuse.set(at)
    with pytest.raises(CrashError):
        broken.collector.collect(batch.id)
    assert broken.collector.collect(batch.id) == view
    assert files(broken, batch) == files(whole, batch)
    assert now(broken, batch) == now(whole, batch)
    assert {name for name, _ in broken.bus.events} == {"Image Batch Completed"}


def test_all_files_lie_there_before_the_batch_says_that_it_has_ended() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(2))
    feed_all(scene, batch)
    save = scene.batches.save

    def watched(batch: Batch) -> None:
        if batch.over:
            assert None not in files(scene, batch).values()
        else:
            assert set(files(scene, batch).values()) == {None}
        save(batch)

    scene.batches.save = watched  # type: ignore[method-assign]
    scene.collector.collect(batch.id)
    assert now(scene, batch).over


def test_resumed_batch_writes_its_results_anew_and_tells_its_new_end() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(5), max_cost_usd=Decimal("0.2"))
    run(scene, batch)
    assert (len(results(scene, batch)), len(errors(scene, batch))) == (2, 3)
    scene.batcher.resume(Caller(tenant=TENANT), batch.id, {"max_cost_usd": None})
    run(scene, batch)
    assert [line["row"] for line in results(scene, batch)] == [1, 2, 3, 4, 5]
    assert errors(scene, batch) == []
    assert [name for name, _ in scene.bus.events] == ["Image Batch Stopped", "Image Batch Completed"]


def test_resume_between_the_end_and_its_telling_does_not_silence_the_next_end() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(5), max_cost_usd=Decimal("0.2"))
    publish = scene.bus.publish

    def resume_meanwhile(*told: Any) -> None:
        scene.bus.publish = publish  # type: ignore[method-assign]
        publish(*told)
        scene.batcher.resume(Caller(tenant=TENANT), batch.id, {"max_cost_usd": None})

    scene.bus.publish = resume_meanwhile  # type: ignore[assignment, method-assign]
    run(scene, batch)
    assert not now(scene, batch).announced
    run(scene, batch)
    assert [name for name, _ in scene.bus.events] == ["Image Batch Stopped", "Image Batch Completed"]


# ── What was lost on the way ──────────────────────────────────────────────────────────────────────────


def test_report_that_is_lost_is_made_up_for() -> None:
    whole, broken = Scene(), Scene()
    for scene in (whole, broken):
        batch = prepared(scene, *rows(150), row(151, custom_id="row-1"), row(152, prompt=None))
        feed_all(scene, batch, every_third_fails)
    del broken.buckets["images", chunk_key(batch.id, now(broken, batch).report_kind, 2)]
    assert broken.collector.collect(batch.id) == whole.collector.collect(batch.id)
    assert files(broken, batch) == files(whole, batch)


def test_rows_that_ended_after_their_child_was_lost_are_counted_too() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(15))
    look(scene, batch)
    end_all(scene, batch)
    look(scene, batch)
    end_all(scene, batch)  # and nobody looks again
    assert tally(scene, batch).succeeded == 10
    view = scene.collector.collect(batch.id)
    assert (view["status"], view["rows"]["succeeded"], view["images"]) == ("completed", 15, 15)
    assert tally(scene, batch) == true_tally(scene, batch).having(started=15)
    facts = json.loads(re.findall(r"\{\"batch\":.*\}", file(scene, batch, "gallery.html"))[0])
    assert (facts["succeeded"], facts["total"]) == (15, 15)


def test_rows_whose_child_was_lost_are_left_over_and_a_resume_goes_on_with_them() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(130))
    while not look(scene, batch, 1):
        end_all(scene, batch)
    look(scene, batch, 2)  # and never again
    view = scene.collector.collect(batch.id)
    assert (view["status"], view["stop_reason"]["code"]) == ("stopped", "interrupted")
    assert [line["error"]["code"] for line in errors(scene, batch)] == ["not_ended"] * 10 + [
        "not_started"
    ] * 20
    before = set(scene.store.records)
    scene.batcher.resume(Caller(tenant=TENANT), batch.id, {})
    assert run(scene, batch)["status"] == "completed"
    assert len(results(scene, batch)) == len(scene.store.records) == 130
    assert before < set(scene.store.records)


def test_what_was_said_of_rows_before_a_resume_is_not_said_again() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(12), max_cost_usd=Decimal("0.2"))
    run(scene, batch)
    scene.batcher.resume(Caller(tenant=TENANT), batch.id, {"max_cost_usd": None})
    prepare(scene, batch)
    look(scene, batch)
    end_all(scene, batch)  # and nobody looks again
    assert scene.collector.collect(batch.id)["status"] == "completed"
    assert len(results(scene, batch)) == 12


def test_step_that_failed_ends_the_batch_as_failed_with_what_there_is() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(12))
    look(scene, batch)
    view = scene.collector.collect(batch.id, "States.Timeout")
    assert (view["status"], view["stop_reason"]["code"]) == ("failed", "internal")
    told = [(line["row"], line["error"]["code"]) for line in errors(scene, batch)]
    assert told == [*((one, "not_ended") for one in range(1, 11)), (11, "not_started"), (12, "not_started")]
    assert "States.Timeout" not in str(view)


def test_step_that_failed_after_a_stop_leaves_the_first_reason() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(2))
    scene.batcher.cancel(TENANT, batch.id)
    assert scene.collector.collect(batch.id, "States.Timeout")["status"] == "canceled"


def test_batch_that_is_moved_meanwhile_is_collected_again_by_the_workflow() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(2))
    feed_all(scene, batch)
    before_next(scene.batches, "save", lambda: scene.batcher.cancel(TENANT, batch.id))
    with pytest.raises(VersionConflictError):
        scene.collector.collect(batch.id)
    assert scene.collector.collect(batch.id)["status"] == "canceled"
    assert tally(scene, batch).succeeded == len(results(scene, batch)) == 2


def test_reports_of_an_execution_that_died_are_true_for_the_next() -> None:
    scene = Scene()
    batch = prepared(scene, row(1), row(2, route="pixeldojo/qwen-image-max"))
    del scene.keys.keys["pixeldojo"]
    feed_all(scene, batch)
    told = report(scene, batch)
    scene.batches.save(now(scene, batch).collecting(scene.clock.now()))
    scene.batch_workflow.stop_all()
    scene.clock.sleep(61)
    scene.reconciler.sweep()
    assert now(scene, batch).carrier == 1
    assert prepare(scene, batch)["next"] == "collect"
    assert scene.collector.collect(batch.id)["status"] == "completed"
    assert errors(scene, batch) == [told[1]["error"]]
    assert errors(scene, batch)[0]["error"]["field"] == "route"


def test_batch_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        Scene().collector.collect("bat_01ARYZ6S410000000000000000")
