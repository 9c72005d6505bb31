"""What every store of generations must do with money: the double in memory, and DynamoDB as moto plays it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from easel.aws.ledger import KEYS, SPREAD, DynamoUsage
from easel.aws.table import DynamoGenerations
from easel.domain.generation import Generation, Reservation, Status
from easel.domain.ledger import COSTS, COUNTS, DOLLARS, UsageRow, cost_usd, usage_rows
from easel.domain.tenants import Owner
from easel.errors import (
    AlreadyExistsError,
    BudgetReachedError,
    CostCapError,
    LimitReachedError,
    ReachedLimit,
    RequestError,
    VersionConflictError,
)
from easel.ports import GenerationStore, Hold, Idempotency, Usage
from tests.contract.table import OneAtATime, at_once, make_table
from tests.fakes.lives import (
    DASH,
    MULE,
    NOW,
    PIXEL,
    asked,
    born,
    delivered,
    ended,
    failed,
    lost,
    owner,
    refused,
)
from tests.fakes.memory import FakeClock, MemoryGenerations

TODAY = NOW.date()
KEY, TENANT = "key key_1", "tenant t"


@dataclass(frozen=True)
class Ledger:
    """A store, and what it counts."""

    store: GenerationStore
    usage: Usage

    def take(self, *owners: Owner, usd: str = "0.075", **more: Any) -> Generation:
        """A generation that takes its part of these owners' limits."""
        made, taken = born(*owners, usd=usd, **more)
        self.store.create(made, None, None, taken)
        return made

    def refusal(self, *owners: Owner, usd: str = "0.075", **more: Any) -> RequestError:
        """Why there is no room; nothing is left of it."""
        made, taken = born(*owners, usd=usd, **more)
        before = [self.counted(one.name) for one in owners]
        with pytest.raises((BudgetReachedError, LimitReachedError)) as caught:
            self.store.create(made, Idempotency("refused", "f"), None, taken)
        assert self.store.get(made.id) is None
        assert self.store.claim(made.tenant, "refused") is None
        assert [self.counted(one.name) for one in owners] == before
        error: RequestError = caught.value
        return error

    def end(self, generation: Generation, of: Callable[[Generation], Generation] | None = None) -> Generation:
        """The generation's end, written over whatever was stored."""
        last = ended(generation, Status.CANCELED) if of is None else of(generation)
        last = last.having(version=generation.version + 1)
        self.store.save(last)
        return last

    def counted(self, name: str = KEY, day: date = TODAY) -> dict[str, Decimal]:
        """What an owner's limits count, without what is 0."""
        return {name: value for name, value in self.usage.spent(name, day).items() if value}

    def rows(self, tenant: str = "t", first: date = TODAY, last: date = TODAY) -> list[UsageRow]:
        return list(self.usage.rows(tenant, first, last))


def dynamo_ledger(client: Any) -> Ledger:
    table = make_table(client)
    whole = OneAtATime(client)
    return Ledger(DynamoGenerations(whole, table, 90, FakeClock()), DynamoUsage(whole, table))


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        store = MemoryGenerations()
        return Ledger(store, store.ledger)
    return dynamo_ledger(request.getfixturevalue("dynamodb"))


def budgets(usd: str) -> dict[str, Decimal]:
    return {"usd_per_day": Decimal(usd), "usd_per_month": Decimal(usd)}


def reached(error: RequestError) -> ReachedLimit:
    assert error.reached is not None
    return error.reached


# ── Reserved ──────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_counted_of_an_owner_that_nothing_was_taken_of(ledger: Ledger) -> None:
    assert ledger.usage.spent("key nobody", TODAY) == {
        "usd_per_day": 0, "usd_per_month": 0, "concurrency": 0,
    }  # fmt: skip


def test_generation_takes_its_part_of_each_owners_limits(ledger: Ledger) -> None:
    made = ledger.take(owner(usd_per_day=1, concurrency=2), owner(TENANT, usd_per_month=5))
    assert ledger.store.get(made.id) == made
    assert ledger.counted() == {**budgets("0.075"), "concurrency": 1}
    assert ledger.counted(TENANT) == budgets("0.075")


def test_owner_without_limits_is_not_counted(ledger: Ledger) -> None:
    ledger.take(owner(), owner(TENANT, per_minute=3))
    assert ledger.counted() == ledger.counted(TENANT) == {}


