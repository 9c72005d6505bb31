"""Holding synchronous requests: a generation answers one of them, and is bought once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from easel.domain.generation import Generation, GenerationError, Status
from easel.domain.holding import HOLD_SECONDS, Held, Patience
from easel.domain.ids import is_generation_id
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import ApiKey, Caller
from easel.errors import InvalidRequestError, StillWorkingError
from easel.steps.hold import Holder, fingerprint_of
from easel.steps.read import Reader
from tests.fakes.memory import FakeClock, MemoryGenerations, MemoryUndelivered

CALLER = Caller(tenant="default")
REQUEST = GenerationRequest(model="qwen-image-max", prompt="a lighthouse")
ASKED = fingerprint_of(CALLER, "openai", REQUEST)


class Agenda(FakeClock):
    """Time in which things happen: other requests come, generations end."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[tuple[float, Callable[[], object]]] = []
        self.began = self.time

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        self.due = sorted([*self.due, (seconds, action)], key=lambda one: one[0])

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        while self.due and self.due[0][0] <= (self.time - self.began).total_seconds():
            self.due.pop(0)[1]()


class Desk:
    """A holder, and generations that take `takes` seconds each."""

    def __init__(self, takes: float = 10) -> None:
        self.clock = Agenda()
        self.store = MemoryGenerations(self.clock.now)
        self.undelivered = MemoryUndelivered()
        self.holder = Holder(self.undelivered, Reader(self.store, self.clock), self.clock)
        self.takes = takes

    @property
    def made(self) -> list[str]:
        return list(self.store.records)

    def make(self, generation_id: str) -> Generation:
        now = self.clock.now()
        made = Generation.create(generation_id, "default", REQUEST, ("a/b",), Money.of("1", "USD"), now)
        self.store.create(made, None)
        passed = (now - self.clock.began).total_seconds()
        self.clock.at(passed + self.takes, lambda: self.end(generation_id))
        return made

    def end(self, generation_id: str) -> None:
        error = GenerationError(code="moderation", message="refused")
        ended = self.store.records[generation_id].settled(self.clock.now(), Status.FAILED, error)
        self.store.save(ended)

    def ask(self, *, retries: int = 0, seconds: float = HOLD_SECONDS, asked: str = ASKED) -> str:
        """The id of the generation that a request is answered with."""
        client = Patience(retries, seconds, waits_seconds=120)
        ended = self.holder.hold(CALLER, asked, self.make, client)
        assert ended.terminal
        return ended.id

    def refused(self, *, retries: int = 0, seconds: float = HOLD_SECONDS) -> int:
        """When a request is told to come again."""
        with pytest.raises(StillWorkingError) as told:
            self.ask(retries=retries, seconds=seconds)
        assert told.value.retry_after_seconds is not None
        return told.value.retry_after_seconds

    def come_again(self) -> str:
        """A retry at the time that the first request's refusal named."""
        self.clock.sleep(self.refused())
        return self.ask(retries=1)


def test_request_is_held_until_its_generation_has_ended() -> None:
    desk = Desk(takes=10)
    answered = desk.ask()
    assert desk.made == [answered]
    assert is_generation_id(answered)
    assert 10 <= (desk.clock.now() - desk.clock.began).total_seconds() < 11


def test_request_is_held_no_longer_than_the_api_lets_it() -> None:
    desk = Desk(takes=60)
    desk.refused(seconds=100)
    assert desk.clock.now() - desk.clock.began == timedelta(seconds=25)


def test_refusal_names_the_generation_and_when_to_come_again() -> None:
    desk = Desk(takes=60)
    with pytest.raises(StillWorkingError, match="gen_") as told:
        desk.ask()
    assert desk.made[0] in told.value.detail
    assert (told.value.status, told.value.code) == (409, "still_working")
    assert told.value.retry_after_seconds == 25


