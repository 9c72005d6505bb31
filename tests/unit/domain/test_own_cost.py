"""What a generation costs its owner's AWS account, about."""

from datetime import timedelta
from decimal import Decimal

import pytest

from easel.domain.generation import Generation, ResultRef, Status
from easel.domain.own_cost import TRANSITION, own_cost
from tests.fakes.lives import DASH, MULE, NOW, PIXEL, asked, delivered, ended, image, queued, refused


def task(seconds: float) -> Generation:
    """One whose vendor worked on a task for so long."""
    taken = asked(queued(deadline_seconds=3600), MULE).accepted(NOW + timedelta(seconds=1), task_id="t")
    then = NOW + timedelta(seconds=1 + seconds)
    links = (ResultRef(number=0, url="https://x.example"),)
    done = taken.finished(then, links, billed=MULE.price, seed=None, actual_prompt=None)
    return ended(done.kept(then, (image(),)))


def sync(seconds: float) -> Generation:
    """One whose vendor answered after so long with the image itself."""
    then = NOW + timedelta(seconds=seconds)
    links = (ResultRef(number=0, url="https://x.example"),)
    done = asked(queued(), DASH).finished(then, links, billed=DASH.price, seed=None, actual_prompt=None)
    return ended(done.kept(then, (image(),)))


def usd(generation: Generation) -> Decimal:
    cost = own_cost(generation)
    assert cost.currency == "USD"
    return cost.amount


@pytest.mark.parametrize("generation", [task(2), task(30), task(90), sync(10), sync(60)])
def test_usual_one_costs_less_than_a_tenth_of_a_cent(generation: Generation) -> None:
    assert Decimal("0.00015") < usd(generation) < Decimal("0.001")


def test_transitions_of_the_shortest_way_are_the_greater_part() -> None:
    assert 5 * TRANSITION < usd(ended(queued(), Status.CANCELED)) < 10 * TRANSITION


def test_the_longer_a_task_is_polled_the_more_it_costs() -> None:
    costs = [usd(task(seconds)) for seconds in (2, 40, 100, 400, 3000)]
    assert costs == sorted(set(costs))


def test_the_longer_a_synchronous_vendor_is_waited_for_the_more_it_costs() -> None:
    assert usd(sync(60)) - usd(sync(10)) == pytest.approx(
        Decimal(50) * Decimal("0.5") * Decimal("0.0000133334"), abs=Decimal("0.000002")
    )
    assert usd(sync(60)) < usd(task(600)), "a function's minute costs less than transitions over and over"


def test_each_further_ask_and_image_costs_more() -> None:
    once = usd(ended(delivered(queued(n=2), MULE)))
    assert usd(ended(delivered(refused(queued(n=2), PIXEL), MULE))) > once + 2 * TRANSITION
    assert usd(ended(delivered(queued(n=2), MULE, images=2))) == once + Decimal("0.000005")


def test_it_is_a_millionth_of_a_dollar_exact() -> None:
    assert usd(task(77.7)).as_tuple().exponent == -6


def test_one_that_is_still_on_its_way_has_cost_something_already() -> None:
    assert Decimal(0) < usd(queued()) <= usd(asked(queued(), MULE))
