"""Limits on money and on generations at work, over the whole way of a generation and of a batch's rows."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.generation import Generation, Status
from easel.domain.ledger import cost_usd
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import ApiKey, Caller
from easel.domain.tenants import Limits, Tenant
from easel.errors import (
    BudgetReachedError,
    IdempotencyMismatchError,
    InvalidRequestError,
    LimitReachedError,
    RequestError,
    VendorError,
)
from tests.fakes.batch_run import end_all, feed_all, generations, look, now, prepared, rows
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_error, mule_failed

MULE = "mulerouter/qwen-image-max"
DAY = date(2026, 11, 20)
OWNER = f"tenant {TENANT}"


def limited(*answers: Any, **limits: Any) -> Scene:
    """A scene whose tenant has these limits."""
    scene = Scene(*answers, links={LINK: picture()})
    scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(**limits))
    return scene


def with_key(scene: Scene, key_id: str = "key_1", key: str | None = None, **limits: Any) -> Generation:
    """A generation by a key with these limits."""
    known = ApiKey(id=key_id, tenant=TENANT, prefix="p", limits=Limits(**limits))
    request = GenerationRequest(model="qwen-image-max", prompt="p", route=MULE)
    return scene.creator.create(Caller(tenant=TENANT, key=known), request, key)


def counted(scene: Scene, owner: str = OWNER) -> dict[str, Decimal]:
    """What an owner's limits count, without what is 0."""
    return {name: value for name, value in scene.store.ledger.spent(owner, DAY).items() if value}


def budgets(usd: str) -> dict[str, Decimal]:
    return {"usd_per_day": Decimal(usd), "usd_per_month": Decimal(usd)} if Decimal(usd) else {}


@pytest.mark.parametrize(
    ("limits", "error", "name"),
    [
        ({"usd_per_day": "0.149"}, BudgetReachedError, "usd_per_day"),
        ({"usd_per_month": "0.149"}, BudgetReachedError, "usd_per_month"),
        ({"concurrency": 1}, LimitReachedError, "concurrency"),
    ],
)
def test_generation_that_does_not_fit_is_refused_and_leaves_no_trace(
    limits: dict[str, Any], error: type[RequestError], name: str
) -> None:
    scene = limited(**limits)
    first = scene.create()
    before = counted(scene)
    with pytest.raises(error) as caught:
        scene.create(key="k", prompt="another")
    assert caught.value.reached is not None
    assert (caught.value.reached.name, caught.value.reached.owner) == (name, OWNER)
    assert list(scene.store.records) == scene.workflow.ids == [first.id]
    assert scene.store.claims == {}
    assert counted(scene) == before


def test_what_fits_exactly_is_taken() -> None:
    scene = limited(usd_per_day="0.15", usd_per_month="0.15", concurrency=2)
    scene.create()
    scene.create()
    assert counted(scene) == {**budgets("0.150"), "concurrency": 2}
    with pytest.raises(BudgetReachedError):
        scene.create()


def test_record_says_what_was_reserved_and_whose_limits_count_it() -> None:
    scene = limited(usd_per_day=1)
    made = with_key(scene, concurrency=3, usd_per_month=2)
    assert made.reservation.usd == Decimal("0.075")
    assert made.reservation.budgets == ("key key_1", OWNER)
    assert made.reservation.places == ("key key_1",)
    assert counted(scene, "key key_1") == {**budgets("0.075"), "concurrency": 1}
    assert counted(scene) == budgets("0.075")


def test_most_that_it_may_cost_is_reserved() -> None:
    scene = limited(usd_per_day=9)
    routes = [MULE, "pixeldojo/qwen-image-max"]
    assert scene.create(route=routes).reservation.usd == Decimal("0.10")
    assert scene.create(route=routes, on_unknown="resubmit").reservation.usd == Decimal("0.20")
    assert scene.create(model="qwen-image", route="aimlapi/qwen-image", n=4).reservation.usd == Decimal(
        "0.182"
    )