def test_retry_resumes_the_same_generation() -> None:
    desk = Desk(takes=60)
    assert [desk.come_again()] == desk.made


@pytest.mark.parametrize("later", [0, 600])
def test_new_request_resumes_what_was_given_up_too(later: float) -> None:
    desk = Desk(takes=30)
    desk.refused()
    desk.clock.sleep(later)
    assert [desk.ask()] == desk.made


def test_what_was_answered_is_not_answered_again() -> None:
    desk = Desk()
    assert desk.ask() != desk.ask()
    assert len(desk.made) == 2


def test_request_for_something_else_resumes_nothing() -> None:
    desk = Desk(takes=60)
    desk.refused()
    desk.takes = 1
    desk.ask(retries=1, asked="another")
    assert len(desk.made) == 2


def test_two_who_ask_for_the_same_at_once_get_two() -> None:
    desk = Desk(takes=10)
    answered: list[str] = []
    desk.clock.at(2, lambda: answered.append(desk.ask()))
    answered.append(desk.ask())
    assert sorted(answered) == sorted(desk.made)
    assert len(desk.made) == 2


def test_two_who_ask_for_the_same_and_come_again_get_two() -> None:
    desk = Desk(takes=60)
    desk.clock.at(2, desk.refused)
    desk.refused()
    assert len(desk.made) == 2
    desk.clock.sleep(30)
    answered: list[str] = []
    desk.clock.at(61, lambda: answered.append(desk.ask(retries=1)))
    answered.append(desk.ask(retries=1))
    assert sorted(answered) == sorted(desk.made)
    assert len(set(answered)) == 2


def test_of_many_retries_at_once_each_gets_another_one() -> None:
    desk = Desk(takes=60)
    for second in range(1, 12):
        desk.clock.at(second, desk.refused)
    desk.refused()
    made = desk.made
    assert len(made) == 12
    desk.clock.sleep(90)
    together = threading.Barrier(12)

    def retry(_: int) -> str:
        together.wait(timeout=10)
        return desk.ask(retries=1)

    with ThreadPoolExecutor(12) as pool:
        answered = list(pool.map(retry, range(12), timeout=30))
    assert sorted(answered) == sorted(made) == sorted(desk.made)


def test_who_loses_what_it_found_to_somebody_else_goes_on_to_the_next() -> None:
    desk = Desk(takes=30)
    desk.clock.at(2, desk.refused)
    desk.refused()
    made, answered = desk.made, list[str]()
    look = desk.undelivered.of

    def look_too_late(fingerprint: str, now: datetime) -> Sequence[Held]:
        found = look(fingerprint, now)
        if not answered:
            desk.undelivered.of = look  # type: ignore[method-assign]
            answered.append(desk.ask(retries=1))
        return found

    desk.undelivered.of = look_too_late  # type: ignore[method-assign]
    answered.append(desk.ask(retries=1))
    assert sorted(answered) == sorted(made) == sorted(desk.made)


def test_retry_of_a_client_that_is_gone_buys_nothing_and_gets_the_answer() -> None:
    """The client gave up after 5 s; the function that held its request lives on."""
    desk = Desk(takes=10)
    answered: list[str] = []
    desk.clock.at(5, lambda: answered.append(desk.ask(retries=1)))
    desk.refused()
    assert answered == desk.made


def test_request_whose_generation_a_retry_took_comes_again_and_gets_its_own() -> None:
    desk = Desk(takes=10)
    answered: list[str] = []
    desk.clock.at(5, lambda: answered.append(desk.ask(retries=1)))
    assert desk.refused() == 2
    desk.clock.sleep(15)
    answered.append(desk.ask(retries=1))
    assert len(set(answered)) == len(desk.made) == 2


def test_retry_takes_nothing_from_a_retry_of_somebody_else() -> None:
    desk = Desk(takes=10)
    answered: list[str] = []
    desk.clock.at(5, lambda: answered.append(desk.ask(retries=1)))
    answered.append(desk.ask(retries=1))
    assert len(set(answered)) == len(desk.made) == 2


