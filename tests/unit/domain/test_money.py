"""Money: exact, and plain decimal text on the outside."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.money import Money


@given(
    amount=st.decimals(min_value=0, max_value=10**9, places=6),
    count=st.integers(1, 6),
)
def test_price_of_several_pieces_is_exact(amount: Decimal, count: int) -> None:
    assert Money.of(amount, "USD").times(count).amount == sum([amount] * count)


def test_three_times_a_tenth_is_three_tenths() -> None:
    assert Money.of("0.1", "USD").times(3) == Money.of("0.3", "USD")


@pytest.mark.parametrize(
    ("amount", "text"), [("0.075", "0.075"), ("1E+5", "100000"), ("1E-7", "0.0000001"), ("2", "2")]
)
def test_amount_is_decimal_text_without_an_exponent(amount: str, text: str) -> None:
    assert Money.of(amount, "CNY").model_dump(mode="json") == {"amount": text, "currency": "CNY"}


@given(amount=st.decimals(min_value=0, max_value=10**12, places=8))
def test_amount_survives_being_written_and_read(amount: Decimal) -> None:
    money = Money.of(amount, "credits")
    assert Money.model_validate_json(money.model_dump_json()) == money
