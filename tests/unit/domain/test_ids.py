"""Identifiers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.ids import is_generation_id, new_generation_id

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_fresh_id_has_the_form_of_an_id_and_no_second_one_is_alike() -> None:
    ids = {new_generation_id(NOW) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_generation_id(one) for one in ids)


@given(later=st.integers(1, 10**12))
def test_ids_of_later_milliseconds_sort_after_earlier_ones(later: int) -> None:
    assert new_generation_id(NOW) < new_generation_id(NOW + timedelta(milliseconds=later))


def test_id_carries_its_time_as_the_ulid_specification_says() -> None:
    # 01ARYZ6S41 is 1469918176385 ms in the specification's example.
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=1469918176385)
    assert new_generation_id(moment)[:14] == "gen_01ARYZ6S41"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gen_",
        "01ARYZ6S410000000000000000",
        "gen_01ARYZ6S41000000000000000",
        "GEN_01ARYZ6S410000000000000000",
        "gen_01ARYZ6S4100000000000000000",
        "gen_81ARYZ6S410000000000000000",
        "gen_01ARYZ6S41000000000000000I",
        "gen_01aryz6s410000000000000000",
        "gen_01ARYZ6S410000000000000000\n",
        " gen_01ARYZ6S410000000000000000",
        "gen_01ARYZ6S41/../000000000000",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert not is_generation_id(text)
