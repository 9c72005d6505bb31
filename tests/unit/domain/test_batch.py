"""A batch's moves, and what is counted of its rows: pure functions of the record."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from easel.domain.batch import ENDED, Batch, BatchStatus, Bounds, Source, Tally, chunk_key, chunk_number
from easel.domain.generation import GenerationError, IllegalMoveError
from easel.domain.ids import batch_id_of
from easel.domain.rows import START, Place
from tests.fakes.memory import FakeClock

NOW = FakeClock().now()
LATER = NOW + timedelta(seconds=5)
REASON = GenerationError(code="canceled", message="m")
NEW = Batch(
    id=batch_id_of("t", "x"), tenant="t", source=Source(bucket="b", key="k", etag="e"), created_at=NOW,
    updated_at=NOW,
)  # fmt: skip
PREPARING, RUNNING, COLLECTING = BatchStatus.PREPARING, BatchStatus.RUNNING, BatchStatus.COLLECTING
Move = Callable[[Batch], Batch]
MOVES: dict[str, tuple[Move, set[BatchStatus]]] = {
    "prepared_to": (lambda one: one.prepared_to(LATER, Place(9, 1), ended=False), {PREPARING}),
    "paced": (lambda one: one.paced(LATER, 3), {RUNNING}),
    "stopping": (lambda one: one.stopping(LATER, REASON), {PREPARING, RUNNING}),
    "collecting": (lambda one: one.collecting(LATER), {PREPARING, RUNNING}),
    "over_as": (lambda one: one.over_as(LATER, BatchStatus.COMPLETED), {COLLECTING}),
    "carried_by": (lambda one: one.carried_by(1, LATER), {PREPARING, RUNNING, COLLECTING}),
    "resumed": (lambda one: one.resumed(LATER, Bounds(), None), {BatchStatus.STOPPED, BatchStatus.CANCELED}),
}


@pytest.mark.parametrize("status", list(BatchStatus))
@pytest.mark.parametrize("name", MOVES)
def test_move_is_made_within_its_statuses_only(name: str, status: BatchStatus) -> None:
    move, within = MOVES[name]
    batch = NEW.having(status=status, version=4)
    if status in within:
        moved = move(batch)
        assert (moved.version, moved.updated_at) == (5, LATER)
    else:
        with pytest.raises(IllegalMoveError):
            move(batch)


def test_ended_batch_moves_nowhere_but_by_a_resume() -> None:
    for name, (_, within) in MOVES.items():
        assert not within & ENDED or name == "resumed"
    assert {status for status in BatchStatus if NEW.having(status=status).over} == ENDED


def test_manifest_that_is_read_to_its_end_lets_the_rows_run() -> None:
    half = NEW.prepared_to(LATER, Place(9, 1), ended=False, rows=1)
    assert (half.status, half.prepared, half.place, half.rows) == (PREPARING, False, Place(9, 1), 1)
    whole = half.prepared_to(LATER, Place(18, 2), ended=True, rows=2)
    assert (whole.status, whole.prepared, whole.starts_rows) == (RUNNING, True, True)
    assert NEW.place == START


def test_stopping_batch_starts_no_row_and_keeps_its_status() -> None:
    running = NEW.having(status=RUNNING)
    stopping = running.stopping(LATER, REASON)
    assert (stopping.status, stopping.stop_reason, stopping.starts_rows) == (RUNNING, REASON, False)
    assert not running.collecting(LATER).starts_rows
    assert not NEW.starts_rows


@pytest.mark.parametrize(("prepared", "status"), [(True, RUNNING), (False, PREPARING)])
def test_resumed_batch_goes_on_where_it_was_as_if_it_had_never_stopped(
    prepared: bool, status: BatchStatus
) -> None:
    stopped = NEW.having(
        status=BatchStatus.STOPPED, prepared=prepared, ended_at=NOW, announced=True, stop_reason=REASON,
        error=REASON, carrier=2, resumes=1, place=Place(9, 1), rows=7,
    )  # fmt: skip
    bounds = Bounds(max_concurrency=3)
    resumed = stopped.resumed(LATER, bounds, None)
    assert resumed == stopped.having(
        version=1, updated_at=LATER, status=status, bounds=bounds, ended_at=None, announced=False,
        stop_reason=None, error=None, carrier=3, resumes=2,
    )  # fmt: skip


def test_reports_are_written_anew_after_a_resume_and_not_by_each_execution() -> None:
    assert NEW.carried_by(5, LATER).report_kind == NEW.report_kind
    assert (
        NEW.having(status=BatchStatus.CANCELED).resumed(LATER, Bounds(), None).report_kind != NEW.report_kind
    )


@pytest.mark.parametrize("number", [1, 9, 10, 999_999, 1_000_000])
def test_chunks_key_tells_its_number(number: int) -> None:
    key = chunk_key(NEW.id, "rows", number)
    assert chunk_number(key) == number
    assert key.startswith(f"batches/{NEW.id}/work/rows/")


def test_keys_of_chunks_sort_by_their_numbers() -> None:
    keys = [chunk_key(NEW.id, "rows", number) for number in (1, 2, 10, 99, 100, 10_000)]
    assert sorted(keys) == keys


def test_difference_of_tallies_is_what_is_new() -> None:
    before = Tally(started=5, failed=1, cost={"USD": Decimal("0.15"), "credits": Decimal(2)})
    after = Tally(started=5, failed=3, refused=1, cost={"USD": Decimal("0.30"), "CNY": Decimal("0.5")})
    assert after.minus(before) == {
        "failed": 2, "refused": 1,
        "cost": {"USD": Decimal("0.15"), "CNY": Decimal("0.5"), "credits": Decimal(-2)},
    }  # fmt: skip
    assert before.minus(before) == {}
    assert before.minus(before.having(cost={**before.cost, "CNY": Decimal(0)})) == {}


def test_tally_tells_how_many_have_ended_and_how_many_of_them_without_a_picture() -> None:
    tally = Tally(started=20, refused=9, succeeded=4, failed=3, expired=2, canceled=1)
    assert (tally.ended, tally.unsuccessful) == (10, 6)
