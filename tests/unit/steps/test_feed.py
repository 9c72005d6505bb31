"""Feed: each row of a chunk is bought once, no more at a time than allowed, and counted once."""

from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Tally
from easel.domain.generation import Status
from easel.domain.money import Money
from easel.errors import ConflictError, NotFoundError
from easel.steps.prepare import CHUNK_ROWS_AT_ONCE
from tests.fakes.batch_run import (
    dropped,
    end,
    end_all,
    feed_all,
    generations,
    look,
    now,
    prepare,
    prepared,
    report,
    row,
    rows,
    tally,
    true_tally,
)
from tests.fakes.fuse import before_next
from tests.fakes.scene import TENANT, Scene

EDIT = {"model": "qwen-image-edit-max", "route": "mulerouter/qwen-image-edit-max"}


# ── Started ───────────────────────────────────────────────────────────────────────────────────────────


def test_started_row_is_a_generation_of_the_rows_tenant_that_knows_where_it_comes_from() -> None:
    scene = Scene()
    batch = prepared(scene, row(1, tenant="acme", seed=3), row(2, custom_id=None))
    look(scene, batch)
    first, second = generations(scene, batch)
    assert (first.tenant, first.request.prompt, first.request.seed) == ("acme", "picture 1", 3)
    assert (first.origin.batch, first.origin.row, first.origin.custom_id) == (batch.id, 1, "row-1")
    assert (second.tenant, second.origin.row, second.origin.custom_id) == (TENANT, 2, None)
    assert scene.workflow.ids == [first.id, second.id]
    assert first.folder == f"batches/{batch.id}/images/{first.id}"


@pytest.mark.parametrize(("at_once", "window"), [(1, 1), (3, 3), (10, 10), (50, CHUNK_ROWS_AT_ONCE)])
def test_no_more_rows_of_a_chunk_run_at_a_time_than_its_window(at_once: int, window: int) -> None:
    scene = Scene(at_once=at_once)
    batch = prepared(scene, *rows(35))
    seen = []
    for _ in range(100):
        if look(scene, batch):
            break
        seen.append(sum(not one.terminal for one in generations(scene, batch)))
        end(scene, next(one for one in generations(scene, batch) if not one.terminal))
    assert max(seen) == window
    assert seen[0] == window, "the window is filled at once"
    assert len(generations(scene, batch)) == 35


def test_look_that_runs_twice_starts_none_twice() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(25))
    for _ in range(3):
        assert not look(scene, batch)
    assert [one.origin.row for one in generations(scene, batch)] == list(range(1, 11))
    assert len(scene.workflow.ids) == 10


def test_look_that_died_after_any_effect_is_made_up_for_by_the_next() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(5))
    start, left = scene.workflow.start, [2]

    def die(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise ConnectionError("the process died")
        start(*arguments)

    scene.workflow.start = die  # type: ignore[assignment, method-assign]
    with pytest.raises(ConnectionError):
        look(scene, batch)
    assert len(generations(scene, batch)) == 3, "the third was written and not started"
    scene.workflow.start = start  # type: ignore[method-assign]
    look(scene, batch)
    assert len(generations(scene, batch)) == 5
    scene.clock.sleep(61)
    scene.reconciler.sweep()
    assert set(scene.workflow.ids) == set(scene.store.records)


def test_rows_of_two_chunks_are_each_chunks_own() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(150))
    look(scene, batch, 2)
    assert [one.origin.row for one in generations(scene, batch)] == list(range(101, 111))


def test_looks_are_some_seconds_apart_and_follow_the_routes_pace() -> None:
    scene = Scene()
    batch = prepared(scene, row(1, model="qwen-image", route="aimlapi/qwen-image"))
    quick = scene.feeder.feed(batch.id, 1)["wait_seconds"]
    slower = prepared(scene, row(1), key="requests/b.jsonl")
    slow = scene.feeder.feed(slower.id, 1)["wait_seconds"]
    assert isinstance(quick, int)
    assert 2 <= quick < slow <= 15


