"""Who may take over what a synchronous caller was not answered with, and when it is worth coming again."""

from datetime import UTC, datetime, timedelta

import pytest

from easel.domain.generation import Generation
from easel.domain.holding import KEPT, KEPT_ANSWERED, Held, Patience, come_again_seconds, resumable
from easel.domain.latency import Expectation
from easel.domain.money import Money
from easel.domain.request import GenerationRequest

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def held(name: str, *, retries: int = 0, until: float = 29) -> Held:
    return Held.new(name, "stamp", after(until), NOW, retries)


def names(entries: list[Held]) -> list[str]:
    return [one.generation_id for one in entries]


def test_what_nobody_holds_is_taken_newest_first() -> None:
    entries = [held("a", until=5), held("c", until=5), held("b", until=5)]
    for retries in (0, 1):
        assert names(resumable(entries, after(5), retries)) == ["c", "b", "a"]
        assert resumable(entries, after(4.9), retries=0) == []


def test_retry_takes_from_first_requests_after_what_nobody_holds_and_before_what_was_answered() -> None:
    entries = [held("a").closed("s", NOW), held("c"), held("b").given_up("s", NOW)]
    assert names(resumable(entries, after(1), retries=1)) == ["b", "c", "a"]
    assert names(resumable(entries, after(1), retries=0)) == ["b"]


def test_nobody_takes_from_a_client_that_asked_as_often_until_its_time_is_over() -> None:
    entry = held("a").taken("s", after(30), retries=1)
    assert resumable([entry], after(29), retries=1) == []
    assert resumable([entry], after(29), retries=2) == [entry]
    assert resumable([entry], after(30), retries=0) == [entry]


def test_who_asks_again_takes_first_what_its_own_last_request_may_have_held() -> None:
    entries = [held("b"), held("a", retries=1), held("c")]
    assert names(resumable(entries, NOW, retries=2)) == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        (held("a"), KEPT),
        (held("a").closed("s", NOW), KEPT_ANSWERED),
    ],
)
def test_entry_is_found_for_a_bounded_time(entry: Held, kept: timedelta) -> None:
    assert resumable([entry], NOW + kept, retries=1) == []
    assert resumable([entry], NOW + kept - timedelta(seconds=1), retries=1) == [entry]


def test_entry_of_a_refused_request_is_not_found() -> None:
    assert resumable([held("a").forgotten("s", NOW)], NOW, retries=1) == []


def sdk(retries: int) -> Patience:
    return Patience(retries, waits_seconds=120)


def generation(typical: float | None, deadline: int = 3600) -> Generation:
    request = GenerationRequest(model="qwen-image-max", prompt="p", deadline_seconds=deadline)
    expected = Expectation(typical=typical, slow=2 * typical) if typical else None
    return Generation.create("g", "t", request, ("a/b",), Money.of("1", "USD"), NOW, expected=expected)


@pytest.mark.parametrize(
    ("typical", "took", "retries", "seconds"),
    [
        (30, 25, 0, 7),  # 30 s and 2 s of our own
        (90, 25, 0, 67),
        (300, 25, 0, 120),
        (20, 25, 0, 17),  # the slow ones take 40 s
        (22, 23, 0, 2),
        (10, 25, 0, 13),  # it takes longer than expected: half as long again
        (None, 25, 0, 25),
        (30, 60, 1, 120),
        (30, 30, 1, 60),
        (300, 5, 1, 120),
        (None, 0, 1, 2),
    ],
)
def test_client_is_told_to_come_when_it_is_worth_it(
    typical: float | None, took: float, retries: int, seconds: int
) -> None:
    assert come_again_seconds(generation(typical), after(took), sdk(retries)) == seconds


def test_client_is_not_told_to_come_after_the_deadline() -> None:
    assert come_again_seconds(generation(300, deadline=60), after(25), sdk(1)) == 35


def test_client_of_which_nothing_is_known_is_told_to_come_within_a_minute() -> None:
    assert come_again_seconds(generation(300), after(25), Patience()) == 59
