"""Identifiers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.ids import (
    batch_id_of,
    generation_bits,
    generation_id_of,
    is_batch_id,
    is_generation_id,
    new_generation_id,
    row_generation_id,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_fresh_id_has_the_form_of_an_id_and_no_second_one_is_alike() -> None:
    ids = {new_generation_id(NOW) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_generation_id(one) for one in ids)


@given(bits=st.integers(0, 2**128 - 1))
def test_every_128_bits_are_one_id_and_come_back_from_it(bits: int) -> None:
    assert is_generation_id(generation_id_of(bits))
    assert generation_bits(generation_id_of(bits)) == bits


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


def test_rows_id_is_the_same_whoever_asks_and_its_own() -> None:
    batch_id = batch_id_of("t", "bucket", "key", "etag")
    made = row_generation_id(NOW, batch_id, "id a")
    assert made == row_generation_id(NOW, batch_id, "id a")
    assert is_generation_id(made)
    others = [row_generation_id(NOW, batch_id, "id b"), row_generation_id(NOW, batch_id_of("t", "x"), "id a")]
    assert len({made, *others}) == 3
    assert made[4:14] == new_generation_id(NOW)[4:14], "it sorts by the time of its batch"


def test_ids_of_many_rows_do_not_meet() -> None:
    batch_id = batch_id_of("t", "x")
    assert len({row_generation_id(NOW, batch_id, f"number {row}") for row in range(20_000)}) == 20_000


def test_batchs_id_is_the_same_for_the_same_source_and_its_own() -> None:
    sources = [
        ("t", "b", "k", "e"), ("t2", "b", "k", "e"), ("t", "b", "k", "e2"), ("t", "bk", "", "e"), ("t", "b"),
    ]  # fmt: skip
    ids = [batch_id_of(*source) for source in sources]
    assert ids == [batch_id_of(*source) for source in sources]
    assert len(set(ids)) == len(sources)
    assert all(is_batch_id(one) for one in ids)


@pytest.mark.parametrize(
    "text", ["", "bat_", "gen_" + "0" * 26, "bat_" + "8" * 26, "bat_" + "0" * 27, "bat_" + "I" * 26]
)
def test_what_has_another_form_is_no_batchs_id(text: str) -> None:
    assert not is_batch_id(text)
