"""The pace of polling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.latency import SAMPLES_MAX, expectation
from easel.domain.polling import (
    FIRST_SECONDS_MAX,
    GAP_SECONDS_MAX,
    GAP_SECONDS_MIN,
    STAY_SECONDS,
    Pace,
    leaves,
)

SECONDS = st.floats(0, 10_000, allow_nan=False)


@given(quick=SECONDS)
def test_first_question_comes_before_the_quickest_result_and_never_at_once(quick: float) -> None:
    first = Pace(quick, quick).first_wait()
    assert GAP_SECONDS_MIN <= first <= FIRST_SECONDS_MAX
    assert first <= max(GAP_SECONDS_MIN, quick)


@given(elapsed=SECONDS, in_vain=st.integers(0, 10_000))
def test_questions_in_vain_make_the_next_ones_rarer_up_to_the_longest_gap(
    elapsed: float, in_vain: int
) -> None:
    pace = Pace(3, 60)
    assert pace.gap(elapsed, in_vain) <= pace.gap(elapsed, in_vain + 1) <= GAP_SECONDS_MAX
    assert pace.gap(elapsed, 4) == GAP_SECONDS_MAX


@given(elapsed=SECONDS)
def test_questions_never_come_faster_than_every_second_nor_rarer_than_every_ten(elapsed: float) -> None:
    assert 1 <= Pace(3, 60).gap(elapsed) <= 10


@given(earlier=SECONDS, later=SECONDS)
def test_the_longer_a_task_takes_the_rarer_it_is_asked_about(earlier: float, later: float) -> None:
    low, high = sorted((earlier, later))
    assert Pace(3, 60).gap(low) <= Pace(3, 60).gap(high)


@given(elapsed=st.floats(0, 60))
def test_gap_is_even_until_nine_of_ten_have_ended(elapsed: float) -> None:
    assert Pace(3, 60).gap(elapsed) == GAP_SECONDS_MIN < Pace(3, 60).gap(70)


def test_route_that_got_quicker_is_found_out_although_nobody_asks_before_the_first_wait() -> None:
    took = [20.0] * SAMPLES_MAX
    for _ in range(SAMPLES_MAX):
        pace = Pace(expectation(took, 30).quick, 20)
        took = [*took[1:], max(10.0, pace.first_wait())]
    assert pace.first_wait() < 10


@pytest.mark.parametrize(
    ("stayed", "gap", "leaving"),
    [(0, 1, False), (0, 30, False), (0, 31, True), (STAY_SECONDS - 2, 1, False), (STAY_SECONDS, 1, True)],
)
def test_step_leaves_for_long_waits_and_after_a_bounded_stay(
    stayed: float, gap: float, *, leaving: bool
) -> None:
    assert leaves(stayed, gap) is leaving