@pytest.mark.parametrize(
    ("limits", "fit", "name"),
    [
        ({"usd_per_day": "0.30"}, 4, "usd_per_day"),
        ({"usd_per_day": "0.374999"}, 4, "usd_per_day"),
        ({"usd_per_month": "0.225"}, 3, "usd_per_month"),
        ({"usd_per_day": "0.225", "usd_per_month": "0.15"}, 2, "usd_per_month"),
        ({"usd_per_day": "0.15", "usd_per_month": "9", "concurrency": 9}, 2, "usd_per_day"),
        ({"concurrency": 3}, 3, "concurrency"),
        ({"usd_per_day": "9", "concurrency": 1}, 1, "concurrency"),
        ({"usd_per_day": "0.074999"}, 0, "usd_per_day"),
        ({"usd_per_day": 0}, 0, "usd_per_day"),
        ({"usd_per_month": 0}, 0, "usd_per_month"),
    ],
)
def test_as_many_as_fit_are_taken_and_the_next_is_refused_and_leaves_nothing(
    ledger: Ledger, limits: dict[str, Any], fit: int, name: str
) -> None:
    for _ in range(fit):
        ledger.take(owner(**limits))
    error = ledger.refusal(owner(**limits))
    assert (reached(error).name, reached(error).owner) == (name, KEY)
    assert isinstance(error, LimitReachedError if name == "concurrency" else BudgetReachedError)


def test_refusal_by_one_owner_takes_nothing_of_the_other(ledger: Ledger) -> None:
    key, tenant = owner(usd_per_day=1, concurrency=5), owner(TENANT, concurrency=1)
    ledger.take(key, tenant)
    assert reached(ledger.refusal(key, tenant)).owner == TENANT
    narrow = owner(usd_per_day="0.1")
    assert reached(ledger.refusal(narrow, owner(TENANT, concurrency=9))).owner == KEY


def test_budgets_of_a_new_day_and_a_new_month_are_whole(ledger: Ledger) -> None:
    daily, monthly = owner(usd_per_day="0.1"), owner(TENANT, usd_per_month="0.1")
    last = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    ledger.take(daily, monthly, now=last)
    assert isinstance(ledger.refusal(daily, now=last), BudgetReachedError)
    assert isinstance(ledger.refusal(monthly, now=last - timedelta(days=30)), BudgetReachedError)
    ledger.take(daily, monthly, now=last + timedelta(seconds=1))
    ledger.take(daily, now=last - timedelta(days=1))
    assert ledger.counted(KEY, date(2026, 12, 30)) == {
        "usd_per_day": Decimal("0.075"), "usd_per_month": Decimal("0.150"),
    }  # fmt: skip
    assert ledger.counted(KEY, date(2027, 1, 1)) == budgets("0.075")


def test_places_are_of_no_day(ledger: Ledger) -> None:
    one = owner(concurrency=1)
    ledger.take(one, now=NOW - timedelta(days=40))
    assert isinstance(ledger.refusal(one), LimitReachedError)


@pytest.mark.parametrize(("limits", "most"), [({"usd_per_day": "0.375"}, 5), ({"concurrency": 7}, 7)])
def test_no_burst_overruns_a_limit(ledger: Ledger, limits: dict[str, Any], most: int) -> None:
    def ask(_: int) -> bool:
        try:
            ledger.take(owner(**limits))
        except (BudgetReachedError, LimitReachedError):
            return False
        return True

    assert sum(at_once(ask)) == most


# ── Refused for what comes first ──────────────────────────────────────────────────────────────────────

FULL: dict[str, Any] = {"usd_per_day": "0.1", "concurrency": 1}


def test_record_that_is_there_already_is_told_before_any_limit(ledger: Ledger) -> None:
    made = ledger.take(owner(**FULL))
    _, taken = born(owner(**FULL))
    with pytest.raises(AlreadyExistsError):
        ledger.store.create(made, None, None, taken)
    assert ledger.counted() == {**budgets("0.075"), "concurrency": 1}


