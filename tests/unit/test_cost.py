"""The bench of costs, and the estimate in receipts: both count the same things."""

import re
from decimal import Decimal

import pytest

from easel.domain import own_cost as own
from tests.bench import cost
from tests.bench.waiting import DISTRIBUTIONS
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.template import RESOURCES
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_submitted, mule_task


def test_receipt_is_priced_by_the_memory_that_the_template_gives() -> None:
    assert cost.gb("Poll") == own.POLL_GB
    assert cost.gb("Submit") == own.SUBMIT_GB
    assert cost.gb("Api") == cost.gb("Persist") == own.OTHER_GB


@pytest.mark.parametrize("questions", [2, 10, 20])
def test_receipt_agrees_with_the_bench(questions: int) -> None:
    scene = Scene(
        mule_submitted(), *[mule_task("running")] * questions, mule_completed(), links={LINK: picture()}
    )
    made = scene.create(prompt="a sentence of an image " * 10)
    scene.submitter.submit(made.id)
    scene.poller.poll(made.id)
    polled = sum(scene.clock.slept)
    scene.keeper.keep(made.id)
    ended = scene.now(made)
    counted = sum(cost.parts(own.transitions(ended), polled * float(own.POLL_GB), 1).values()) / 1000
    # The scene's vendor accepts at once.
    counted -= float(own.SUBMIT_SECONDS * own.SUBMIT_GB * own.LAMBDA_GB_SECOND)
    assert float(own.own_cost(ended).amount) == pytest.approx(counted, rel=0.03)


def test_way_that_was_built_costs_less_than_a_loop_and_more_than_a_webhook() -> None:
    ways = cost.architectures("10 to 20 s")
    built = sum(ways[cost.BUILT].values())
    assert built < 0.7 * sum(ways[cost.LOOP].values())
    assert sum(ways["a webhook of the vendor's, no workflow"].values()) < built <= cost.TARGET_USD


def test_bench_holds_its_target_on_the_distribution_that_it_is_set_for() -> None:
    aimed = [row for row in cost.rows() if row.target is not None]
    assert [row.held for row in aimed] == [True]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_bill_shows_formulas_that_come_to_what_they_say(name: str) -> None:
    _, *lines, last = cost.bill(name).splitlines()
    told = {}
    for line in lines:
        part, usd, formula = line.split(maxsplit=2)
        told[part] = float(usd)
        figures = re.sub("[A-Za-z=]+", "", formula)
        assert float(usd) == pytest.approx(eval(figures), rel=0.01, abs=1e-4)
    assert float(last.split()[1]) == pytest.approx(sum(told.values()), abs=1e-3)
    known = cost.measure()[name, cost.BUILT]
    assert told == {part: round(usd, 4) for part, usd in known.items() if part != "queue"}


def test_bill_takes_memory_from_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cost.bill("10 to 20 s")
    monkeypatch.setitem(RESOURCES["PersistFunction"]["Properties"], "MemorySize", 1024)
    assert "Persist 0.6 s * 0.5 GB" in before
    assert "Persist 0.6 s * 1 GB" in cost.bill("10 to 20 s")


def test_every_price_has_its_source() -> None:
    for usd, unit, page in cost.PRICES.values():
        assert Decimal(0) < usd < Decimal(1)
        assert unit
        assert page.startswith("aws.amazon.com/")
