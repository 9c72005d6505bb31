"""What every store of batches must do to list them: the double in memory, and DynamoDB as moto plays it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from easel.aws.batches import DynamoBatches
from easel.aws.table import DynamoGenerations
from easel.domain.batch import Batch, Source, Tally
from easel.domain.ids import batch_id_of
from easel.domain.tenancy import ApiKey
from easel.errors import InvalidRequestError
from easel.ports import BatchStore
from tests.contract.table import make_table
from tests.fakes.memory import FakeClock
from tests.fakes.memory_batches import MemoryBatches

LIST_KEYS = ("pk", "sk", "list_pk", "list_sk")  # of the index and the table
NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
FORGED = [
    "", "x", "bat_01ARYZ6S410000000000000000", "gen_01ARYZ6S410000000000000000", "\u00e9", "=", "a" * 5000,
    "20261120T120000.000000Z_bat_1", "20261120T120000Z_bat_01ARYZ6S410000000000000000",
    "20261120T120000.000000Z_bat_01ARYZ6S410000000000000000\n",
    "\u0662\u0660261120T120000.000000Z_bat_01ARYZ6S410000000000000000",
]  # fmt: skip


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> BatchStore:
    if request.param == "memory":
        return MemoryBatches()
    client = request.getfixturevalue("dynamodb")
    return DynamoBatches(client, make_table(client), 90, FakeClock())


def made(store: BatchStore, name: str, at: datetime, tenant: str = "t", **more: Any) -> Batch:
    """A batch that is stored."""
    source = Source(bucket="b", key="k.jsonl", etag="e")
    batch = Batch(
        id=batch_id_of(tenant, name), tenant=tenant, source=source, created_at=at, updated_at=at, **more
    )
    store.create(batch)
    return batch


def several(store: BatchStore, count: int) -> list[Batch]:
    """Batches of one tenant, newest first; their ids are hashes, which are in no order."""
    batches = [made(store, str(number), NOW + timedelta(seconds=number)) for number in range(count)]
    return batches[::-1]


def pages(store: BatchStore, limit: int, tenant: str = "t") -> list[list[Batch]]:
    """All pages of a list."""
    found, cursor = [], None
    for _ in range(50):
        page = store.list(tenant, limit, cursor)
        found.append([batch for batch, _ in page.batches])
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("limit", [1, 3, 6, 7, 100])
def test_pages_go_from_the_newest_to_the_oldest_and_none_is_empty(store: BatchStore, limit: int) -> None:
    expected = several(store, 7)
    found = pages(store, limit)
    assert [batch for page in found for batch in page] == expected
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert found[-1]


def test_list_of_nothing_is_one_empty_page(store: BatchStore) -> None:
    several(store, 2)
    page = store.list("nobody", 10, None)
    assert (page.batches, page.cursor) == ((), None)


def test_order_is_by_time_to_the_microsecond_and_then_by_id(store: BatchStore) -> None:
    late = made(store, "b", NOW + timedelta(microseconds=1))
    later = made(store, "c", NOW + timedelta(milliseconds=1))
    same = sorted((made(store, name, NOW) for name in "xyz"), key=lambda batch: batch.id, reverse=True)
    for limit in (1, 2, 10):
        assert [one for page in pages(store, limit) for one in page] == [later, late, *same]


def test_time_counts_and_not_how_its_zone_is_written(store: BatchStore) -> None:
    early = made(store, "a", NOW)
    late = made(store, "b", datetime.fromisoformat("2026-11-20T07:00:01-05:00"))
    assert [batch.id for batch, _ in store.list("t", 10, None).batches] == [late.id, early.id]


def test_batch_is_listed_as_it_is_now_with_what_became_of_its_rows(store: BatchStore) -> None:
    fresh, moved = made(store, "a", NOW), made(store, "b", NOW + timedelta(seconds=1), key=ApiKey(
        id="key_1", tenant="t", prefix="ek"
    ))  # fmt: skip
    collecting = moved.collecting(NOW + timedelta(minutes=1))
    store.save(collecting)
    counted = Tally(started=3, succeeded=2, failed=1, images=2)
    store.count(moved.id, 1, store.chunk(moved.id, 1), counted)
    assert store.list("t", 10, None).batches == ((collecting, counted), (fresh, Tally()))


def test_batches_that_come_while_pages_are_turned_are_not_among_the_rest(store: BatchStore) -> None:
    expected = several(store, 4)
    first = store.list("t", 2, None)
    made(store, "new", NOW + timedelta(days=1))
    rest = store.list("t", 10, first.cursor)
    assert [batch for batch, _ in (*first.batches, *rest.batches)] == expected


def test_cursor_of_one_tenant_shows_nothing_of_it_to_another(store: BatchStore) -> None:
    several(store, 3)
    theirs = made(store, "x", NOW - timedelta(days=1), tenant="thief")
    cursor = store.list("t", 1, None).cursor
    assert cursor is not None
    assert [batch for batch, _ in store.list("thief", 10, cursor).batches] == [theirs]


def test_cursor_of_a_batch_that_is_gone_goes_on_where_it_was(store: BatchStore) -> None:
    expected = several(store, 3)
    cursor = store.list("t", 1, None).cursor
    assert cursor is not None
    nobodys = cursor[:-26] + "0" * 26
    assert [batch for batch, _ in store.list("t", 10, nobodys).batches] == expected[1:]


@pytest.mark.parametrize("cursor", FORGED)
def test_forged_cursor_is_refused_by_its_name(store: BatchStore, cursor: str) -> None:
    several(store, 3)
    with pytest.raises(InvalidRequestError) as caught:
        store.list("t", 1, cursor)
    assert [problem.field for problem in caught.value.problems] == ["cursor"]


class Counting:
    """A client that notes what it is asked."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self.client, name)


