"""What every store of generations must do to list them, in memory and in DynamoDB as moto plays it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from easel.domain.generation import Generation, Status
from easel.errors import InvalidRequestError
from easel.ports import GenerationStore
from tests.contract.generation_stores import ERROR, NOW, make_store, queued

Filled = tuple[GenerationStore, list[Generation]]


@pytest.fixture(scope="module", params=["memory", "dynamodb"])
def filled(request: pytest.FixtureRequest) -> Filled:
    """Many generations of tenant t, newest last: every third has failed, every other is of model m, and
    the oldest one of all is of model rare. Read only."""
    store = make_store(request.param, request)
    made = [queued(now=NOW - timedelta(hours=1), model="rare")]
    made += [queued(now=NOW + timedelta(seconds=n), model="m" if n % 2 else "other") for n in range(40)]
    for number, one in enumerate(made):
        store.create(one, None)
        if number % 3 == 0:
            made[number] = one.settled(NOW, Status.FAILED, ERROR)
            store.save(made[number])
    store.create(queued("somebody else"), None)
    return store, made


def pages(store: GenerationStore, limit: int, **filters: str | None) -> list[list[Generation]]:
    asked = {"status": None, "model": None} | filters
    found, cursor = [], None
    for _ in range(100):
        page = store.list("t", **asked, limit=limit, cursor=cursor)
        found.append(list(page.generations))
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


Wanted = Callable[[Generation], bool]
FILTERS: list[tuple[dict[str, str | None], Wanted]] = [
    ({}, lambda one: True),
    ({"status": "failed"}, lambda one: one.status is Status.FAILED),
    ({"status": "queued"}, lambda one: one.status is Status.QUEUED),
    ({"model": "m"}, lambda one: one.request.model == "m"),
    ({"model": "m", "status": "failed"}, lambda one: one.request.model == "m" and one.terminal),
    ({"model": "nothing"}, lambda one: False),
    ({"status": "expired"}, lambda one: False),
]


@pytest.mark.parametrize("limit", [1, 7, 40, 41, 42, 100])
def test_pages_together_are_the_whole_list_newest_first(filled: Filled, limit: int) -> None:
    store, made = filled
    found = pages(store, limit)
    assert [one for page in found for one in page] == made[::-1]
    assert all(len(page) == limit for page in found[:-1])


@pytest.mark.parametrize(("filters", "wanted"), FILTERS)
@pytest.mark.parametrize("limit", [2, 50])
def test_filtered_pages_together_are_exactly_what_was_wanted(
    filled: Filled, filters: dict[str, str | None], wanted: Wanted, limit: int
) -> None:
    store, made = filled
    found = pages(store, limit, **filters)
    assert [one for page in found for one in page] == [one for one in made[::-1] if wanted(one)]
    assert all(len(page) <= limit for page in found)


def test_rare_match_at_the_far_end_of_a_long_list_is_found(filled: Filled) -> None:
    store, made = filled
    assert [one for page in pages(store, 1, model="rare") for one in page] == [made[0]]


def test_list_of_a_tenant_without_generations_is_empty(filled: Filled) -> None:
    page = filled[0].list("nobody", status=None, model=None, limit=10, cursor=None)
    assert (page.generations, page.cursor) == ((), None)


def test_cursor_of_one_tenant_shows_nothing_of_it_to_another(store: GenerationStore) -> None:
    theirs = queued("thief", now=NOW - timedelta(days=1))
    for one in (queued(), queued(), theirs):
        store.create(one, None)
    cursor = store.list("t", status=None, model=None, limit=1, cursor=None).cursor
    assert cursor is not None
    page = store.list("thief", status=None, model=None, limit=10, cursor=cursor)
    assert page.generations == (theirs,)


@pytest.mark.parametrize("cursor", ["", "x", "gen_1", "\u00e9", "AAAA", "=", "Z2VuXzE", "a" * 5000])
def test_forged_cursor_is_refused_by_its_name(store: GenerationStore, cursor: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        store.list("t", status=None, model=None, limit=1, cursor=cursor)
    assert [problem.field for problem in caught.value.problems] == ["cursor"]
