"""What every store must do that no batch costs more than its cap: the holds that its rows take on it."""

from decimal import Decimal

import pytest

from easel.domain.batch import Tally
from easel.errors import AlreadyExistsError, CostCapError
from easel.ports import Idempotency
from tests.contract.batch_stores import Stores, committed, hold, new_batch, queued
from tests.contract.table import at_once


def test_row_that_starts_takes_its_hold(stores: Stores) -> None:
    batch, row = new_batch(), queued()
    stores.generations.create(row, None, hold(batch, "0.075"))
    assert stores.generations.get(row.id) == row
    assert stores.batches.tally(batch.id) == committed("0.075")


def test_holds_up_to_the_cap_are_given_and_not_a_cent_beyond_it(stores: Stores) -> None:
    batch = new_batch()
    for _ in range(3):
        stores.generations.create(queued(), None, hold(batch, "0.1", "0.3"))
    beyond = queued()
    with pytest.raises(CostCapError):
        stores.generations.create(beyond, None, hold(batch, "0.000001", "0.3"))
    assert stores.generations.get(beyond.id) is None
    assert stores.batches.tally(batch.id) == committed("0.3")


def test_first_row_that_is_dearer_than_the_cap_is_not_started(stores: Stores) -> None:
    batch, row = new_batch(), queued()
    with pytest.raises(CostCapError):
        stores.generations.create(row, None, hold(batch, "0.075", "0.07"))
    assert stores.generations.get(row.id) is None
    assert stores.batches.tally(batch.id) == Tally()


def test_cap_of_nothing_lets_only_free_rows_start(stores: Stores) -> None:
    batch = new_batch()
    stores.generations.create(queued(), None, hold(batch, "0", "0"))
    with pytest.raises(CostCapError):
        stores.generations.create(queued(), None, hold(batch, "0.01", "0"))


def test_hold_that_was_given_back_is_free_for_others(stores: Stores) -> None:
    batch = new_batch()
    stores.generations.create(queued(), None, hold(batch, "0.3", "0.3"))
    given_back = Tally(failed=1, committed_usd=Decimal("-0.3"))
    stores.batches.count(batch.id, 1, stores.batches.chunk(batch.id, 1), given_back)
    stores.generations.create(queued(), None, hold(batch, "0.3", "0.3"))
    assert stores.batches.tally(batch.id).committed_usd == Decimal("0.3")


def test_cap_is_never_overrun_by_many_at_once(stores: Stores) -> None:
    batch = new_batch()

    def start(_: int) -> bool:
        try:
            stores.generations.create(queued(), None, hold(batch, "0.075", "0.55"))
        except CostCapError:
            return False
        return True

    assert at_once(start).count(True) == 7, "an eighth would make it 0.60"
    assert stores.batches.tally(batch.id) == committed("0.525")


def test_row_without_a_hold_takes_nothing(stores: Stores) -> None:
    batch = new_batch()
    at_once(lambda _: stores.generations.create(queued(), None))
    assert stores.batches.tally(batch.id) == Tally()


@pytest.mark.parametrize("cap", ["0.075", "100"])
def test_record_that_exists_takes_nothing_whether_there_is_room_or_not(stores: Stores, cap: str) -> None:
    batch, row = new_batch(), queued()
    stores.generations.create(row, None, hold(batch, "0.075", cap))
    with pytest.raises(AlreadyExistsError):
        stores.generations.create(row, None, hold(batch, "0.075", cap))
    assert stores.batches.tally(batch.id) == committed("0.075")


def test_of_many_that_start_the_same_row_one_takes_its_hold(stores: Stores) -> None:
    batch, row = new_batch(), queued()

    def start(_: int) -> bool:
        try:
            stores.generations.create(row, None, hold(batch, "0.075", "100"))
        except AlreadyExistsError:
            return False
        return True

    assert at_once(start).count(True) == 1
    assert stores.batches.tally(batch.id) == committed("0.075")


def test_key_that_was_claimed_takes_no_hold(stores: Stores) -> None:
    batch = new_batch()
    stores.generations.create(queued(), Idempotency("k", "f"))
    with pytest.raises(AlreadyExistsError):
        stores.generations.create(queued(), Idempotency("k", "f"), hold(batch, "0.075", "100"))
    assert stores.batches.tally(batch.id) == Tally()
