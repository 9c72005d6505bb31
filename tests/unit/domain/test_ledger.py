"""The money ledger: what a generation reserves, what it cost in the end, how that is counted; refusals."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.generation import Generation, Status
from easel.domain.ledger import COSTS, COUNTS, UsageRow, cost_usd, refusal, reservings, usage_rows
from easel.domain.own_cost import own_cost
from easel.errors import BudgetReachedError, LimitReachedError, ReachedLimit, RequestError
from tests.fakes.lives import (
    DASH,
    MULE,
    NOW,
    PIXEL,
    asked,
    delivered,
    ended,
    failed,
    lost,
    owner,
    queued,
    refused,
)

MANY_ROUTES = ended(
    delivered(lost(failed(refused(queued(), MULE), PIXEL, "billed", "refunded"), PIXEL), DASH)
)
LIVES = {
    "at once": ended(delivered(queued(), MULE)),
    "several images": ended(delivered(queued(n=3), DASH, images=2)),
    "never asked": ended(queued(), Status.EXPIRED),
    "refused": ended(refused(queued(), MULE), Status.FAILED),
    "canceled at the vendor": ended(asked(queued(), DASH), Status.CANCELED),
    "failed, may be billed": ended(failed(queued(), MULE, "possibly_billed"), Status.FAILED),
    "failed and refunded": ended(failed(queued(), PIXEL, "billed", "refunded"), Status.FAILED),
    "lost twice": ended(lost(lost(queued(), MULE), DASH), Status.FAILED),
    "many routes": MANY_ROUTES,
}


def by_route(generation: Generation) -> dict[str, UsageRow]:
    rows = usage_rows(generation)
    assert len({row.route for row in rows}) == len(rows)
    return {row.route: row for row in rows}


def told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def test_generation_that_one_route_served_is_one_row() -> None:
    (row,) = usage_rows(ended(delivered(queued("acme", n=2), DASH, images=2)))
    assert (row.day, row.tenant, row.model) == (date(2026, 11, 20), "acme", "qwen-image-max")
    assert (row.route, row.currency) == (DASH.route, "CNY")
    assert set(row.counts) == set(COUNTS)
    assert told(row.counts) == {"generations": 1, "succeeded": 1, "asks": 1, "images": 2}
    assert told(row.money) == {"billed": Decimal("1.100886")}
    assert row.usd["billed"] == Decimal("1.100886") * Decimal("0.14")


def test_each_route_that_was_asked_has_a_row_and_the_last_one_counts_the_generation() -> None:
    rows = by_route(MANY_ROUTES)
    assert list(rows) == [MULE.route, PIXEL.route, DASH.route]
    assert told(rows[MULE.route].counts) == {"asks": 1}
    assert told(rows[PIXEL.route].counts) == {"asks": 2}
    assert told(rows[DASH.route].counts) == {"generations": 1, "succeeded": 1, "asks": 1, "images": 1}


def test_money_is_counted_on_the_route_that_cost_it_in_its_unit_and_in_dollars() -> None:
    rows = by_route(MANY_ROUTES)
    assert told(rows[MULE.route].money) == {}
    assert rows[PIXEL.route].currency == "credits"
    assert rows[PIXEL.route].money == {"billed": 2, "possibly_billed": 2, "refunded": 2}
    dollars = {figure: rows[PIXEL.route].usd[figure] for figure in COSTS}
    assert dollars == {
        "billed": Decimal("0.1"),
        "possibly_billed": Decimal("0.1"),
        "refunded": Decimal("0.1"),
    }
    assert rows[DASH.route].currency == "CNY"
    assert told(rows[DASH.route].money) == {"billed": Decimal("0.550443")}


def test_several_asks_of_one_route_are_added_up() -> None:
    (row,) = usage_rows(LIVES["failed, may be billed"])
    assert row.money["possibly_billed"] == Decimal("0.075")
    twice = ended(lost(lost(queued(), MULE), MULE), Status.FAILED)
    (row,) = usage_rows(twice)
    assert (row.counts["asks"], row.money["possibly_billed"]) == (2, Decimal("0.150"))


def test_generation_that_never_came_to_an_ask_is_counted_on_its_first_route_and_cost_nothing() -> None:
    (row,) = usage_rows(LIVES["never asked"])
    assert (row.route, row.currency) == (MULE.route, "USD")
    assert told(row.counts) == {"generations": 1, "expired": 1}
    assert told(row.money) == {}


def test_ask_that_stood_open_at_the_end_is_counted_as_possibly_billed() -> None:
    (row,) = usage_rows(LIVES["canceled at the vendor"])
    assert told(row.counts) == {"generations": 1, "canceled": 1, "asks": 1}
    assert told(row.money) == {"possibly_billed": DASH.price.amount}


@pytest.mark.parametrize("life", LIVES)
def test_rows_add_up_to_what_the_generation_cost_and_count_it_once(life: str) -> None:
    generation = LIVES[life]
    rows = usage_rows(generation)
    billed, possibly, refunded = (sum(row.usd[figure] for row in rows) for figure in COSTS)
    assert billed + possibly - refunded == cost_usd(generation)
    assert sum(row.counts["generations"] for row in rows) == 1
    assert sum(row.counts[generation.status.value] for row in rows) == 1
    assert sum(row.counts["asks"] for row in rows) == len(generation.attempts)
    assert sum(row.counts["images"] for row in rows) == len(generation.images)
    assert sum(row.usd["aws"] for row in rows) == own_cost(generation).amount


@pytest.mark.parametrize(
    ("life", "usd"),
    [
        ("at once", "0.075"),
        ("several images", "0.15412404"),
        ("never asked", "0"),
        ("refused", "0"),
        ("canceled at the vendor", "0.07706202"),
        ("failed, may be billed", "0.075"),
        ("failed and refunded", "0"),
        ("lost twice", "0.15206202"),
        ("many routes", "0.17706202"),
    ],
)
def test_cost_is_what_was_billed_and_what_may_have_been_less_what_came_back(life: str, usd: str) -> None:
    assert cost_usd(LIVES[life]) == Decimal(usd)


@pytest.mark.parametrize(
    ("made", "day"),
    [
        (datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=timezone(timedelta(hours=-5))), date(2027, 1, 1)),
        (datetime(2026, 11, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))), date(2026, 10, 31)),
    ],
)
def test_it_is_counted_on_the_day_in_utc_on_which_it_was_made(made: datetime, day: date) -> None:
    assert [row.day for row in usage_rows(ended(queued(now=made), Status.CANCELED))] == [day]


# ── Refusals ──────────────────────────────────────────────────────────────────────────────────────────


def refused_by(now: datetime = NOW, used: Mapping[str, str] | None = None, **limits: Any) -> RequestError:
    (reserving,) = reservings([owner("key key_7", **limits)], Decimal("0.10"))
    return refusal(reserving, now, {name: Decimal(usd) for name, usd in (used or {}).items()})


def reached(error: RequestError) -> ReachedLimit:
    assert error.reached is not None
    assert error.retry_after_seconds == error.reached.retry_after_seconds
    return error.reached


def test_refusal_by_a_budget_says_which_whose_how_much_and_when_it_begins_anew() -> None:
    error = refused_by(used={"usd_per_day": "0.95"}, usd_per_day="1.00")
    assert isinstance(error, BudgetReachedError)
    assert reached(error) == ReachedLimit("usd_per_day", "key key_7", "1.00", 12 * 3600)
    assert error.detail == "The key key_7 may spend 1.00 USD a day; 0.10 more do not fit."


def test_refusal_by_the_number_at_work_says_to_come_again_soon() -> None:
    error = refused_by(used={"concurrency": "3"}, concurrency=3)
    assert isinstance(error, LimitReachedError)
    assert reached(error) == ReachedLimit("concurrency", "key key_7", "3", 5)
    assert error.detail == "The key key_7 may have 3 at work at a time."


@pytest.mark.parametrize(
    ("used", "name"),
    [
        ({"usd_per_day": "0.95", "usd_per_month": "9.95"}, "usd_per_day"),
        ({"usd_per_day": "0.90", "usd_per_month": "9.95"}, "usd_per_month"),
        ({"usd_per_day": "0.90", "usd_per_month": "9.90", "concurrency": "2"}, "concurrency"),
        ({"usd_per_day": "0.91", "usd_per_month": "9.90", "concurrency": "2"}, "usd_per_day"),
        ({"usd_per_day": "1.00", "usd_per_month": "10.00"}, "usd_per_day"),
    ],
)
def test_refusal_names_the_limit_that_leaves_no_room(used: Mapping[str, str], name: str) -> None:
    error = refused_by(used=used, usd_per_day="1", usd_per_month="10", concurrency=2)
    assert reached(error).name == name


@pytest.mark.parametrize("period", ["day", "month"])
def test_budget_in_which_room_was_made_meanwhile_is_named_and_may_be_tried_again_soon(period: str) -> None:
    limits: dict[str, Any] = {f"usd_per_{period}": "1"}
    error = refused_by(used={f"usd_per_{period}": "0.5"}, **limits)
    assert isinstance(error, BudgetReachedError)
    assert reached(error) == ReachedLimit(f"usd_per_{period}", "key key_7", "1", 5)


@pytest.mark.parametrize(
    ("now", "day_seconds", "month_seconds"),
    [
        (datetime(2026, 11, 20, 0, 0, tzinfo=UTC), 86400, 11 * 86400),
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), 1, 1),
        (datetime(2026, 11, 30, 23, 59, 59, 999_000, tzinfo=UTC), 1, 1),
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), 43200, 43200),
        (datetime(2026, 12, 1, 0, 0, tzinfo=UTC), 86400, 31 * 86400),
        (datetime(2027, 1, 31, 18, 0, tzinfo=UTC), 21600, 21600),
        (datetime(2027, 2, 1, 0, 0, tzinfo=UTC), 86400, 28 * 86400),
        (datetime(2028, 2, 28, 0, 0, 0, 500_000, tzinfo=UTC), 86400, 2 * 86400),
        (datetime(2026, 12, 31, 20, 0, tzinfo=timezone(timedelta(hours=-5))), 82800, 30 * 86400 + 82800),
    ],
)
def test_budgets_begin_anew_with_the_day_and_the_month_in_utc(
    now: datetime, day_seconds: int, month_seconds: int
) -> None:
    daily = refused_by(now, {"usd_per_day": "1"}, usd_per_day="1")
    monthly = refused_by(now, {"usd_per_month": "1"}, usd_per_month="1")
    assert reached(daily).retry_after_seconds == day_seconds
    assert reached(monthly).retry_after_seconds == month_seconds


@pytest.mark.parametrize(
    ("limits", "money", "place"),
    [
        ({}, False, False),
        ({"per_minute": 5}, False, False),
        ({"usd_per_day": 1}, True, False),
        ({"usd_per_month": 1}, True, False),
        ({"usd_per_day": 0}, True, False),
        ({"concurrency": 1}, False, True),
        ({"concurrency": 1, "usd_per_month": 1}, True, True),
    ],
)
def test_only_limits_that_are_set_are_reserved_of(limits: dict[str, Any], money: bool, place: bool) -> None:
    found = [(one.takes_money, one.takes_place) for one in reservings([owner(**limits)], Decimal(1))]
    assert found == ([(money, place)] if money or place else [])
