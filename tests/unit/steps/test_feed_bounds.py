"""Feed within its batch's bounds: the cost cap, tolerated failures, its age, a cancel, a resume."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from easel.catalogue import CATALOGUE, Catalogue
from easel.domain.batch import Batch, BatchStatus
from easel.domain.generation import Generation, Status
from easel.domain.tenancy import ApiKey, Caller, Scope
from easel.errors import VersionConflictError
from tests.fakes.batch_run import (
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
from tests.fakes.scene import KEPT_DAYS, TENANT, Scene

DAY = 24 * 3600


def failing(_: Generation) -> Status:
    return Status.FAILED


@pytest.mark.parametrize(
    ("cap", "bought"), [("0", 0), ("0.074", 0), ("0.075", 1), ("0.299", 3), ("0.3", 4), ("9", 25)]
)
def test_cost_cap_stops_the_batch_exactly_there(cap: str, bought: int) -> None:
    scene = Scene()
    batch = prepared(scene, *rows(25), max_cost_usd=Decimal(cap))
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == bought
    assert tally(scene, batch).committed_usd == bought * Decimal("0.075") <= Decimal(cap)
    reason = now(scene, batch).stop_reason
    assert (reason.code if reason else None) == ("cost_cap" if bought < 25 else None)
    assert now(scene, batch).status is BatchStatus.RUNNING


def test_cost_cap_holds_over_all_chunks_and_counts_rows_at_work_at_their_dearest() -> None:
    scene = Scene()
    routes = ["mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"]
    batch = prepared(scene, *rows(300, route=routes), max_cost_usd=Decimal("1.55"))
    for number in (1, 2, 3):
        look(scene, batch, number)
    assert len(generations(scene, batch)) == 15, "at 0.10 each, although the first route takes 0.075"
    assert tally(scene, batch).committed_usd == Decimal("1.50")
    feed_all(scene, batch)
    assert tally(scene, batch).committed_usd == 15 * Decimal("0.075"), "what was not spent is given back"


def test_what_failed_rows_did_not_cost_is_free_for_others() -> None:
    scene = Scene(at_once=2)
    batch = prepared(scene, *rows(10), max_cost_usd=Decimal("0.15"))
    feed_all(scene, batch, failing)
    assert len(generations(scene, batch)) == 10
    assert tally(scene, batch).committed_usd == 0
    assert now(scene, batch).stop_reason is None


def test_rows_that_were_at_work_when_the_cap_was_reached_come_to_their_end() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(5), max_cost_usd=Decimal("0.2"))
    assert not look(scene, batch)
    assert now(scene, batch).stop_reason is not None
    assert not look(scene, batch)
    end_all(scene, batch)
    assert look(scene, batch)
    told = report(scene, batch)
    assert [("result" in line) for line in told] == [True, True, False, False, False]
    assert {line["error"]["error"]["code"] for line in told[2:]} == {"not_started"}
    assert tally(scene, batch).started == 2


@pytest.mark.parametrize(("tolerated", "stops"), [(0, True), (3, True), (4, False), (None, False)])
def test_more_failures_than_are_tolerated_stop_the_batch(tolerated: int | None, stops: bool) -> None:
    scene = Scene(at_once=2)
    batch = prepared(scene, *rows(20), tolerated_failures=tolerated)
    feed_all(
        scene,
        batch,
        lambda one: Status.FAILED if (one.origin.row or 0) % 5 == 0 else Status.SUCCEEDED,
    )
    stopped = now(scene, batch)
    assert (stopped.stop_reason is not None) is stops
    assert (len(generations(scene, batch)) < 20) is (stops and tolerated == 0)
    if stopped.stop_reason:
        assert stopped.stop_reason.code == "too_many_failures"


def test_rows_that_were_refused_count_as_failures_before_anything_is_bought() -> None:
    scene = Scene()
    batch = prepared(scene, row(1, prompt=None), *rows(20), tolerated_failures=0)
    feed_all(scene, batch)
    assert generations(scene, batch) == []
    reason = now(scene, batch).stop_reason
    assert reason is not None
    assert reason.code == "too_many_failures"


def test_duplicates_count_as_failures() -> None:
    scene = Scene(at_once=1)
    batch = prepared(scene, *[row(1)] * 3, *rows(20)[1:], tolerated_failures=1)
    feed_all(scene, batch)
    assert len(generations(scene, batch)) < 20
    assert now(scene, batch).stop_reason is not None


def test_canceled_batch_lets_rows_at_work_end_and_reports_the_others_as_not_started() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(15))
    look(scene, batch)
    scene.batcher.cancel(TENANT, batch.id)
    assert not look(scene, batch)
    end_all(scene, batch)
    assert look(scene, batch)
    told = report(scene, batch)
    assert [("result" in line) for line in told] == [True] * 10 + [False] * 5
    assert "canceled" in told[-1]["error"]["error"]["message"]


def test_stop_that_meets_a_cancel_leaves_the_batch_canceled() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(5), max_cost_usd=Decimal("0.1"))
    before_next(scene.batches, "save", lambda: scene.batcher.cancel(TENANT, batch.id))
    look(scene, batch)
    reason = now(scene, batch).stop_reason
    assert reason is not None
    assert reason.code == "canceled"


@pytest.mark.parametrize("kept_days_by_then", [KEPT_DAYS, 10, 1000])
def test_no_row_is_started_once_the_records_by_which_started_rows_are_known_may_go(
    kept_days_by_then: int,
) -> None:
    scene = Scene()
    batch = prepared(scene, *rows(15))
    look(scene, batch)
    assert end_all(scene, batch) == 10
    scene.feeder = replace(scene.feeder, kept_days=kept_days_by_then)
    scene.clock.sleep((min(kept_days_by_then, KEPT_DAYS) - 1) * DAY)
    assert look(scene, batch)
    assert len(generations(scene, batch)) == 10
    reason = now(scene, batch).stop_reason
    assert reason is not None
    assert reason.code == "too_old"


KEY = ApiKey(id="key_1", tenant=TENANT, prefix="ezl_12345678")


@pytest.mark.parametrize(
    "changes", [None, {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"scopes": frozenset({Scope.READ})}]
)
def test_no_row_is_bought_by_a_key_that_was_revoked_or_may_no_more(changes: dict[str, Any] | None) -> None:
    scene = Scene()
    batch = prepared(scene, *rows(15), by=KEY)
    look(scene, batch)
    end_all(scene, batch)
    scene.keys_by_id.changed[KEY.id] = None if changes is None else KEY.model_copy(update=changes)
    assert look(scene, batch)
    assert len(generations(scene, batch)) == 10
    reason = now(scene, batch).stop_reason
    assert reason is not None
    assert reason.code == "key"
    assert "was revoked, has ended, or may not have batches any more" in reason.message


def test_rows_are_bought_as_their_key_may_now() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(15), by=KEY)
    look(scene, batch)
    end_all(scene, batch)
    scene.keys_by_id.changed[KEY.id] = KEY.model_copy(update={"models": ("qwen-image-plus",)})
    look(scene, batch)
    assert len(generations(scene, batch)) == 10
    assert tally(scene, batch).refused == 5


def test_batch_goes_on_with_its_other_rows_when_a_route_is_offered_no_more() -> None:
    scene = Scene(at_once=2)
    gone = [row(number, model="qwen-image", route="aimlapi/qwen-image") for number in range(1, 5)]
    batch = prepared(scene, row(5), *gone)
    look(scene, batch)
    left = Catalogue.of([one for one in CATALOGUE.routes.values() if one.name != "aimlapi/qwen-image"])
    creator = replace(scene.creator, catalogue=left)
    scene.preparer = replace(scene.preparer, catalogue=left)
    scene.feeder = replace(scene.feeder, catalogue=left, creator=creator)
    assert prepare(scene, batch)["next"] == "run"
    feed_all(scene, batch)
    assert [one.origin.row for one in generations(scene, batch)] == [1, 2]
    assert (tally(scene, batch).succeeded, tally(scene, batch).refused) == (2, 3)


def test_row_is_started_as_long_as_all_records_are_there() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(15))
    look(scene, batch)
    end_all(scene, batch)
    scene.clock.sleep((KEPT_DAYS - 1) * DAY - 1)
    look(scene, batch)
    assert len(generations(scene, batch)) == 15


def test_resumed_batch_starts_only_the_rest_and_reports_all() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(15))
    look(scene, batch)
    scene.batcher.cancel(TENANT, batch.id)
    feed_all(scene, batch)
    scene.collector.collect(batch.id)
    before = dict(scene.store.records)
    scene.batcher.resume(Caller(tenant=TENANT), batch.id, {})
    assert prepare(scene, batch)["next"] == "run"
    feed_all(scene, batch)
    assert len(before) == 10
    assert before.items() <= scene.store.records.items()
    assert [one.origin.row for one in generations(scene, batch)] == list(range(1, 16))
    assert all("result" in line for line in report(scene, batch))
    assert tally(scene, batch) == true_tally(scene, batch).having(started=15)


def test_cap_that_is_set_when_resuming_counts_what_was_spent_before() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(15))
    look(scene, batch)
    scene.batcher.cancel(TENANT, batch.id)
    feed_all(scene, batch)
    scene.collector.collect(batch.id)
    scene.batcher.resume(Caller(tenant=TENANT), batch.id, {"max_cost_usd": Decimal("0.9")})
    prepare(scene, batch)
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 12
    assert tally(scene, batch).cost["USD"] == Decimal("0.900")


def test_batch_that_moves_too_fast_to_be_stopped_is_tried_again_by_the_workflow() -> None:
    scene = Scene()
    batch = prepared(scene, *rows(3), max_cost_usd=Decimal("0.1"))

    def race(batch: Batch) -> None:
        raise VersionConflictError(f"{batch.id} raced")

    save = scene.batches.save
    scene.batches.save = race  # type: ignore[method-assign]
    with pytest.raises(VersionConflictError):
        look(scene, batch)
    scene.batches.save = save  # type: ignore[method-assign]
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 1