def test_client_that_is_gone_again_and_again_buys_once() -> None:
    """Each of its requests lives on in the function that holds it."""
    desk = Desk(takes=15)
    answered: list[str] = []
    desk.clock.at(3, lambda: desk.refused(retries=1))
    desk.clock.at(6, lambda: desk.refused(retries=2))
    desk.clock.at(9, lambda: answered.append(desk.ask(retries=3)))
    desk.refused()
    assert answered == desk.made


def test_retry_without_anything_to_resume_makes_its_own() -> None:
    desk = Desk()
    assert [desk.ask(retries=1)] == desk.made


def test_retry_whose_answer_was_lost_on_its_way_gets_the_same_again() -> None:
    desk = Desk()
    answered = desk.ask()
    desk.clock.sleep(1)
    assert desk.ask(retries=1) == answered
    assert desk.made == [answered]


def test_retry_gets_nothing_that_was_answered_long_ago() -> None:
    desk = Desk()
    answered = desk.ask()
    desk.clock.sleep(11)
    assert desk.ask(retries=1) != answered


def test_refused_request_leaves_nothing_to_resume() -> None:
    desk = Desk()

    def refuse(_: str) -> Generation:
        raise InvalidRequestError("no such model")

    with pytest.raises(InvalidRequestError):
        desk.holder.hold(CALLER, ASKED, refuse)
    (entry,) = desk.undelivered.entries.values()
    assert desk.ask(retries=1) != entry.generation_id


@pytest.mark.parametrize("retries", [0, 1])
def test_request_that_died_while_making_is_resumed_under_its_id(retries: int) -> None:
    desk = Desk()
    seen: list[str] = []

    def die_before(generation_id: str) -> Generation:
        seen.append(generation_id)
        raise ConnectionError("killed")

    with pytest.raises(ConnectionError):
        desk.holder.hold(CALLER, ASKED, die_before)
    desk.clock.sleep(1 if retries else HOLD_SECONDS + 5)
    assert desk.ask(retries=retries) == seen[0]
    assert desk.made == seen


def test_request_that_died_after_making_is_resumed() -> None:
    desk = Desk()

    def die_after(generation_id: str) -> Generation:
        desk.make(generation_id)
        raise ConnectionError("killed")

    with pytest.raises(ConnectionError):
        desk.holder.hold(CALLER, ASKED, die_after)
    assert [desk.ask(retries=1)] == desk.made


def test_nobody_resumes_what_was_given_up_an_hour_ago() -> None:
    desk = Desk(takes=60)
    desk.refused()
    desk.clock.sleep(3600)
    desk.takes = 1
    desk.ask(retries=1)
    assert len(desk.made) == 2


def test_default_retries_of_the_openai_sdk_reach_three_minutes() -> None:
    desk = Desk(takes=190)
    desk.clock.sleep(desk.refused())
    desk.clock.sleep(desk.refused(retries=1))
    assert [desk.ask(retries=1)] == desk.made


def key(name: str) -> ApiKey:
    return ApiKey(id=name, tenant="default", prefix="ek_")


@pytest.mark.parametrize(
    ("caller", "door", "request_"),
    [
        (Caller(tenant="other"), "openai", REQUEST),
        (Caller(tenant="default", key=key("key_2")), "openai", REQUEST),
        (CALLER, "dashscope", REQUEST),
        (CALLER, "openai", REQUEST.model_copy(update={"seed": 7})),
    ],
)
def test_fingerprint_is_of_tenant_key_door_and_what_is_asked(
    caller: Caller, door: str, request_: GenerationRequest
) -> None:
    assert fingerprint_of(caller, door, request_) != ASKED
    assert fingerprint_of(Caller(tenant="default"), "openai", REQUEST.model_copy()) == ASKED
