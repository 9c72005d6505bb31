"""A batch as its callers see it: how far it is, what it has cost, when it will have ended."""

from datetime import timedelta
from decimal import Decimal

import pytest

from easel.batch_view import batch_view, estimated_end
from easel.domain.batch import Batch, BatchStatus, Bounds, Source, Tally
from easel.domain.generation import GenerationError
from easel.domain.ids import batch_id_of
from tests.fakes.memory import FakeClock

NOW = FakeClock().now()
LATER = NOW + timedelta(seconds=100)
SOURCE = Source(bucket="inbox", key="requests/a.jsonl", etag="e")
BATCH = Batch(
    id=batch_id_of("t", "x"), tenant="t", source=SOURCE, created_at=NOW, updated_at=NOW, rows=100, refused=10,
    chunks=1, prepared=True, status=BatchStatus.RUNNING, at_once=7, estimated_usd=Decimal("6.750"),
    bounds=Bounds(max_concurrency=9, tolerated_failures=20, max_cost_usd=Decimal("12.50")),
)  # fmt: skip
SOME = Tally(
    started=50, refused=5, succeeded=30, failed=4, expired=3, canceled=2, images=31,
    committed_usd=Decimal("3.30"), cost={"credits": Decimal("4"), "USD": Decimal("2.250")},
    possibly_billed={"USD": Decimal("0.075")},
)  # fmt: skip


def sign(key: str) -> str:
    return f"https://signed/{key}"


def test_rows_are_counted_by_what_has_become_of_them() -> None:
    rows = batch_view(BATCH, SOME, NOW)["rows"]
    assert rows == {"total": 100, "queued": 35, "running": 11, "succeeded": 30, "failed": 9, "refused": 15}
    assert sum(count for name, count in rows.items() if name != "total") == 100


def test_new_batch_has_nothing_to_tell_yet() -> None:
    fresh = Batch(id=BATCH.id, tenant="t", source=SOURCE, created_at=NOW, updated_at=NOW)
    view = batch_view(fresh, Tally(), NOW, sign)
    assert view["status"] == "preparing"
    assert set(view["rows"].values()) == {0}
    assert (view["cost"], view["possibly_billed"], view["files"]) == ([], [], {})
    assert view["ended_at"] is view["estimated_end_at"] is view["stop_reason"] is view["max_cost_usd"] is None


def test_money_is_told_by_currency_and_as_decimal_text() -> None:
    view = batch_view(BATCH, SOME, NOW)
    told = {one["currency"]: one["amount"] for one in view["cost"]}
    assert list(told) == ["USD", "credits"]
    assert {name: Decimal(amount) for name, amount in told.items()} == SOME.cost
    assert all("E" not in amount for amount in told.values())
    assert [one["currency"] for one in view["possibly_billed"]] == ["USD"]


@pytest.mark.parametrize("amount", ["91000", "1000000", "0.0000005", "0"])
def test_money_is_never_written_with_an_exponent(amount: str) -> None:
    view = batch_view(BATCH, Tally(cost={"credits": Decimal(amount)}), NOW)
    assert [one["amount"] for one in view["cost"]] == [amount]


def test_bounds_and_source_are_told() -> None:
    view = batch_view(BATCH, SOME, NOW)
    assert (view["max_concurrency"], view["tolerated_failures"]) == (9, 20)
    assert (Decimal(view["max_cost_usd"]), Decimal(view["committed_usd"])) == (
        Decimal("12.5"),
        Decimal("3.3"),
    )
    assert (view["source"], view["rows_at_a_time"]) == ("s3://inbox/requests/a.jsonl", 7)
    assert view["links"] == {"self": f"/v1/batches/{BATCH.id}"}


def test_end_is_estimated_by_the_pace_of_the_rows_that_have_ended() -> None:
    assert estimated_end(BATCH, Tally(started=50, succeeded=40), LATER) == LATER + timedelta(seconds=100)


@pytest.mark.parametrize(
    "batch",
    [
        BATCH.having(prepared=False, status=BatchStatus.PREPARING),
        BATCH.having(stop_reason=GenerationError(code="c", message="m")),
        BATCH.having(status=BatchStatus.COMPLETED),
    ],
    ids=["preparing", "stopping", "over"],
)
def test_end_is_not_estimated_where_nobody_can_tell(batch: Batch) -> None:
    assert estimated_end(batch, SOME, LATER) is None
    assert estimated_end(BATCH, Tally(started=50), LATER) is None


@pytest.mark.parametrize("status", list(BatchStatus))
def test_files_are_linked_once_the_batch_has_ended(status: BatchStatus) -> None:
    batch = BATCH.having(status=status)
    names = {"results.jsonl", "errors.jsonl", "manifest.json", "gallery.html"}
    expected = {name: f"https://signed/batches/{BATCH.id}/{name}" for name in names} if batch.over else {}
    assert batch_view(batch, SOME, NOW, sign)["files"] == expected
    assert batch_view(batch, SOME, NOW)["files"] == {}, "links are secrets, and expire"
