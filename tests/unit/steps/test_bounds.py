"""The bounds of a batch, as a file's metadata or a body gives them."""

from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Bounds
from easel.errors import InvalidRequestError
from easel.steps.intake import read_bounds


@pytest.mark.parametrize("given", [{"max_concurrency": 5}, {"max_concurrency": "5"}])
def test_bounds_are_numbers_or_their_text(given: dict[str, Any]) -> None:
    assert read_bounds(given) == Bounds(max_concurrency=5)
    assert read_bounds(dict.fromkeys(given)) == Bounds()


@pytest.mark.parametrize("amount", [12.5, "12.50", 12, "0", "0.000001"])
def test_cost_is_dollars_and_exact(amount: Any) -> None:
    assert read_bounds({"max_cost_usd": amount}).max_cost_usd == Decimal(str(amount))


@pytest.mark.parametrize(
    "given",
    [
        {"max_concurrency": True},
        {"max_concurrency": [1]},
        {"tolerated_failures": 0.5},
        {"max_cost_usd": 1e-7},
        {"max_cost_usd": {"amount": "1"}},
        {"max_concurrency": "\u0665"},
        {"tolerated_failures": 10**9},
    ],
)
def test_what_is_no_bound_is_refused_by_its_name(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_bounds(given)
    assert [problem.field for problem in caught.value.problems] == list(given)


def test_all_wrong_bounds_are_named_at_once() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_bounds({"max_concurrency": 0, "tolerated_failures": "x", "max_cost_usd": "x"})
    assert [problem.field for problem in caught.value.problems] == list(Bounds.model_fields)