def test_page_is_one_query_and_a_read_of_its_records_and_of_their_tallies_however_long(dynamodb: Any) -> None:
    counting = Counting(dynamodb)
    store = DynamoBatches(counting, make_table(dynamodb), 90, FakeClock())
    several(store, 8)
    for limit in (2, 100):
        counting.asked.clear()
        store.list("t", limit, None)
        assert counting.asked == ["query", "batch_get_item", "batch_get_item"]


class Bounded(Counting):
    """A client whose queries end as DynamoDB's do: at so many items (there at 1 MB), and without a word that
    it was the list's end where they find as many as they may."""

    def query(self, Limit: int, **asked: Any) -> Any:  # noqa: N803  (the name is boto3's)
        most = min(Limit, 3)
        page = self.client.query(Limit=most, **asked)
        if len(page["Items"]) == most:
            page["LastEvaluatedKey"] = {name: page["Items"][-1][name] for name in LIST_KEYS}
        return page


@pytest.mark.parametrize(("count", "limit", "lengths"), [(4, 2, [2, 2]), (2, 2, [2]), (5, 100, [3, 2])])
def test_list_ends_with_its_last_batch_however_dynamodb_ends_its_queries(
    dynamodb: Any, count: int, limit: int, lengths: list[int]
) -> None:
    store = DynamoBatches(Bounded(dynamodb), make_table(dynamodb), 90, FakeClock())
    expected = several(store, count)
    found = pages(store, limit)
    assert [len(page) for page in found] == lengths
    assert [batch for page in found for batch in page] == expected


def test_page_whose_batches_all_go_between_the_index_and_their_reading_does_not_end_the_list(
    dynamodb: Any,
) -> None:
    table = make_table(dynamodb)
    expected = several(DynamoBatches(dynamodb, table, 90, FakeClock()), 5)
    going = [f"bat#{batch.id}" for batch in expected[:2]]

    class Expiring(Counting):
        def query(self, **asked: Any) -> Any:
            page = self.client.query(**asked)
            for item in page["Items"]:
                if item["pk"]["S"] in going:
                    self.client.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})
            return page

    found = pages(DynamoBatches(Expiring(dynamodb), table, 90, FakeClock()), 2)
    assert found == [[], expected[2:4], expected[4:]]


def test_batches_and_generations_of_a_tenant_are_two_lists(dynamodb: Any) -> None:
    table = make_table(dynamodb)
    several(DynamoBatches(dynamodb, table, 90, FakeClock()), 2)
    generations = DynamoGenerations(dynamodb, table, 90, FakeClock())
    assert generations.list("t", status=None, model=None, limit=10, cursor=None).generations == ()


def test_reads_that_the_table_puts_off_are_asked_for_again(dynamodb: Any) -> None:
    store = DynamoBatches(dynamodb, make_table(dynamodb), 90, FakeClock())
    batches = several(store, 3)
    for batch in batches:
        store.count(batch.id, 1, store.chunk(batch.id, 1), Tally(failed=1))
    read = dynamodb.batch_get_item

    class Busy(Counting):
        def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803  (the name is boto3's)
            ((table, asked),) = RequestItems.items()
            first, *rest = asked["Keys"]
            answer = read(RequestItems={table: {**asked, "Keys": [first]}})
            return answer | {"UnprocessedKeys": {table: {**asked, "Keys": rest}} if rest else {}}

    busy = DynamoBatches(Busy(dynamodb), store._table, 90, FakeClock())
    assert [tally.failed for _, tally in busy.list("t", 10, None).batches] == [1, 1, 1]
