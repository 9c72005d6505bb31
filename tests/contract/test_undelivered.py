"""What every store of undelivered generations must do: the double in memory, and DynamoDB played by moto."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from easel.aws.undelivered import DynamoUndelivered
from easel.domain.holding import KEPT, Held
from easel.domain.ids import new_generation_id
from easel.ports import Undelivered
from tests.contract.table import OneAtATime, at_once, make_table
from tests.fakes.memory import MemoryUndelivered

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
ASKED, OTHER = "a" * 64, "b" * 64


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Undelivered:
    if request.param == "memory":
        return MemoryUndelivered()
    client = request.getfixturevalue("dynamodb")
    return DynamoUndelivered(OneAtATime(client), make_table(client))


def entry(made: datetime = NOW) -> Held:
    held_until = made + timedelta(seconds=29)
    return Held.new(new_generation_id(made), "first", held_until, made, retries=0)


def test_entry_comes_back_as_it_was_written(store: Undelivered) -> None:
    held = entry().closed("second", NOW)
    assert store.write(ASKED, held, None)
    assert list(store.of(ASKED, NOW)) == [held]


def test_entries_are_those_of_one_fingerprint(store: Undelivered) -> None:
    store.write(ASKED, entry(), None)
    assert list(store.of(OTHER, NOW)) == []


def test_entry_is_written_over_what_was_read_of_it(store: Undelivered) -> None:
    held = entry()
    store.write(ASKED, held, None)
    given_up = held.given_up("second", NOW)
    assert store.write(ASKED, given_up, held)
    assert list(store.of(ASKED, NOW)) == [given_up]


def test_entry_that_somebody_else_wrote_since_is_left_alone(store: Undelivered) -> None:
    held = entry()
    store.write(ASKED, held, None)
    taken = held.taken("second", NOW, retries=1)
    store.write(ASKED, taken, held)
    assert not store.write(ASKED, held.closed("third", NOW), held)
    assert not store.write(ASKED, held, None)
    assert list(store.of(ASKED, NOW)) == [taken]


def test_entry_that_is_gone_is_not_written_anew(store: Undelivered) -> None:
    held = entry()
    assert not store.write(ASKED, held.closed("second", NOW), held)
    assert list(store.of(ASKED, NOW)) == []


def test_of_many_that_take_an_entry_at_once_one_has_it(store: Undelivered) -> None:
    held = entry()
    store.write(ASKED, held, None)
    took = at_once(lambda number: store.write(ASKED, held.taken(f"by {number}", NOW, retries=1), held))
    assert sum(took) == 1
    (left,) = store.of(ASKED, NOW)
    assert left.stamp == f"by {took.index(True)}"


def test_entries_older_than_they_are_kept_are_not_read(store: Undelivered) -> None:
    old, young = entry(NOW - KEPT - timedelta(seconds=1)), entry(NOW - KEPT + timedelta(seconds=1))
    for held in (old, young):
        store.write(ASKED, held, None)
    assert list(store.of(ASKED, NOW)) == [young]


def test_foreign_fault_of_the_table_is_not_mistaken_for_a_lost_entry(
    request: pytest.FixtureRequest,
) -> None:
    lost = DynamoUndelivered(request.getfixturevalue("dynamodb"), "no-such-table")
    with pytest.raises(ClientError):
        lost.write(ASKED, entry(), None)