def test_chunk_that_waits_for_a_day_does_not_fill_its_executions_history() -> None:
    scene = Scene()
    batch = prepared(scene, row(1, model="qwen-image", route="aimlapi/qwen-image"))
    waits = [scene.feeder.feed(batch.id, 1, looks)["wait_seconds"] for looks in range(25_000 // 9)]
    assert set(waits[:400]) == {waits[0]}, "a usual chunk is looked at as often as ever"
    assert waits == sorted(waits)
    assert max(waits) <= 300
    assert sum(waits) > 24 * 3600


def test_chunk_of_a_batch_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        Scene().feeder.feed("bat_01ARYZ6S410000000000000000", 1)


# ── Counted ───────────────────────────────────────────────────────────────────────────────────────────


def test_rows_are_counted_as_they_end_and_once() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(4))
    look(scene, batch)
    for status in (Status.SUCCEEDED, Status.FAILED, Status.EXPIRED, Status.CANCELED):
        end(scene, next(one for one in generations(scene, batch) if not one.terminal), status)
        for _ in range(2):
            look(scene, batch)
            assert tally(scene, batch).ended == true_tally(scene, batch).ended
    counted = tally(scene, batch)
    assert (counted.succeeded, counted.failed, counted.expired, counted.canceled) == (1, 1, 1, 1)
    assert (counted.started, counted.images, counted.refused) == (4, 1, 0)
    assert counted.cost == {"USD": Decimal("0.075")}


def test_costs_are_counted_by_currency_as_the_vendors_bill() -> None:
    scene = Scene()
    pixel, aiml = "pixeldojo/qwen-image-max", "aimlapi/qwen-image"
    batch = prepared(scene, row(1), row(2, route=pixel), row(3, model="qwen-image", route=aiml, n=2), row(4))
    feed_all(scene, batch)
    assert tally(scene, batch).cost == {"USD": Decimal("0.150"), "credits": Decimal(2 + 2 * 91000)}
    assert tally(scene, batch).succeeded == 4


def test_what_may_have_been_billed_is_counted_apart() -> None:
    scene = Scene(ConnectionError("never called"))
    batch = prepared(scene, row(1))
    look(scene, batch)
    (made,) = generations(scene, batch)
    with pytest.raises(ConnectionError):
        scene.submitter.submit(made.id)
    scene.settler.settle(made.id)
    assert look(scene, batch)
    counted = tally(scene, batch)
    assert (counted.failed, counted.cost) == (1, {})
    assert counted.possibly_billed == {"USD": Decimal("0.075")}


def test_of_two_looks_beside_each_other_one_counts_and_neither_is_done_too_early() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(3))
    look(scene, batch)
    end_all(scene, batch)
    inner: list[bool] = []
    before_next(scene.batches, "count", lambda: inner.append(look(scene, batch)))
    assert (look(scene, batch), inner) == (False, [True])
    assert tally(scene, batch) == true_tally(scene, batch).having(started=3)
    assert look(scene, batch), "the next look finds all counted"


def test_chunk_is_done_when_all_its_rows_have_ended_and_are_reported() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(12))
    looks = 0
    while not look(scene, batch):
        assert report(scene, batch) == []
        end_all(scene, batch)
        looks += 1
    assert looks == 2
    told = report(scene, batch)
    assert [line["result"]["row"] for line in told] == list(range(1, 13))
    before = dict(scene.buckets)
    assert look(scene, batch), "run again it says the same"
    assert scene.buckets == before


def test_chunk_without_a_good_row_is_done_at_once() -> None:
    scene = Scene()
    batch = prepared(scene, row(1, prompt=None))
    assert look(scene, batch)
    assert [line["error"]["row"] for line in report(scene, batch)] == [1]


# ── The same custom id ────────────────────────────────────────────────────────────────────────────────


def test_custom_id_that_comes_twice_in_a_chunk_is_bought_once_and_told_once() -> None:
    scene = Scene()
    batch = prepared(scene, row(1), row(2, custom_id="row-1"), row(3))
    look(scene, batch)
    assert (tally(scene, batch).started, tally(scene, batch).refused) == (2, 1)
    feed_all(scene, batch)
    assert [one.origin.row for one in generations(scene, batch)] == [1, 3]
    told = report(scene, batch)
    assert [("result" in line) for line in told] == [True, False, True]
    error = told[1]["error"]
    assert (error["custom_id"], error["row"], error["error"]["field"]) == ("row-1", 2, "custom_id")
    assert "row 1" in error["error"]["message"]
    counted = tally(scene, batch)
    assert (counted.started, counted.refused, counted.succeeded) == (2, 1, 2)