def test_without_limits_nothing_is_counted() -> None:
    scene = limited(per_minute=5)
    made = with_key(scene)
    assert (made.reservation.budgets, made.reservation.places) == ((), ())
    assert (scene.store.ledger.days, scene.store.ledger.running) == ({}, {})


def test_tenants_limit_holds_for_all_of_its_keys_and_a_keys_for_itself() -> None:
    scene = limited(concurrency=3)
    with_key(scene, "key_1", concurrency=1)
    with pytest.raises(LimitReachedError, match="key key_1"):
        with_key(scene, "key_1", concurrency=1)
    with_key(scene, "key_2", concurrency=5)
    scene.create()
    with pytest.raises(LimitReachedError, match=OWNER):
        with_key(scene, "key_2", concurrency=5)
    assert counted(scene, "key key_2") == {"concurrency": 1}


def test_other_tenants_limits_are_other_tenants() -> None:
    scene = limited(concurrency=1)
    first = scene.create()
    scene.creator.create(Caller(tenant="other"), first.request)
    with pytest.raises(LimitReachedError):
        scene.create()


def test_repeated_request_is_answered_with_the_first_ones_generation_although_nothing_is_left() -> None:
    scene = limited(usd_per_day="0.08", concurrency=1)
    made = scene.create(key="k")
    assert scene.create(key="k") == made
    with pytest.raises(IdempotencyMismatchError):
        scene.create(key="k", seed=1)
    assert counted(scene) == {**budgets("0.075"), "concurrency": 1}


def test_bad_request_is_told_as_such_although_nothing_is_left() -> None:
    with pytest.raises(InvalidRequestError):
        limited(usd_per_day=0).create(n=2)


# ── The end ───────────────────────────────────────────────────────────────────────────────────────────


def succeed(scene: Scene, made: Generation) -> None:
    scene.submitter.submit(made.id)
    scene.persister.persist(made.id)
    scene.settler.settle(made.id)


def fail(scene: Scene, made: Generation) -> None:
    with suppress(VendorError):  # the workflow gives up
        scene.submitter.submit(made.id)
    scene.settler.settle(made.id)


def cancel(scene: Scene, made: Generation) -> None:
    scene.canceler.cancel(TENANT, made.id)


def expire(scene: Scene, made: Generation) -> None:
    scene.workflow.stop_all()
    scene.clock.sleep(700)
    scene.reconciler.sweep()


ENDS: dict[str, tuple[Callable[[Scene, Generation], None], list[Any], Status, str]] = {
    "succeeded": (succeed, [mule_completed()], Status.SUCCEEDED, "0.075"),
    "refused": (fail, [mule_error(400)], Status.FAILED, "0"),
    "failed, may be billed": (fail, [mule_failed()], Status.FAILED, "0.075"),
    "canceled in the queue": (cancel, [], Status.CANCELED, "0"),
    "expired": (expire, [], Status.EXPIRED, "0"),
}


@pytest.mark.parametrize("end", ENDS)
def test_at_the_end_the_place_is_free_and_what_it_cost_is_counted_instead_of_what_was_reserved(
    end: str,
) -> None:
    how, answers, status, cost = ENDS[end]
    scene = limited(*answers, usd_per_day=1, usd_per_month=2, concurrency=1)
    made = scene.create(on_unknown="resubmit")
    assert counted(scene) == {**budgets("0.150"), "concurrency": 1}
    how(scene, made)
    ended = scene.now(made)
    assert ended.status is status
    assert cost_usd(ended) == Decimal(cost)
    assert counted(scene) == budgets(cost)
    scene.create()


def test_end_that_is_told_again_counts_nothing_more() -> None:
    scene = limited(mule_completed(), usd_per_day=1, concurrency=2)
    made = scene.create()
    succeed(scene, made)
    used = list(scene.store.ledger.used)
    scene.settler.settle(made.id)
    scene.reconciler.look_after(made.id)
    assert scene.store.ledger.used == used
    assert counted(scene) == budgets("0.075")


