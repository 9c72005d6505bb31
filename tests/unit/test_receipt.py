"""A receipt as callers see it: each figure in the vendor's unit and in dollars, exact."""

from decimal import Decimal
from typing import Any

import pytest

from easel.domain.generation import Generation, Status
from easel.domain.ledger import cost_usd
from easel.domain.own_cost import own_cost
from easel.receipt import receipt
from tests.fakes.lives import (
    DASH,
    MULE,
    PIXEL,
    asked,
    born,
    delivered,
    ended,
    failed,
    lost,
    owner,
    queued,
    refused,
)

FIGURES = ("quoted", "billed", "possibly_billed", "refunded")


def dollars(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def told(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names or FIGURES if values[name] is not None}


def test_queued_one_is_quoted_in_both_units_and_nothing_else() -> None:
    view = receipt(queued(routes=(PIXEL, MULE)))
    assert told(view) == {"quoted": {"amount": "2", "currency": "credits"}}
    assert told(view["usd"]) == {"quoted": dollars("0.10")}
    assert view["attempts"] == []


def test_receipt_has_its_figures_whatever_happened() -> None:
    for generation in (queued(), ended(delivered(queued(), MULE)), ended(queued(), Status.CANCELED)):
        view = receipt(generation)
        assert set(view) == {*FIGURES, "reserved", "usd", "aws_estimate", "attempts"}
        assert set(view["usd"]) == {*FIGURES, "reserved"}
        for attempt in view["attempts"]:
            assert {*FIGURES, "usd", "because", "route", "state"} <= set(attempt)
            assert set(attempt["usd"]) == set(FIGURES)


def test_delivered_one_is_billed_in_the_vendors_unit_and_in_dollars() -> None:
    view = receipt(ended(delivered(queued(n=2), DASH, images=2)))
    cny = {"amount": "1.100886", "currency": "CNY"}
    assert told(view) == {"quoted": cny, "billed": cny}
    assert told(view["usd"]) == {"quoted": dollars("0.15412404"), "billed": dollars("0.15412404")}
    (attempt,) = view["attempts"]
    assert told(attempt) == {"quoted": cny, "billed": cny}
    assert told(attempt["usd"]) == told(view["usd"])


def test_lost_and_open_asks_are_possibly_billed_and_not_billed() -> None:
    for generation in (
        ended(lost(queued(), DASH), Status.FAILED),
        ended(asked(queued(), DASH), Status.CANCELED),
    ):
        view = receipt(generation)
        assert view["billed"] is view["usd"]["billed"] is None
        assert view["possibly_billed"] == {"amount": "0.550443", "currency": "CNY"}
        assert view["usd"]["possibly_billed"] == dollars("0.07706202")


def test_refused_ask_has_a_quote_and_no_bill() -> None:
    view = receipt(ended(refused(queued(), MULE), Status.FAILED))
    assert told(view["attempts"][0]) == {"quoted": dollars("0.075")}
    assert told(view, "billed", "possibly_billed", "refunded") == {}


def test_what_came_back_stands_beside_what_was_billed() -> None:
    view = receipt(ended(failed(queued(), PIXEL, "billed", "refunded"), Status.FAILED))
    assert view["billed"] == view["refunded"] == {"amount": "2", "currency": "credits"}
    assert view["usd"]["billed"] == view["usd"]["refunded"] == dollars("0.10")
    assert cost_usd(ended(failed(queued(), PIXEL, "billed", "refunded"), Status.FAILED)) == 0


def test_asks_in_several_currencies_have_their_sum_in_dollars_only() -> None:
    generation = ended(delivered(lost(failed(queued(), PIXEL, "billed", "refunded"), MULE), DASH))
    view = receipt(generation)
    assert view["billed"] is None
    assert view["usd"]["billed"] == dollars("0.17706202")
    assert view["refunded"] == {"amount": "2", "currency": "credits"}
    assert view["possibly_billed"] == dollars("0.075")
    currencies = [one["billed"] and one["billed"]["currency"] for one in view["attempts"]]
    assert currencies == ["credits", None, "CNY"]


def test_quote_is_the_last_asks_and_not_their_sum() -> None:
    view = receipt(ended(delivered(refused(refused(queued(), MULE), PIXEL), DASH)))
    assert view["quoted"] == {"amount": "0.550443", "currency": "CNY"}
    assert view["usd"]["quoted"] == dollars("0.07706202")


def test_dollars_are_at_the_rate_of_the_time_of_the_ask() -> None:
    generation = ended(delivered(queued(), DASH))
    dearer = generation.current_attempt.having(usd_per_unit=Decimal("0.2"))
    assert receipt(generation.having(attempts=(dearer,)))["usd"]["billed"] == dollars("0.1100886")


@pytest.mark.parametrize(
    ("limits", "reserved"),
    [
        ({}, None),
        ({"concurrency": 1, "per_minute": 1}, None),
        ({"usd_per_day": 1}, dollars("0.25")),
        ({"usd_per_month": 1}, dollars("0.25")),
    ],
)
def test_reserved_is_what_budgets_held_and_null_where_there_is_none(limits: Any, reserved: Any) -> None:
    generation, _ = born(owner(**limits), usd="0.25")
    for one in (generation, ended(delivered(generation, MULE))):
        assert receipt(one)["reserved"] == receipt(one)["usd"]["reserved"] == reserved


def lives() -> list[Generation]:
    return [
        ended(delivered(lost(failed(queued(), PIXEL, "billed", "refunded"), MULE), DASH)),
        ended(lost(lost(queued(), MULE), MULE), Status.EXPIRED),
        ended(delivered(queued(), PIXEL)),
        ended(queued(), Status.CANCELED),
    ]


def test_asks_add_up_to_the_whole_and_the_whole_to_what_budgets_count() -> None:
    for generation in lives():
        view = receipt(generation)
        sums = {}
        for figure in ("billed", "possibly_billed", "refunded"):
            asks = [Decimal(one["usd"][figure]["amount"]) for one in view["attempts"] if one["usd"][figure]]
            whole = view["usd"][figure]
            assert sum(asks) == (Decimal(whole["amount"]) if whole else 0)
            sums[figure] = sum(asks)
        assert sums["billed"] + sums["possibly_billed"] - sums["refunded"] == cost_usd(generation)


def test_what_the_account_pays_aws_is_estimated_beside_it() -> None:
    for generation in lives():
        assert receipt(generation)["aws_estimate"] == own_cost(generation).model_dump(mode="json")
