"""Cancel: ends a generation at every moment, and says honestly what may still be billed."""

from typing import Any

import pytest

from easel.domain.generation import AttemptState, Generation, Status
from easel.domain.money import Money
from easel.errors import ConflictError, NotFoundError, VersionConflictError
from easel.receipt import receipt
from easel.steps.base import Next
from easel.wire import HttpResponse
from tests.fakes.fuse import before_next
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.steps.vendor_words import (
    LINK,
    mule_completed,
    mule_error,
    mule_submitted,
    mule_task,
)

PRICE = Money.of("0.075", "USD")


def moment(scene: Scene, status: Status) -> Generation:
    """A generation that has come as far as `status`."""
    answers: dict[Status, list[HttpResponse | Exception]] = {
        Status.SUBMITTING: [mule_error(401)],
        Status.PROCESSING: [mule_submitted()],
        Status.PERSISTING: [mule_completed()],
    }
    scene.script.answers = answers.get(status, [])
    routes = ["mulerouter/qwen-image-max", "dashscope-intl/qwen-image-max"]
    made = scene.create(route=routes)
    if status is not Status.QUEUED:
        scene.submitter.submit(made.id)
    assert scene.now(made).status is status
    return made


def cancel(scene: Scene, generation: Generation) -> Generation:
    return scene.canceler.cancel(TENANT, generation.id)


COSTS = [
    (Status.QUEUED, None, None),
    (Status.SUBMITTING, None, None),
    (Status.PROCESSING, None, PRICE),
    (Status.PERSISTING, PRICE, None),
]


@pytest.mark.parametrize(("status", "billed", "possibly_billed"), COSTS)
def test_generation_is_canceled_at_every_moment_with_what_it_costs(
    status: Status, billed: Money | None, possibly_billed: Money | None
) -> None:
    scene = Scene(links={LINK: picture()})
    made = moment(scene, status)
    canceled = cancel(scene, made)
    assert scene.now(made) == canceled
    assert (canceled.status, canceled.ended_at) == (Status.CANCELED, scene.clock.now())
    assert canceled.error is not None
    assert canceled.error.code == "canceled"
    told = receipt(canceled)
    assert told["billed"] == (billed.model_dump(mode="json") if billed else None)
    assert told["possibly_billed"] == (possibly_billed.model_dump(mode="json") if possibly_billed else None)
    assert all(one.ended_at for one in canceled.attempts)


@pytest.mark.parametrize("status", [status for status, *_ in COSTS])
def test_step_that_runs_after_the_cancel_asks_nobody_keeps_nothing_and_settles(status: Status) -> None:
    scene = Scene(links={LINK: picture()})
    made = moment(scene, status)
    canceled = cancel(scene, made)
    asked = len(scene.script.asked)
    for step in (scene.submitter.submit, scene.poller.poll):
        assert step(made.id) == Next(made.id, "settle")
    assert scene.persister.persist(made.id) == canceled
    assert scene.settler.settle(made.id)["status"] == "canceled"
    assert [name for name, _ in scene.bus.events] == ["Image Generation Canceled"]
    assert scene.now(made) == canceled
    assert scene.images.objects == {}
    assert len(scene.script.asked) == asked


def in_flight(answer: HttpResponse, *before: HttpResponse) -> tuple[Scene, Generation]:
    """A generation that is canceled while the vendor is being asked; the answer comes afterwards."""
    scene = Scene(*before, links={LINK: picture()})
    made = scene.create()
    if before:
        scene.submitter.submit(made.id)

    def cancel_meanwhile(*_: Any, **__: Any) -> HttpResponse:
        cancel(scene, made)
        return answer

    scene.script.send = cancel_meanwhile  # type: ignore[method-assign]
    return scene, made


@pytest.mark.parametrize("answer", [mule_submitted(), mule_completed()])
def test_cancel_while_the_vendor_is_being_asked_says_that_it_may_be_billed(answer: HttpResponse) -> None:
    scene, made = in_flight(answer)
    with pytest.raises(VersionConflictError):
        scene.submitter.submit(made.id)
    ended = scene.now(made)
    assert ended.status is Status.CANCELED
    assert (ended.current_attempt.state, ended.current_attempt.possibly_billed) == (
        AttemptState.UNKNOWN,
        PRICE,
    )
    assert scene.submitter.submit(made.id) == Next(made.id, "settle")


@pytest.mark.parametrize("answer", [mule_task("running"), mule_completed()])
def test_result_that_arrives_after_the_cancel_is_not_kept(answer: HttpResponse) -> None:
    scene, made = in_flight(answer, mule_submitted())
    try:
        scene.poller.poll(made.id)
    except VersionConflictError:
        assert scene.poller.poll(made.id) == Next(made.id, "settle")
    ended = scene.now(made)
    assert (ended.status, ended.images) == (Status.CANCELED, ())
    assert ended.current_attempt.results == (), "its links are secrets, and of no more use"
    assert ended.current_attempt.possibly_billed == PRICE


def test_cancel_while_images_are_being_kept_wins_or_loses_as_a_whole() -> None:
    scene = Scene(mule_completed(), links={LINK: picture()})
    made = scene.create()
    scene.submitter.submit(made.id)
    put = scene.images.put

    def cancel_meanwhile(*arguments: Any) -> None:
        put(*arguments)
        cancel(scene, made)

    scene.images.put = cancel_meanwhile  # type: ignore[assignment, method-assign]
    with pytest.raises(VersionConflictError):
        scene.persister.persist(made.id)
    ended = scene.now(made)
    assert (ended.status, ended.images, ended.current_attempt.billed) == (Status.CANCELED, (), PRICE)


def test_cancel_that_loses_a_race_looks_again() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    before_next(scene.store, "save", lambda: scene.submitter.submit(made.id))
    canceled = cancel(scene, made)
    assert canceled.status is Status.CANCELED
    assert canceled.current_attempt.possibly_billed == PRICE


def test_generation_that_never_holds_still_is_a_conflict_and_not_an_endless_loop() -> None:
    scene = Scene()
    made = scene.create()

    def race(_: Generation) -> None:
        raise VersionConflictError("raced")

    scene.store.save = race  # type: ignore[assignment, method-assign]
    with pytest.raises(ConflictError):
        cancel(scene, made)


def test_canceling_twice_is_as_good_as_once() -> None:
    scene = Scene()
    made = scene.create()
    first = cancel(scene, made)
    scene.clock.sleep(5)
    assert cancel(scene, made) == first
    assert [name for name, _ in scene.bus.events] == ["Image Generation Canceled"], "told at once, and once"


def test_generation_that_has_ended_otherwise_is_a_conflict_that_says_so() -> None:
    scene = Scene(mule_error(400))
    made = scene.create()
    scene.submitter.submit(made.id)
    scene.settler.settle(made.id)
    ended = scene.now(made)
    with pytest.raises(ConflictError, match="failed"):
        cancel(scene, made)
    assert scene.now(made) == ended


@pytest.mark.parametrize("tenant", ["other", ""])
def test_somebody_elses_generation_is_not_there(tenant: str) -> None:
    scene = Scene()
    made = scene.create()
    with pytest.raises(NotFoundError):
        scene.canceler.cancel(tenant, made.id)
    assert scene.now(made).status is Status.QUEUED
