"""The pace of polling."""

from hypothesis import given
from hypothesis import strategies as st

from easel.domain.polling import Pace

SECONDS = st.floats(0, 10_000, allow_nan=False)


@given(typical=SECONDS)
def test_first_question_comes_before_the_usual_end_and_never_at_once(typical: float) -> None:
    first = Pace(typical).first_wait()
    assert 1 <= first <= 20
    assert first <= max(1, typical)


@given(elapsed=SECONDS)
def test_questions_never_come_faster_than_every_second_nor_rarer_than_every_ten(elapsed: float) -> None:
    assert 1 <= Pace(30).gap(elapsed) <= 10


@given(earlier=SECONDS, later=SECONDS)
def test_the_longer_a_task_takes_the_rarer_it_is_asked_about(earlier: float, later: float) -> None:
    low, high = sorted((earlier, later))
    assert Pace(30).gap(low) <= Pace(30).gap(high)
