"""The usage report: which days, whose, grouped how, and that its sums are those of the receipts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.generation import Generation, Status
from easel.domain.ledger import COSTS, COUNTS, DOLLARS, UsageRow, usage_rows
from easel.errors import InvalidRequestError
from easel.receipt import receipt
from easel.steps.usage import UsageReport
from tests.fakes.lives import DASH, MULE, PIXEL, delivered, ended, failed, lost, queued, refused
from tests.fakes.memory import FakeClock


class Rows:
    """The port `Usage`, with these rows of whoever asks; remembers what was asked."""

    def __init__(self, *rows: UsageRow) -> None:
        self.all = rows
        self.asked: list[tuple[str, date, date]] = []

    def rows(self, tenant: str, first: date, last: date) -> Iterator[UsageRow]:
        self.asked.append((tenant, first, last))
        return iter(self.all)

    def spent(self, owner: str, day: date) -> Mapping[str, Decimal]:
        raise NotImplementedError


def row(
    day: int, route: str = MULE.route, model: str = "qwen-image-max", usd: str = "0.075", **counts: int
) -> UsageRow:
    money = {"billed": Decimal(usd), "possibly_billed": Decimal(0), "refunded": Decimal(0)}
    counted = dict.fromkeys(COUNTS, 0) | {"generations": 1, "succeeded": 1, "asks": 1, "images": 1} | counts
    dollars = money | {"aws": Decimal("0.0005")}
    return UsageRow(date(2026, 11, day), "t", model, route, "USD", counted, money, dollars)


def report(*rows: UsageRow, first: str | None = None, last: str | None = None) -> dict[str, Any]:
    return UsageReport(Rows(*rows), CATALOGUE, FakeClock()).of("t", first, last)


def dollars(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_row_says_day_route_vendor_counts_and_money_in_both_units() -> None:
    (made,) = usage_rows(ended(delivered(queued("acme", n=2), DASH, images=2)))
    (told,) = report(made)["data"]
    assert told.pop("aws_estimate")["currency"] == "USD"
    assert told == {
        "day": "2026-11-20", "tenant": "acme", "model": "qwen-image-max",
        "route": "dashscope-intl/qwen-image-max", "vendor": "DashScope",
        "generations": 1, "succeeded": 1, "failed": 0, "canceled": 0, "expired": 0, "asks": 1, "images": 2,
        "billed": {"amount": "1.100886", "currency": "CNY"},
        "possibly_billed": {"amount": "0", "currency": "CNY"},
        "refunded": {"amount": "0", "currency": "CNY"},
        "usd": {
            "billed": dollars("0.15412404"), "possibly_billed": dollars("0"), "refunded": dollars("0"),
        },
    }  # fmt: skip


def test_rows_over_which_the_writes_were_spread_are_one_by_day_model_and_route() -> None:
    told = report(
        row(21), row(20), row(20, images=2), row(20, model="qwen-image"), row(20, route=PIXEL.route), row(21)
    )["data"]
    assert [(one["day"], one["model"], one["route"], one["generations"]) for one in told] == [
        ("2026-11-20", "qwen-image", MULE.route, 1),
        ("2026-11-20", "qwen-image-max", MULE.route, 2),
        ("2026-11-20", "qwen-image-max", PIXEL.route, 1),
        ("2026-11-21", "qwen-image-max", MULE.route, 2),
    ]
    assert (told[1]["images"], told[1]["asks"]) == (3, 2)
    assert told[1]["billed"] == told[1]["usd"]["billed"] == dollars("0.150")
    assert told[1]["aws_estimate"] == dollars("0.0010")


def test_totals_are_the_sums_of_all_rows() -> None:
    told = report(row(20), row(21, usd="0.1"), row(21, route=PIXEL.route, succeeded=0, failed=1, images=0))
    assert told["totals"] == {
        "generations": 3, "succeeded": 2, "failed": 1, "canceled": 0, "expired": 0, "asks": 3, "images": 2,
        "usd": {"billed": dollars("0.250"), "possibly_billed": dollars("0"), "refunded": dollars("0")},
        "aws_estimate": dollars("0.0015"),
    }  # fmt: skip
    assert told["next_cursor"] is None


def test_nothing_used_is_nothing_and_no_error() -> None:
    told = report()
    assert told["data"] == []
    assert told["totals"]["generations"] == 0
    assert told["totals"]["usd"]["billed"] == dollars("0")


def test_route_that_has_left_the_catalogue_is_still_told() -> None:
    (told,) = report(row(20, route="gone/model"))["data"]
    assert (told["route"], told["vendor"]) == ("gone/model", "gone")


def lives() -> Sequence[Generation]:
    many = lost(failed(refused(queued(), MULE), PIXEL, "billed", "refunded"), PIXEL)
    return [
        ended(delivered(many, DASH)),
        ended(delivered(queued(), MULE)),
        ended(queued(), Status.CANCELED),
        ended(lost(queued(), DASH), Status.FAILED),
    ]


def test_totals_are_exactly_the_sums_of_the_receipts() -> None:
    receipts = [receipt(one) for one in lives()]
    totals = report(*[found for one in lives() for found in usage_rows(one)])["totals"]
    for figure in COSTS:
        amounts = [one["usd"][figure]["amount"] for one in receipts if one["usd"][figure]]
        assert Decimal(totals["usd"][figure]["amount"]) == sum(map(Decimal, amounts)) > 0
    own = sum(Decimal(one["aws_estimate"]["amount"]) for one in receipts)
    assert Decimal(totals["aws_estimate"]["amount"]) == own
    assert set(DOLLARS) == {*COSTS, "aws"}


@pytest.mark.parametrize(
    ("first", "last", "since", "until"),
    [
        (None, None, "2026-10-22", "2026-11-20"),
        (None, "2026-03-01", "2026-01-31", "2026-03-01"),
        ("2026-11-19", None, "2026-11-19", "2026-11-20"),
        ("2026-11-20", "2026-11-20", "2026-11-20", "2026-11-20"),
        ("2024-02-29", "2024-03-01", "2024-02-29", "2024-03-01"),
        ("2027-01-01", "2027-02-01", "2027-01-01", "2027-02-01"),
        ("2025-11-20", "2026-11-20", "2025-11-20", "2026-11-20"),
        (None, "0001-01-05", "0001-01-01", "0001-01-05"),
        ("9999-12-31", "9999-12-31", "9999-12-31", "9999-12-31"),
    ],
)
def test_days_that_are_asked_for_are_read_and_named(
    first: str | None, last: str | None, since: str, until: str
) -> None:
    rows = Rows()
    told = UsageReport(rows, CATALOGUE, FakeClock()).of("acme", first, last)
    assert (told["from"], told["to"]) == (since, until)
    assert rows.asked == [("acme", date.fromisoformat(since), date.fromisoformat(until))]
    assert told["next_cursor"] is None


@pytest.mark.parametrize("days", [("2026-11-21", None), ("2026-11-20", "2026-11-19")])
def test_no_days_are_no_rows(days: tuple[str, str | None]) -> None:
    told = report(row(20), first=days[0], last=days[1])
    assert (told["data"], told["totals"]["generations"], told["next_cursor"]) == ([], 0, None)


def test_more_days_than_a_page_holds_come_by_cursors_the_last_ones_first() -> None:
    seen: list[date] = []
    cursor = None
    for _ in range(10):
        rows = Rows()
        told = UsageReport(rows, CATALOGUE, FakeClock()).of("t", "2024-01-01", "2026-11-20", cursor)
        ((_, since, until),) = rows.asked
        assert (told["from"], told["to"]) == (since.isoformat(), until.isoformat())
        assert (until - since).days < 366
        seen = [since + timedelta(days=number) for number in range((until - since).days + 1)] + seen
        cursor = told["next_cursor"]
        if cursor is None:
            break
    days = (date(2026, 11, 20) - date(2024, 1, 1)).days + 1
    assert seen == [date(2024, 1, 1) + timedelta(days=number) for number in range(days)]


def test_cursor_never_leads_beyond_the_days_that_are_asked_for() -> None:
    rows = Rows()
    of = UsageReport(rows, CATALOGUE, FakeClock()).of
    assert of("t", "2026-11-01", "2026-11-10", "2026-12-31")["to"] == "2026-11-10"
    told = of("t", "2026-11-01", "2026-11-10", "2026-10-31")
    assert (told["data"], told["next_cursor"]) == ([], None)
    assert rows.asked == [("t", date(2026, 11, 1), date(2026, 11, 10))]


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("2026-02-29", None, "from"),
        ("20261120", None, "from"),
        ("2026-W47-5", None, "from"),
        ("2026-11-20T00:00:00", None, "from"),
        ("yesterday", None, "from"),
        ("", None, "from"),
        (None, "", "to"),
        (None, "2026-13-01", "to"),
        (None, "2026-1-1", "to"),
        (None, " 2026-11-20", "to"),
        (None, "0000-01-01", "to"),
        (None, "\u0662\u0660\u0662\u0666-11-20", "to"),
    ],
)
def test_days_that_are_none_are_refused_by_their_name(
    first: str | None, last: str | None, field: str
) -> None:
    rows = Rows()
    with pytest.raises(InvalidRequestError) as caught:
        UsageReport(rows, CATALOGUE, FakeClock()).of("t", first, last)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert rows.asked == []


@pytest.mark.parametrize("cursor", ["", "x", "2026-02-30", "gen_01ARYZ6S410000000000000000"])
def test_forged_cursor_is_refused_by_its_name(cursor: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        UsageReport(Rows(), CATALOGUE, FakeClock()).of("t", None, None, cursor)
    assert [problem.field for problem in caught.value.problems] == ["cursor"]


@pytest.mark.parametrize(
    ("first", "last"), [("2026-11-21", None), ("2026-11-20", "2026-11-19"), ("9999-12-31", "0001-01-01")]
)
def test_span_without_a_day_has_no_rows_and_asks_for_none(first: str | None, last: str | None) -> None:
    rows = Rows(row(20))
    told = UsageReport(rows, CATALOGUE, FakeClock()).of("t", first, last)
    assert (told["data"], told["next_cursor"], told["totals"]["generations"]) == ([], None, 0)
    assert rows.asked == []


def test_span_of_years_is_read_a_year_a_page_from_its_last_day_on() -> None:
    rows = Rows()
    report = UsageReport(rows, CATALOGUE, FakeClock())
    cursor: str | None = None
    for _ in range(5):
        told = report.of("t", "2024-01-01", "2026-11-20", cursor)
        assert (told["from"], told["to"]) == tuple(day.isoformat() for day in rows.asked[-1][1:])
        cursor = told["next_cursor"]
        if cursor is None:
            break
    pages = [(first.isoformat(), last.isoformat()) for _, first, last in rows.asked]
    assert pages == [
        ("2025-11-20", "2026-11-20"), ("2024-11-19", "2025-11-19"), ("2024-01-01", "2024-11-18"),
    ]  # fmt: skip