@pytest.mark.parametrize("order", [[1, 2], [2, 1]])
def test_custom_id_that_comes_in_two_chunks_is_bought_once_and_told_once(order: list[int]) -> None:
    scene = Scene()
    batch = prepared(scene, *rows(100), row(101, custom_id="row-1"))
    for number in order:
        look(scene, batch, number)
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 100
    errors = [line["error"] for number in (1, 2) for line in report(scene, batch, number) if "error" in line]
    assert [error["error"]["field"] for error in errors] == ["custom_id"]
    assert errors[0]["row"] == (101 if order[0] == 1 else 1)
    counted = tally(scene, batch)
    assert (counted.succeeded, counted.refused, counted.started) == (100, 1, 100)


def test_row_that_repeats_a_refused_rows_custom_id_is_bought() -> None:
    scene = Scene()
    batch = prepared(scene, row(1, prompt=None), row(2, custom_id="row-1"))
    feed_all(scene, batch)
    assert [one.origin.row for one in generations(scene, batch)] == [2]


def test_rows_without_a_custom_id_are_each_their_own_even_if_alike() -> None:
    scene = Scene()
    named = [row(number, custom_id=text) for number, text in ((4, "number 1"), (5, "2"), (6, "id 3"))]
    batch = prepared(scene, *[row(1, custom_id=None)] * 3, *named)
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 6


def test_same_custom_ids_in_two_batches_do_not_meet() -> None:
    scene = Scene()
    first = prepared(scene, *rows(2))
    second = prepared(scene, *rows(2), key="requests/b.jsonl")
    for batch in (first, second):
        feed_all(scene, batch)
        assert tally(scene, batch).succeeded == 2
    assert len(scene.store.records) == 4


# ── Rows that went wrong since ────────────────────────────────────────────────────────────────────────


def test_row_whose_route_lost_its_key_is_refused_by_its_field() -> None:
    scene = Scene()
    batch = prepared(scene, row(1), row(2, route="pixeldojo/qwen-image-max"))
    del scene.keys.keys["pixeldojo"]
    feed_all(scene, batch)
    told = report(scene, batch)
    assert "result" in told[0]
    error = told[1]["error"]["error"]
    assert (error["code"], error["field"]) == ("invalid_request", "route")
    counted = tally(scene, batch)
    assert (counted.succeeded, counted.refused, counted.started) == (1, 1, 1)


def test_row_whose_image_is_none_is_refused_by_its_field() -> None:
    scene = Scene()
    images = ["data:image/png;base64,AAAA"]
    batch = prepared(scene, row(1, **EDIT, images=images), row(2, **EDIT, images=["s3://inbox/nothing"]))
    feed_all(scene, batch)
    errors = [line["error"]["error"] for line in report(scene, batch)]
    assert [(one["code"], one["field"]) for one in errors] == [("invalid_request", "images.0")] * 2
    assert tally(scene, batch) == Tally(refused=2)


def test_row_that_meets_another_at_the_tally_is_started_by_the_next_look() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(3), max_cost_usd=Decimal(1), tolerated_failures=0)
    create, left = scene.store.create, [2]

    def busy(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise ConflictError("two transactions met")
        create(*arguments)

    scene.store.create = busy  # type: ignore[assignment, method-assign]
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 3
    assert now(scene, batch).stop_reason is None
    assert all("result" in line for line in report(scene, batch))
    assert tally(scene, batch).refused == 0


def test_canceled_generation_with_a_picture_is_counted_and_told_as_canceled() -> None:
    scene = Scene()
    batch = dropped(scene, row(1))
    prepare(scene, batch)
    look(scene, batch)
    (made,) = generations(scene, batch)
    whole = end(scene, made)
    canceled = whole.having(status=Status.CANCELED, version=whole.version)
    scene.store.records[made.id] = canceled
    assert look(scene, batch)
    assert ["error" in line for line in report(scene, batch)] == [True]
    counted = tally(scene, batch)
    assert (counted.canceled, counted.succeeded) == (1, 0)
    assert scene.store.records[made.id].attempts[0].billed == Money.of("0.075", "USD")