def test_key_that_was_used_is_told_before_any_limit(ledger: Ledger) -> None:
    first, taken = born(owner(**FULL))
    ledger.store.create(first, Idempotency("k", "f"), None, taken)
    second, again = born(owner(**FULL))
    with pytest.raises(AlreadyExistsError):
        ledger.store.create(second, Idempotency("k", "f"), None, again)
    assert ledger.store.get(second.id) is None


def test_batchs_cost_cap_is_told_before_any_limit_and_a_limit_takes_nothing_of_the_cap(
    ledger: Ledger,
) -> None:
    def create(hold: Hold, *owners: Owner) -> None:
        made, taken = born(*owners)
        ledger.store.create(made, None, hold, taken)

    usd = Decimal("0.075")
    create(Hold("bat_1", usd, Decimal("0.15")), owner(**FULL))
    with pytest.raises(BudgetReachedError):
        create(Hold("bat_1", usd, Decimal("0.15")), owner(**FULL))
    create(Hold("bat_1", usd, Decimal("0.15")), owner(TENANT, usd_per_day=1))
    with pytest.raises(CostCapError):
        create(Hold("bat_1", usd, Decimal("0.15")), owner(**FULL))
    assert ledger.counted(TENANT) == budgets("0.075")


# ── Settled ───────────────────────────────────────────────────────────────────────────────────────────

ENDS: dict[str, Callable[[Generation], Generation]] = {
    "delivered": lambda one: ended(delivered(one, MULE)),
    "dearer than reserved": lambda one: ended(delivered(one, PIXEL)),
    "after many routes": lambda one: ended(
        delivered(lost(failed(refused(one, MULE), PIXEL, "billed", "refunded"), PIXEL), DASH)
    ),
    "lost": lambda one: ended(lost(one, DASH), Status.FAILED),
    "canceled at the vendor": lambda one: ended(asked(one, MULE), Status.CANCELED),
    "expired before any ask": lambda one: ended(one, Status.EXPIRED),
    "refused": lambda one: ended(refused(one, MULE), Status.FAILED),
}


@pytest.mark.parametrize("how", ENDS)
def test_end_gives_the_reservation_back_and_counts_what_it_cost(ledger: Ledger, how: str) -> None:
    made = ledger.take(owner(usd_per_day=1, usd_per_month=1, concurrency=1), owner(TENANT, usd_per_month=9))
    last = ledger.end(made, ENDS[how])
    cost = cost_usd(last)
    expected = {"usd_per_day": cost, "usd_per_month": cost} if cost else {}
    assert ledger.counted() == ledger.counted(TENANT) == expected
    ledger.take(owner(concurrency=1))


@pytest.mark.parametrize("how", ENDS)
def test_usage_has_exactly_the_rows_of_what_ended(ledger: Ledger, how: str) -> None:
    last = ledger.end(ledger.take(), ENDS[how])
    assert {row.route: row for row in ledger.rows()} == {row.route: row for row in usage_rows(last)}


def test_what_has_not_ended_is_not_used_yet(ledger: Ledger) -> None:
    made = ledger.take(owner(usd_per_day=1))
    ledger.store.save(asked(made, MULE))
    assert ledger.rows() == []
    assert ledger.counted() == budgets("0.075")


def test_end_is_counted_once_whoever_tells_it_again(ledger: Ledger) -> None:
    made = ledger.take(owner(usd_per_day=1, concurrency=3))
    last = ledger.end(made, ENDS["delivered"])
    for again in (last, last.having(version=last.version + 1), last.having(status=Status.FAILED)):
        with pytest.raises(VersionConflictError):
            ledger.store.save(again)
    assert ledger.counted() == budgets("0.075")
    assert [row.counts["generations"] for row in ledger.rows()] == [1]


def test_whoever_loses_the_race_to_the_end_counts_nothing(ledger: Ledger) -> None:
    made = ledger.take(owner(usd_per_day=1, concurrency=3))
    moved = asked(made, MULE)
    ledger.store.save(moved)
    with pytest.raises(VersionConflictError):
        ledger.end(made)  # decided on what was read before
    assert ledger.counted() == {**budgets("0.075"), "concurrency": 1}
    assert ledger.rows() == []
    ledger.end(moved)
    assert ledger.counted() == budgets("0.075")