def test_limits_that_are_changed_meanwhile_count_what_they_counted_at_the_beginning() -> None:
    scene = limited(mule_completed(), usd_per_day=1, concurrency=1)
    made = scene.create()
    scene.tenants.set[TENANT] = Tenant(id=TENANT)
    succeed(scene, made)
    assert counted(scene) == budgets("0.075")
    later = scene.create()
    scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(usd_per_day=1, concurrency=1))
    cancel(scene, later)
    assert counted(scene) == budgets("0.075"), "it was made without limits"


def test_it_is_counted_on_the_day_on_which_it_was_made() -> None:
    scene = limited(mule_completed(), usd_per_day="0.08")
    scene.clock.sleep(12 * 3600 - 10)
    made = scene.create()
    scene.clock.sleep(60)
    scene.create()
    succeed(scene, made)
    spent = scene.store.ledger.spent
    assert [spent(OWNER, date(2026, 11, day))["usd_per_day"] for day in (20, 21)] == [Decimal("0.075")] * 2


# ── Batches ───────────────────────────────────────────────────────────────────────────────────────────


def test_batch_is_stopped_where_a_budget_is_reached_and_says_whose() -> None:
    scene = limited(usd_per_day="0.30")
    batch = prepared(scene, *rows(9))
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 4
    assert counted(scene) == budgets("0.300")
    reason = now(scene, batch).stop_reason
    assert reason is not None
    assert (reason.code, OWNER in reason.message) == ("budget", True)
    scene.collector.collect(batch.id)
    scene.tenants.set[TENANT] = Tenant(id=TENANT)
    scene.batcher.resume(Caller(tenant=TENANT), batch.id, {})
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 9


def test_rows_wait_while_too_many_are_at_work_and_all_are_made_in_the_end() -> None:
    scene = limited(concurrency=2)
    batch = prepared(scene, *rows(7))
    assert not look(scene, batch)
    assert not look(scene, batch)
    assert len(generations(scene, batch)) == 2
    assert end_all(scene, batch) == 2
    assert not look(scene, batch)
    assert len(generations(scene, batch)) == 4
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 7
    assert now(scene, batch).stop_reason is None
    assert counted(scene) == {}


def test_rows_wait_for_a_place_that_somebody_else_has_and_none_is_refused() -> None:
    scene = limited(concurrency=1)
    other = scene.create()
    batch = prepared(scene, *rows(2))
    assert not look(scene, batch)
    assert generations(scene, batch) == []
    assert scene.batches.tally(batch.id).refused == 0
    scene.canceler.cancel(TENANT, other.id)
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 2


def test_rows_of_a_tenant_that_has_too_many_at_work_are_not_tried_one_by_one_and_others_are_made() -> None:
    scene = limited(concurrency=1)
    create, tried = scene.store.create, []

    def noted(*given: Any) -> None:
        tried.append(given[0].tenant)
        create(*given)

    scene.store.create = noted  # type: ignore[method-assign, assignment]
    batch = prepared(scene, *rows(8), *rows(10, tenant="other")[8:])
    look(scene, batch)
    assert tried == [TENANT, TENANT, "other", "other"]
    assert [one.origin.row for one in generations(scene, batch)] == [1, 9, 10]


def test_row_that_was_refused_by_a_limit_takes_nothing_of_its_batchs_cost_cap() -> None:
    scene = limited(concurrency=1)
    batch = prepared(scene, *rows(3), max_cost_usd=Decimal("0.225"))
    look(scene, batch)
    look(scene, batch)
    assert scene.batches.tally(batch.id).committed_usd == Decimal("0.075")
    feed_all(scene, batch)
    assert len(generations(scene, batch)) == 3
