"""What every store of batches must do: the double in memory, and DynamoDB as moto plays it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from easel.aws.batches import DynamoBatches
from easel.aws.table import DynamoGenerations
from easel.domain.batch import Batch, BatchStatus, Bounds, Tally
from easel.domain.generation import GenerationError
from easel.domain.rows import Place
from easel.domain.tenancy import ApiKey
from easel.errors import AlreadyExistsError, ConflictError, VersionConflictError
from easel.ports import ChunkTally
from tests.contract.batch_stores import NOW, Stores, hold, new_batch, queued
from tests.contract.table import THREADS, at_once, make_table
from tests.fakes.memory import FakeClock
from tests.template import RESOURCES

ERROR = GenerationError(code="c", message="m")
DAY = 24 * 3600


# ── Records ───────────────────────────────────────────────────────────────────────────────────────────


def test_created_batch_is_read_back_as_it_was_written(stores: Stores) -> None:
    made = new_batch()
    stores.batches.create(made)
    assert stores.batches.get(made.id) == made
    assert stores.batches.get(new_batch("y").id) is None


def test_every_field_of_a_batch_survives_the_store(stores: Stores) -> None:
    full = new_batch().having(
        version=1, status=BatchStatus.STOPPED, kept_days=90, ended_at=NOW, announced=True, carrier=3,
        resumes=2, key=ApiKey(id="key_1", tenant="acme", prefix="ezl_12345678", models=("m",)), trusted=True,
        bounds=Bounds(max_concurrency=7, tolerated_failures=0, max_cost_usd=Decimal("0.10")),
        place=Place(2**40, 999_999, 'custom_id;"a;b";\u4e2d'), prepared=True, rows=10**6, refused=50,
        chunks=10_001, at_once=50, estimated_usd=Decimal("74250.00000000000001"), error=ERROR,
        routes=("a/b", "c/d"), stop_reason=GenerationError(code="cost_cap", message="m"),
    )  # fmt: skip
    defaults = {name: field.default for name, field in Batch.model_fields.items()}
    forgotten = [name for name, value in full.model_dump().items() if value == defaults[name]]
    assert not forgotten, "a field that was forgotten"
    stores.batches.create(new_batch())
    stores.batches.save(full)
    found = stores.batches.get(full.id)
    assert found == full
    assert found is not None
    assert found.bounds.max_cost_usd == Decimal("0.10")
    assert found.created_at.utcoffset() == timedelta(0)


def test_batch_that_exists_is_not_created_again(stores: Stores) -> None:
    made = new_batch()
    stores.batches.create(made)
    with pytest.raises(AlreadyExistsError):
        stores.batches.create(made.having(tenant="thief"))
    assert stores.batches.get(made.id) == made


def test_of_many_that_create_the_same_batch_one_does(stores: Stores) -> None:
    def create(number: int) -> bool:
        try:
            stores.batches.create(new_batch().having(tenant=f"t{number}"))
        except AlreadyExistsError:
            return False
        return True

    assert at_once(create).count(True) == 1


@pytest.mark.parametrize("version", [0, 2, 5])
def test_move_of_another_version_than_the_stored_one_is_refused(stores: Stores, version: int) -> None:
    made = new_batch()
    stores.batches.create(made)
    with pytest.raises(VersionConflictError):
        stores.batches.save(made.having(version=version, rows=9))
    assert stores.batches.get(made.id) == made


def test_of_two_moves_of_the_same_version_the_second_is_refused(stores: Stores) -> None:
    made = new_batch()
    stores.batches.create(made)
    first, second = made.stopping(NOW, ERROR), made.collecting(NOW)
    stores.batches.save(first)
    with pytest.raises(VersionConflictError):
        stores.batches.save(second)
    assert stores.batches.get(made.id) == first


def test_batch_that_does_not_exist_cannot_be_moved(stores: Stores) -> None:
    with pytest.raises(VersionConflictError):
        stores.batches.save(new_batch().stopping(NOW, ERROR))


def test_batch_that_nobody_was_told_the_end_of_lies_among_what_is_open(stores: Stores) -> None:
    early, late = new_batch("early", NOW - timedelta(hours=2)), new_batch("late", NOW - timedelta(hours=1))
    between = queued(now=NOW - timedelta(minutes=90))
    for batch in (late, early):
        stores.batches.create(batch)
    stores.generations.create(between, None)
    assert list(stores.generations.quiet(NOW)) == [early.id, between.id, late.id]
    assert list(stores.generations.quiet(NOW - timedelta(minutes=70))) == [early.id, between.id]
    stores.batches.save(early.collecting(NOW))
    assert list(stores.generations.quiet(NOW)) == [between.id, late.id], "it has moved"


def test_batch_whose_end_was_told_is_open_no_more_until_it_is_resumed(stores: Stores) -> None:
    made = new_batch(now=NOW - timedelta(hours=1))
    stores.batches.create(made)
    ended = made.collecting(NOW).over_as(NOW, BatchStatus.STOPPED).having(version=1)
    stores.batches.save(ended)
    assert list(stores.generations.quiet(NOW + timedelta(hours=1))) == [made.id]
    stores.batches.note_announced(ended)
    assert list(stores.generations.quiet(NOW + timedelta(hours=1))) == []
    told = stores.batches.get(made.id)
    assert told == ended.having(announced=True)
    assert told is not None
    stores.batches.save(told.resumed(NOW, Bounds(), None))
    assert list(stores.generations.quiet(NOW + timedelta(hours=1))) == [made.id]


def test_end_that_was_told_is_not_taken_for_that_of_a_resumed_batch(stores: Stores) -> None:
    made = new_batch(now=NOW - timedelta(hours=1))
    stores.batches.create(made)
    ended = made.collecting(NOW).over_as(NOW, BatchStatus.STOPPED).having(version=1)
    stores.batches.save(ended)
    resumed = ended.resumed(NOW, Bounds(), None)
    stores.batches.save(resumed)
    stores.batches.note_announced(ended)
    assert stores.batches.get(made.id) == resumed
    assert list(stores.generations.quiet(NOW + timedelta(hours=1))) == [made.id]


# ── What became of rows ───────────────────────────────────────────────────────────────────────────────

SOME = Tally(
    started=15, refused=1, succeeded=2, failed=3, expired=4, canceled=5, images=6,
    committed_usd=Decimal("-0.075"),
    cost={"USD": Decimal("0.150"), "credits": Decimal(91000)}, possibly_billed={"CNY": Decimal("0.550443")},
)  # fmt: skip


def test_nothing_is_counted_of_a_new_batch(stores: Stores) -> None:
    assert stores.batches.tally(new_batch().id) == Tally()
    assert stores.batches.chunk(new_batch().id, 1) == ChunkTally(0, Tally())


def test_what_was_counted_is_read_back_by_batch_and_by_chunk(stores: Stores) -> None:
    batch = new_batch()
    before = stores.batches.chunk(batch.id, 1)
    stores.batches.count(batch.id, 1, before, SOME)
    assert stores.batches.tally(batch.id) == SOME
    assert stores.batches.chunk(batch.id, 1) == ChunkTally(1, SOME)
    assert stores.batches.chunk(batch.id, 2) == ChunkTally(0, Tally())
    assert stores.batches.tally(new_batch("y").id) == Tally()


def test_chunks_add_up(stores: Stores) -> None:
    batch = new_batch()
    for number in (1, 2, 1_000_000):
        stores.batches.count(batch.id, number, stores.batches.chunk(batch.id, number), SOME)
    tally = stores.batches.tally(batch.id)
    assert (tally.succeeded, tally.canceled, tally.images) == (6, 15, 18)
    assert tally.cost == {"USD": Decimal("0.45"), "credits": Decimal(273000)}
    assert tally.possibly_billed == {"CNY": Decimal("1.651329")}
    assert tally.committed_usd == Decimal("-0.225")


def test_only_what_is_new_of_a_chunk_is_added(stores: Stores) -> None:
    batch = new_batch()
    for now in (Tally(failed=1, refused=3), Tally(failed=2, succeeded=5, refused=1), Tally(failed=2)):
        stores.batches.count(batch.id, 1, stores.batches.chunk(batch.id, 1), now)
        assert stores.batches.tally(batch.id) == now
        assert stores.batches.chunk(batch.id, 1).tally == now


def test_same_count_told_again_changes_nothing(stores: Stores) -> None:
    batch = new_batch()
    stores.batches.count(batch.id, 1, stores.batches.chunk(batch.id, 1), SOME)
    known = stores.batches.chunk(batch.id, 1)
    stores.batches.count(batch.id, 1, known, SOME)
    assert stores.batches.chunk(batch.id, 1) == known
    assert stores.batches.tally(batch.id) == SOME


def test_count_over_an_older_look_at_the_chunk_is_refused_whole(stores: Stores) -> None:
    batch = new_batch()
    old = stores.batches.chunk(batch.id, 1)
    stores.batches.count(batch.id, 1, old, Tally(failed=1))
    with pytest.raises(VersionConflictError):
        stores.batches.count(batch.id, 1, old, Tally(failed=2))
    newer = stores.batches.chunk(batch.id, 1)
    stores.batches.count(batch.id, 1, newer, Tally(failed=3))
    with pytest.raises(VersionConflictError):
        stores.batches.count(batch.id, 1, newer, Tally(failed=4))
    assert stores.batches.tally(batch.id) == Tally(failed=3)


def test_of_many_that_count_the_same_look_one_is_heard(stores: Stores) -> None:
    batch = new_batch()
    look = stores.batches.chunk(batch.id, 1)

    def count(_: int) -> bool:
        try:
            stores.batches.count(batch.id, 1, look, SOME)
        except VersionConflictError:
            return False
        return True

    assert at_once(count).count(True) == 1
    assert stores.batches.tally(batch.id) == SOME


def test_many_chunks_that_are_counted_at_once_are_all_counted(stores: Stores) -> None:
    batch = new_batch()
    at_once(lambda one: stores.batches.count(batch.id, one, stores.batches.chunk(batch.id, one), SOME))
    tally = stores.batches.tally(batch.id)
    assert tally.succeeded == 2 * THREADS
    assert tally.cost == {"USD": Decimal("0.15") * THREADS, "credits": Decimal(91000) * THREADS}


@pytest.mark.parametrize(
    "amount", ["0.1", "123456789.123456789", "77062.02000000000001", "0.00000000000001", "91000"]
)
def test_money_is_counted_to_the_last_digit(stores: Stores, amount: str) -> None:
    batch, exact = new_batch(), Decimal(amount)
    told = Tally(committed_usd=exact, cost={"USD": exact}, possibly_billed={"CNY": exact})
    stores.batches.count(batch.id, 1, stores.batches.chunk(batch.id, 1), told)
    assert stores.batches.tally(batch.id) == told
    assert stores.batches.chunk(batch.id, 1).tally == told


# ── DynamoDB's own ────────────────────────────────────────────────────────────────────────────────────


class Busy:
    """A client that tells what DynamoDB tells where two transactions meet at one item."""

    def transact_write_items(self, **_: Any) -> None:
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        error = {"Code": "TransactionCanceledException", "Message": "m"}
        answer: Any = {"Error": error, "CancellationReasons": reasons}
        raise ClientError(answer, "TransactWriteItems")


def test_transactions_that_meet_at_the_tally_are_no_cap_and_no_duplicate() -> None:
    batch = new_batch()
    with pytest.raises(ConflictError):
        DynamoGenerations(Busy(), "table", 90, FakeClock()).create(queued(), None, hold(batch, "0.075", "1"))
    with pytest.raises(VersionConflictError):
        DynamoBatches(Busy(), "table", 90, FakeClock()).count(batch.id, 1, ChunkTally(0, Tally()), SOME)


def test_record_expires_after_its_last_move_and_all_that_is_counted_of_it_later(dynamodb: Any) -> None:
    table, clock = make_table(dynamodb), FakeClock()
    store, batch = DynamoBatches(dynamodb, table, 90, clock), new_batch(now=clock.now())
    store.create(batch)
    clock.sleep(89 * DAY)
    store.count(batch.id, 1, store.chunk(batch.id, 1), SOME)
    store.save(batch.stopping(clock.now(), GenerationError(code="too_old", message="m")))
    ttl = RESOURCES["Table"]["Properties"]["TimeToLiveSpecification"]["AttributeName"]
    left = {
        item["sk"]["S"]: int(item[ttl]["N"]) - int(clock.now().timestamp())
        for item in dynamodb.scan(TableName=table)["Items"]
    }
    assert left == {"bat": 90 * DAY, "tally": 180 * DAY, "chunk#000001": 180 * DAY}


def test_foreign_faults_of_the_table_are_not_mistaken_for_conflicts(dynamodb: Any) -> None:
    lost = DynamoBatches(dynamodb, "no-such-table", 90, FakeClock())
    with pytest.raises(ClientError):
        lost.create(new_batch())
    with pytest.raises(ClientError):
        lost.save(new_batch().having(version=1))
    with pytest.raises(ClientError):
        lost.count(new_batch().id, 1, ChunkTally(0, Tally()), SOME)
