"""What every store of route states must do: the double in memory, and DynamoDB as moto plays it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from easel.aws.route_states import DynamoRouteStates
from easel.domain.failover import BREAKER_FAILURES, BREAKER_SECONDS, RouteState
from easel.domain.ids import ALPHABET
from easel.domain.latency import SAMPLES_MAX
from easel.ports import RouteStates
from tests.contract.table import THREADS, OneAtATime, at_once, make_table
from tests.fakes.memory import FakeClock
from tests.fakes.memory_routes import MemoryRouteStates

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
ROUTE = "dashscope-intl/qwen-image-plus"
FAR = NOW + timedelta(hours=1)


@pytest.fixture(params=["memory", "dynamodb"])
def states(request: pytest.FixtureRequest) -> RouteStates:
    if request.param == "memory":
        return MemoryRouteStates()
    client = request.getfixturevalue("dynamodb")
    return DynamoRouteStates(OneAtATime(client), make_table(client), FakeClock())


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_route_that_nothing_is_known_of_is_free(states: RouteStates) -> None:
    assert states.read([ROUTE, "b/m"]) == {ROUTE: RouteState(), "b/m": RouteState()}
    assert states.read([]) == {}


def test_state_is_of_one_route_and_of_no_other(states: RouteStates) -> None:
    states.take_slot(ROUTE, 5, NOW, FAR)
    states.failed("b/m", NOW)
    found = states.read([ROUTE, "b/m", "c/m"])
    assert found[ROUTE] == RouteState(next_slot_at=after(5))
    assert found["b/m"] == RouteState(failures=1)
    assert found["c/m"] == RouteState()


def test_slots_follow_each_other_at_the_spacing(states: RouteStates) -> None:
    given = [states.take_slot(ROUTE, 0.5, NOW, FAR) for _ in range(4)]
    assert given == [NOW, after(0.5), after(1), after(1.5)]


def test_slots_that_nobody_took_are_not_made_up_for(states: RouteStates) -> None:
    states.take_slot(ROUTE, 30, NOW, FAR)
    given = [states.take_slot(ROUTE, 30, after(300), FAR) for _ in range(2)]
    assert given == [after(300), after(330)]


def test_slot_beyond_the_latest_is_not_given_and_not_lost(states: RouteStates) -> None:
    states.take_slot(ROUTE, 30, NOW, FAR)
    assert states.take_slot(ROUTE, 30, NOW, after(29)) is None
    assert states.take_slot(ROUTE, 30, NOW, after(30)) == after(30)
    assert states.read([ROUTE])[ROUTE].next_slot_at == after(60)


@pytest.mark.parametrize("spacing", [0.5, 30.0])
def test_slots_are_never_given_twice_and_never_too_dense(states: RouteStates, spacing: float) -> None:
    given = at_once(lambda _: take_until_given(states, spacing))
    assert sorted(given) == [after(spacing * number) for number in range(THREADS)]


def take_until_given(states: RouteStates, spacing: float) -> datetime:
    """The store may give up under such a crowd; it must not give what it gave before."""
    for _ in range(50):
        slot = states.take_slot(ROUTE, spacing, NOW, FAR)
        if slot is not None:
            return slot
    raise AssertionError("no slot")


def test_vendor_that_asks_for_patience_gets_it(states: RouteStates) -> None:
    states.pause(ROUTE, after(20))
    assert states.take_slot(ROUTE, 5, NOW, FAR) == after(20)
    assert states.take_slot(ROUTE, 5, NOW, FAR) == after(25)


def test_pause_never_brings_slots_forward(states: RouteStates) -> None:
    states.pause(ROUTE, after(20))
    states.pause(ROUTE, after(10))
    assert states.read([ROUTE])[ROUTE].next_slot_at == after(20)


def take(states: RouteStates, holder: str, *, now: datetime = NOW, until: datetime = FAR) -> bool:
    return states.take_place(ROUTE, holder, 2, now, until)


def test_places_are_bounded(states: RouteStates) -> None:
    assert [take(states, holder) for holder in ("a", "b", "c")] == [True, True, False]
    assert set(states.read([ROUTE])[ROUTE].places) == {"a", "b"}


def test_place_is_taken_once_by_one_holder(states: RouteStates) -> None:
    assert [take(states, "a"), take(states, "a"), take(states, "b"), take(states, "b")] == [True] * 4
    assert not take(states, "c")


def test_freed_place_is_free(states: RouteStates) -> None:
    for holder in ("a", "b"):
        take(states, holder)
    states.free_place(ROUTE, "a")
    states.free_place(ROUTE, "a")
    assert take(states, "c")
    assert not take(states, "a")


def test_freeing_what_was_never_taken_is_harmless(states: RouteStates) -> None:
    states.free_place(ROUTE, "a")
    assert take(states, "a")


def test_lost_place_is_free_at_its_time_and_not_before(states: RouteStates) -> None:
    take(states, "a", until=after(60))
    take(states, "b", until=after(90))
    assert not take(states, "c", now=after(59))
    assert take(states, "c", now=after(60))
    assert not take(states, "d", now=after(61))
    assert take(states, "d", now=after(90))


def test_of_many_that_come_at_once_only_so_many_get_a_place(states: RouteStates) -> None:
    got = at_once(lambda number: take(states, f"holder-{number}"))
    assert sum(got) == 2
    assert len(states.read([ROUTE])[ROUTE].places) == 2


def open_breaker(states: RouteStates, now: datetime = NOW) -> None:
    for _ in range(BREAKER_FAILURES):
        states.failed(ROUTE, now)


def test_route_is_left_alone_after_so_many_failures_in_a_row(states: RouteStates) -> None:
    for number in range(1, BREAKER_FAILURES):
        states.failed(ROUTE, NOW)
        assert states.read([ROUTE])[ROUTE] == RouteState(failures=number)
    states.failed(ROUTE, NOW)
    state = states.read([ROUTE])[ROUTE]
    assert (state.failures, state.open_until) == (5, after(BREAKER_SECONDS))


def test_success_in_between_starts_the_count_again(states: RouteStates) -> None:
    for _ in range(BREAKER_FAILURES - 1):
        states.failed(ROUTE, NOW)
    states.succeeded(ROUTE)
    states.failed(ROUTE, NOW)
    assert states.read([ROUTE])[ROUTE] == RouteState(failures=1)


def test_failures_at_once_are_all_counted(states: RouteStates) -> None:
    at_once(lambda _: states.failed(ROUTE, NOW))
    assert states.read([ROUTE])[ROUTE].failures == THREADS


def test_nobody_probes_before_the_time(states: RouteStates) -> None:
    open_breaker(states)
    assert not states.probe(ROUTE, after(BREAKER_SECONDS - 1))


def test_one_of_many_probes_and_the_next_one_after_the_same_while(states: RouteStates) -> None:
    open_breaker(states)
    assert sum(at_once(lambda _: states.probe(ROUTE, after(BREAKER_SECONDS)))) == 1
    assert not states.probe(ROUTE, after(2 * BREAKER_SECONDS - 1))
    assert states.probe(ROUTE, after(2 * BREAKER_SECONDS))


def test_probe_that_succeeded_closes_the_breaker(states: RouteStates) -> None:
    open_breaker(states)
    states.probe(ROUTE, after(BREAKER_SECONDS))
    states.succeeded(ROUTE)
    assert states.read([ROUTE])[ROUTE] == RouteState()


def test_probe_that_failed_leaves_the_route_alone_again(states: RouteStates) -> None:
    open_breaker(states)
    probed = after(BREAKER_SECONDS)
    states.probe(ROUTE, probed)
    states.failed(ROUTE, probed + timedelta(seconds=3))
    assert states.read([ROUTE])[ROUTE].open_until == probed + timedelta(seconds=3 + BREAKER_SECONDS)


def test_success_of_a_route_without_failures_changes_nothing(states: RouteStates) -> None:
    states.take_slot(ROUTE, 5, NOW, FAR)
    states.succeeded(ROUTE)
    assert states.read([ROUTE])[ROUTE] == RouteState(next_slot_at=after(5))


def test_writer_that_died_before_it_could_open_the_breaker_leaves_no_route_dead(dynamodb: Any) -> None:
    states = DynamoRouteStates(dynamodb, make_table(dynamodb), FakeClock())
    update, calls = states._update, 0

    def dies(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > BREAKER_FAILURES:
            raise ConnectionError("killed")
        return update(*arguments, **more)

    states._update = dies  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        open_breaker(states)
    states._update = update  # type: ignore[method-assign]
    assert states.read([ROUTE])[ROUTE] == RouteState(failures=5)
    assert states.probe(ROUTE, NOW)
    assert not states.probe(ROUTE, NOW)


def test_foreign_faults_of_the_table_are_not_mistaken_for_conditions(dynamodb: Any) -> None:
    lost = DynamoRouteStates(dynamodb, "no-such-table", FakeClock())
    with pytest.raises(ClientError):
        lost.take_slot(ROUTE, 5, NOW, FAR)
    with pytest.raises(ClientError):
        lost.probe(ROUTE, NOW)


# ── How long results took ─────────────────────────────────────────────────────────────────────────────


def generation_ids(count: int) -> list[str]:
    """Ids whose last characters are all that there are, over and over."""
    return [f"gen_01ARYZ6S41000000000000000{ALPHABET[number % 32]}" for number in range(count)]


def test_what_results_took_is_known_of_their_route_only(states: RouteStates) -> None:
    now = datetime.now(UTC)
    for holder, seconds in zip(generation_ids(3), (1.5, 30.25, 0.001), strict=True):
        states.took(ROUTE, holder, seconds, now)
    found = states.read([ROUTE, "b/m"])
    assert sorted(found[ROUTE].took) == [0.001, 1.5, 30.25]
    assert found["b/m"].took == ()


def test_of_very_many_results_no_more_are_kept_than_are_looked_at_and_old_ones_make_room(
    states: RouteStates,
) -> None:
    now = datetime.now(UTC)
    for number, holder in enumerate(generation_ids(3 * SAMPLES_MAX)):
        states.took(ROUTE, holder, number, now)
    took = states.read([ROUTE])[ROUTE].took
    assert len(took) == SAMPLES_MAX
    assert min(took) == 2 * SAMPLES_MAX


def test_time_that_a_result_took_leaves_the_rest_of_the_state_alone(states: RouteStates) -> None:
    states.take_slot(ROUTE, 5, NOW, FAR)
    states.failed(ROUTE, NOW)
    states.took(ROUTE, generation_ids(1)[0], 3, datetime.now(UTC))
    assert states.read([ROUTE])[ROUTE] == RouteState(next_slot_at=after(5), failures=1, took=(3.0,))


def test_latencies_of_yesterday_say_nothing_of_today(dynamodb: Any) -> None:
    states = DynamoRouteStates(dynamodb, make_table(dynamodb), FakeClock())
    now = datetime.now(UTC)
    one, two, three = generation_ids(3)
    states.took(ROUTE, one, 1, now - timedelta(hours=25))
    states.took(ROUTE, two, 2, now - timedelta(hours=23))
    states.took(ROUTE, three, 3, now)
    assert sorted(states.read([ROUTE])[ROUTE].took) == [2, 3]
