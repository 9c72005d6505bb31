"""Read: one generation, waited for if the caller likes, or a page of them."""

import pytest

from easel.domain.generation import GenerationError, Status
from easel.domain.ids import new_generation_id
from easel.domain.tenancy import Caller
from easel.errors import InvalidRequestError, NotFoundError
from tests.fakes.scene import TENANT, Scene

ERROR = GenerationError(code="c", message="m")


def test_generation_is_read_at_once_where_no_wait_is_asked_for() -> None:
    scene = Scene()
    made = scene.create()
    assert scene.reader.get(TENANT, made.id) == made
    assert scene.clock.slept == []


def test_wait_ends_when_the_generation_does() -> None:
    scene = Scene()
    made = scene.create()
    sleep = scene.clock.sleep

    def ends_meanwhile(seconds: float) -> None:
        sleep(seconds)
        if len(scene.clock.slept) == 3:
            scene.store.save(made.settled(scene.clock.now(), Status.CANCELED, ERROR))

    scene.clock.sleep = ends_meanwhile  # type: ignore[method-assign]
    assert scene.reader.get(TENANT, made.id, 25).status is Status.CANCELED
    assert sum(scene.clock.slept) < 5


@pytest.mark.parametrize(("asked", "waited"), [(3, 3), (0.2, 0.2), (25, 25), (1000, 25)])
def test_wait_without_an_end_is_bounded(asked: float, waited: float) -> None:
    scene = Scene()
    made = scene.create()
    assert scene.reader.get(TENANT, made.id, asked).status is Status.QUEUED
    assert sum(scene.clock.slept) == pytest.approx(waited)


def test_ended_generation_is_not_waited_for() -> None:
    scene = Scene()
    made = scene.create()
    scene.store.save(made.settled(scene.clock.now(), Status.CANCELED, ERROR))
    assert scene.reader.get(TENANT, made.id, 25).terminal
    assert scene.clock.slept == []


def test_what_is_somebody_elses_and_what_does_not_exist_are_told_alike() -> None:
    scene = Scene()
    made = scene.create()
    with pytest.raises(NotFoundError) as foreign:
        scene.reader.get("other", made.id, 25)
    missing_id = new_generation_id(scene.clock.now())
    with pytest.raises(NotFoundError) as missing:
        scene.reader.get(TENANT, missing_id, 25)
    assert foreign.value.detail.replace(made.id, "X") == missing.value.detail.replace(missing_id, "X")
    assert scene.clock.slept == []


@pytest.mark.parametrize("text", ["", "gen_", "../../etc/passwd", "x" * 10_000])
def test_text_that_is_no_id_is_not_found_and_not_repeated_at_length(text: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        Scene().reader.get(TENANT, text)
    assert len(caught.value.detail) < 100


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_limit_out_of_range_is_refused_with_the_range(limit: int) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Scene().reader.list(TENANT, status=None, model=None, limit=limit, cursor=None)
    (problem,) = caught.value.problems
    assert (problem.field, problem.limit) == ("limit", "1 to 100")


def test_status_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Scene().reader.list(TENANT, status="done", model=None, limit=1, cursor=None)
    (problem,) = caught.value.problems
    assert problem.field == "status"
    assert problem.allowed == tuple(status.value for status in Status)


def test_list_shows_only_the_tenants_own_newest_first() -> None:
    scene = Scene()
    ids = []
    for _ in range(3):
        ids.append(scene.create().id)
        scene.clock.sleep(1)
    scene.creator.create(Caller(tenant="other"), scene.create().request)
    page = scene.reader.list(TENANT, status="queued", model="qwen-image-max", limit=100, cursor=None)
    assert [one.id for one in page.generations][1:] == ids[::-1]
    assert page.cursor is None