def test_of_many_that_end_it_at_once_one_counts_it(ledger: Ledger) -> None:
    made = ledger.take(owner(usd_per_day=1, concurrency=3))

    def end(number: int) -> bool:
        try:
            ledger.end(made, list(ENDS.values())[number % len(ENDS)])
        except VersionConflictError:
            return False
        return True

    assert sum(at_once(end)) == 1
    stored = ledger.store.get(made.id)
    assert stored is not None
    assert ledger.counted().get("usd_per_day", 0) == cost_usd(stored)
    assert "concurrency" not in ledger.counted()
    assert sum(row.counts["generations"] for row in ledger.rows()) == 1


def test_generation_that_reserved_nothing_is_used_and_not_counted(ledger: Ledger) -> None:
    made = ledger.take()
    assert made.reservation == Reservation(usd=Decimal("0.075"))
    ledger.end(made, ENDS["delivered"])
    assert (ledger.counted(), ledger.counted(TENANT)) == ({}, {})
    assert [row.counts["succeeded"] for row in ledger.rows()] == [1]


# ── Used ──────────────────────────────────────────────────────────────────────────────────────────────


def test_usage_is_the_sum_of_many_ends_to_the_last_digit(ledger: Ledger) -> None:
    lasts = [ledger.end(ledger.take(), how) for how in ENDS.values() for _ in range(3)]
    rows, each = ledger.rows(), [row for last in lasts for row in usage_rows(last)]
    for one in (MULE, PIXEL, DASH):
        mine, theirs = ([row for row in of if row.route == one.route] for of in (rows, each))
        assert {row.currency for row in mine} == {one.price.currency}
        for name in COUNTS:
            assert sum(row.counts[name] for row in mine) == sum(row.counts[name] for row in theirs)
        for figure in COSTS:
            assert sum(row.money[figure] for row in mine) == sum(row.money[figure] for row in theirs)
        for figure in DOLLARS:
            assert sum(row.usd[figure] for row in mine) == sum(row.usd[figure] for row in theirs)
    assert {(row.day, row.tenant, row.model) for row in rows} == {(TODAY, "t", "qwen-image-max")}


def test_usage_is_of_one_tenant_and_of_the_days_that_are_asked_for(ledger: Ledger) -> None:
    days = [
        datetime(2026, month, day, 12, tzinfo=UTC) for month, day in ((10, 31), (11, 1), (11, 20), (12, 1))
    ]
    for now in days:
        ledger.end(ledger.take(now=now))
    ledger.end(ledger.take(tenant="t2"))
    ledger.end(ledger.take(tenant="t#2026"))
    found = ledger.rows("t", date(2026, 11, 1), date(2026, 11, 20))
    assert [row.day for row in found] == [date(2026, 11, 1), TODAY]
    assert [row.tenant for row in ledger.rows("t2")] == ["t2"]
    assert [row.tenant for row in ledger.rows("t#2026")] == ["t#2026"]
    assert ledger.rows("nobody") == []
    assert [row.day for row in ledger.rows("t", date(2026, 1, 1), date(2026, 12, 31))] == [
        one.date() for one in days
    ]


def test_writes_of_one_day_model_and_route_are_spread_over_a_few_items(dynamodb: Any) -> None:
    table = make_table(dynamodb)
    ledger = Ledger(DynamoGenerations(dynamodb, table, 90, FakeClock()), DynamoUsage(dynamodb, table))
    for _ in range(120):
        ledger.end(ledger.take())
    rows = ledger.rows()
    assert SPREAD / 2 < len(rows) <= SPREAD
    assert sum(row.counts["canceled"] for row in rows) == 120
    keys = {item["pk"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}
    assert len({key for key in keys if key.startswith("usage")}) == KEYS


def test_usage_of_many_pages_is_whole(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table(dynamodb)
    ledger = Ledger(DynamoGenerations(dynamodb, table, 90, FakeClock()), DynamoUsage(dynamodb, table))
    days = [NOW - timedelta(days=number) for number in range(7)]
    for now in days:
        ledger.end(ledger.take(now=now))
    call = dynamodb._make_api_call

    def two_at_a_time(name: str, arguments: dict[str, Any]) -> Any:
        return call(name, arguments | {"Limit": 2})

    monkeypatch.setattr(dynamodb, "_make_api_call", two_at_a_time)
    found = ledger.rows(first=days[-1].date(), last=TODAY)
    assert [row.day for row in found] == [now.date() for now in days[::-1]]
