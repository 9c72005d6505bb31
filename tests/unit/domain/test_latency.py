"""How long a route takes, from what it lately took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.latency import SAMPLES_MIN, Expectation, expectation

SECONDS = st.floats(0.001, 10_000, allow_nan=False)


@pytest.mark.parametrize("took", [(), (1.0,), (1.0, 500.0)])
def test_too_few_latencies_are_chance_and_the_catalogue_is_believed(took: tuple[float, ...]) -> None:
    assert expectation(took, 30) == Expectation(quick=3, typical=30, slow=60, samples=0)


def test_enough_latencies_are_believed_whatever_the_catalogue_says() -> None:
    assert expectation([7.0] * SAMPLES_MIN, 30) == Expectation(
        quick=7, typical=7, slow=7, samples=SAMPLES_MIN
    )


@pytest.mark.parametrize(
    ("took", "typical", "slow"),
    [
        ([3.0, 1.0, 2.0], 2.0, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 2.5, 4.0),
        ([float(n) for n in range(1, 11)], 5.5, 9.0),
        ([float(n) for n in range(1, 33)], 16.5, 29.0),
        ([10.0, 10.0, 10.0, 10.0, 3000.0], 10.0, 3000.0),
        ([10.0] * 31 + [3000.0], 10.0, 10.0),
        ([1.23456, 1.23456, 1.23456], 1.235, 1.235),
    ],
)
def test_half_were_quicker_than_typical_and_nine_of_ten_than_slow(
    took: list[float], typical: float, slow: float
) -> None:
    expected = expectation(took, 30)
    assert (expected.typical, expected.slow, expected.samples) == (typical, slow, len(took))
    assert expected.quick == round(min(took), 3)


@given(took=st.lists(SECONDS, max_size=40), usual=SECONDS)
def test_expectation_lies_within_what_was_seen(took: list[float], usual: float) -> None:
    expected = expectation(took, usual)
    assert expected.quick <= expected.typical <= expected.slow
    if expected.samples:
        assert min(took) - 0.001 <= expected.typical
        assert expected.slow <= max(took) + 0.001
        quicker = sum(one <= expected.slow + 0.001 for one in took)
        assert quicker >= 0.9 * len(took)


@given(took=st.lists(SECONDS, min_size=3, max_size=20), data=st.data())
def test_order_in_which_they_were_seen_does_not_count(took: list[float], data: st.DataObject) -> None:
    assert expectation(data.draw(st.permutations(took)), 1) == expectation(took, 1)
