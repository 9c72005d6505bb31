"""Reconcile: whatever nobody carries goes on, or is brought to its end; nothing else is touched."""

from datetime import timedelta
from typing import Any

import pytest

from easel.domain.generation import AttemptState, Generation, Status
from easel.errors import EaselError, VersionConflictError, WorkflowBusyError
from easel.steps.reconcile import (
    CARRIERS_MAX,
    GRACE_SECONDS,
    QUIET_SECONDS,
    SWEEP_SECONDS,
)
from tests.fakes.fuse import KilledError, before_next
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_submitted

NOTHING = {"carried": 0, "restarted": 0, "settled": 0, "told": 0, "ended": 0}


def never_started(scene: Scene, **fields: Any) -> Generation:
    """A generation whose record was written by a process that died before it started the execution."""
    start = scene.workflow.start
    scene.workflow.start = lambda *_: None  # type: ignore[method-assign]
    made = scene.create(**fields)
    scene.workflow.start = start  # type: ignore[method-assign]
    return made


def lie(scene: Scene, seconds: float = QUIET_SECONDS + 1) -> None:
    """Let the records lie for a while."""
    scene.clock.sleep(seconds)


def test_generation_that_never_started_is_started_by_its_own_name() -> None:
    scene = Scene()
    made = never_started(scene)
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
    assert (scene.workflow.ids, scene.workflow.carriers) == ([made.id], {made.id: 0})
    assert scene.now(made) == made, "nothing has happened to it yet"


def test_generation_whose_execution_failed_goes_on_with_the_next() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.submitter.submit(made.id)
    scene.workflow.stop_all()
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
    assert scene.workflow.carriers == {made.id: 1}
    assert scene.now(made).carrier == 1
    assert scene.now(made).status is Status.PROCESSING
    scene.script.answers = [mule_completed()]
    scene.script.links = {LINK: picture()}
    assert scene.submitter.submit(made.id).next == "wait", "the new execution finds the vendor's task"
    assert scene.poller.poll(made.id).next == "persist"
    assert scene.persister.persist(made.id).terminal
    assert scene.settler.settle(made.id)["status"] == "succeeded"
    assert len([one for one in scene.script.asked if one[0] == "POST"]) == 1


def test_ask_that_nobody_heard_the_answer_of_ends_as_unknown_and_is_not_asked_again() -> None:
    scene = Scene(KilledError())
    made = scene.create()
    with pytest.raises(KilledError):
        scene.submitter.submit(made.id)
    scene.workflow.stop_all()
    lie(scene)
    scene.reconciler.sweep()
    assert scene.submitter.submit(made.id).next == "settle"
    scene.settler.settle(made.id)
    assert scene.attempt(made).state is AttemptState.UNKNOWN
    assert len(scene.script.asked) == 1


def test_generation_that_is_carried_is_left_alone() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.submitter.submit(made.id)
    lie(scene)
    before = scene.now(made)
    assert scene.reconciler.sweep() == NOTHING | {"carried": 1}
    assert scene.reconciler.look_after(made.id) == "carried"
    assert scene.now(made) == before
    assert scene.workflow.ids == [made.id]


def test_thousands_that_are_carried_do_not_keep_the_one_behind_them_waiting_for_ever() -> None:
    scene = Scene()
    carried = [scene.create() for _ in range(30)]
    scene.clock.sleep(1)
    lost = never_started(scene)
    lie(scene)
    go_on = scene.workflow.go_on

    def slowly(*which: Any) -> Any:
        scene.clock.sleep(SWEEP_SECONDS / 8)  # so that a run comes to ten of them
        return go_on(*which)

    scene.workflow.go_on = slowly  # type: ignore[assignment, method-assign]
    for _ in range(4):
        scene.reconciler.sweep()
        scene.clock.sleep(60 - SWEEP_SECONDS)
    assert scene.workflow.ids == [*(one.id for one in carried), lost.id]


def test_start_that_is_put_off_is_made_up_for_by_the_next_run() -> None:
    scene = Scene()
    made = never_started(scene)
    lie(scene)
    go_on, scene.workflow.go_on = scene.workflow.go_on, busy  # type: ignore[assignment, method-assign]
    assert scene.reconciler.sweep() == NOTHING
    scene.workflow.go_on = go_on  # type: ignore[method-assign]
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
    assert scene.workflow.ids == [made.id]


def busy(*_: Any) -> Any:
    raise WorkflowBusyError("ThrottlingException")


def test_generation_that_moved_a_moment_ago_is_not_looked_at() -> None:
    scene = Scene()
    never_started(scene)
    lie(scene, QUIET_SECONDS)
    assert scene.reconciler.sweep() == NOTHING


def test_generation_that_has_ended_is_left_alone() -> None:
    scene = Scene()
    made = scene.create()
    scene.settler.settle(made.id)
    before = scene.now(made)
    lie(scene, 5000)
    assert scene.reconciler.sweep() == NOTHING
    assert scene.reconciler.look_after(made.id) == "ended"
    assert scene.now(made) == before


def test_generation_that_does_not_exist_has_ended() -> None:
    assert Scene().reconciler.look_after("gen_01ARYZ6S410000000000000000") == "ended"


@pytest.mark.parametrize("carried", [True, False])
def test_generation_past_its_deadline_is_settled_whoever_carries_it(carried: bool) -> None:
    scene = Scene(mule_submitted())
    made = scene.create(deadline_seconds=120)
    scene.submitter.submit(made.id)
    if not carried:
        scene.workflow.stop_all()
    lie(scene, 120 + GRACE_SECONDS + 1)
    assert scene.reconciler.sweep() == NOTHING | {"settled": 1}
    ended = scene.now(made)
    assert ended.status is Status.EXPIRED
    assert ended.current_attempt.possibly_billed == ended.current_attempt.quoted
    assert [name for name, _ in scene.bus.events] == ["Image Generation Expired"]


def test_execution_has_a_little_time_to_settle_by_itself() -> None:
    scene = Scene()
    made = scene.create(deadline_seconds=120)
    lie(scene, 120 + GRACE_SECONDS)
    assert scene.reconciler.look_after(made.id) == "carried"


def test_run_twice_it_starts_one_execution() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.submitter.submit(made.id)
    scene.workflow.stop_all()
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"carried": 1}
    assert scene.workflow.ids == [made.id, made.id]


def test_two_that_run_beside_each_other_start_one_execution() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.submitter.submit(made.id)
    scene.workflow.stop_all()
    fates: list[str] = []
    before_next(scene.store, "save", lambda: fates.append(scene.reconciler.look_after(made.id)))
    fates.append(scene.reconciler.look_after(made.id))
    assert fates == ["restarted", "carried"]
    assert scene.workflow.ids == [made.id, made.id]


def test_one_that_died_before_it_could_start_the_execution_is_made_up_for() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.submitter.submit(made.id)
    scene.workflow.stop_all()
    start = scene.workflow.start

    def die(*_: Any) -> None:
        raise KilledError

    scene.workflow.start = die  # type: ignore[assignment, method-assign]
    with pytest.raises(KilledError):
        scene.reconciler.look_after(made.id)
    scene.workflow.start = start  # type: ignore[method-assign]
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
    assert scene.workflow.carriers == {made.id: 1}


def test_executions_of_one_generation_are_bounded() -> None:
    scene = Scene(mule_submitted())
    made = scene.create(deadline_seconds=3600)
    scene.submitter.submit(made.id)
    for carrier in range(1, CARRIERS_MAX + 1):
        scene.workflow.stop_all()
        lie(scene)
        assert scene.reconciler.sweep() == NOTHING | {"restarted": 1}
        assert scene.now(made).carrier == carrier
    scene.workflow.stop_all()
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"settled": 1}
    ended = scene.now(made)
    assert ended.status is Status.FAILED
    assert ended.current_attempt.possibly_billed == ended.current_attempt.quoted
    assert len(scene.workflow.ids) == CARRIERS_MAX + 1


def test_settling_that_loses_its_race_leaves_the_generation_to_the_winner() -> None:
    scene = Scene()
    made = scene.create(deadline_seconds=60)
    lie(scene, 200)

    def race(_: Generation) -> None:
        raise VersionConflictError("raced")

    scene.store.save = race  # type: ignore[assignment, method-assign]
    assert scene.reconciler.look_after(made.id) == "carried"


def test_one_that_cannot_be_looked_after_does_not_keep_the_others_waiting() -> None:
    scene = Scene()
    made = [never_started(scene) for _ in range(3)]
    lie(scene)
    get = scene.store.get

    def unreadable(generation_id: str) -> Generation | None:
        if generation_id == made[0].id:
            raise EaselError("a record that nobody can read")
        return get(generation_id)

    scene.store.get = unreadable  # type: ignore[method-assign]
    with pytest.raises(ExceptionGroup) as caught:
        scene.reconciler.sweep()
    assert len(caught.value.exceptions) == 1
    assert set(scene.workflow.ids) == {made[1].id, made[2].id}


def test_sweep_ends_in_time_and_the_next_one_goes_on() -> None:
    scene = Scene()
    many = [never_started(scene, deadline_seconds=3600) for _ in range(9)]
    lie(scene)
    start = scene.workflow.start

    def slow(*arguments: Any) -> None:
        scene.clock.sleep(10)
        start(*arguments)

    scene.workflow.start = slow  # type: ignore[assignment, method-assign]
    began = scene.clock.now()
    first = scene.reconciler.sweep()
    assert scene.clock.now() - began <= timedelta(seconds=SWEEP_SECONDS + 10)
    assert 0 < first["restarted"] < len(many)
    while len(set(scene.workflow.ids)) < len(many):
        assert scene.reconciler.sweep()["restarted"]


@pytest.mark.parametrize("status", ["canceled", "failed"])
def test_end_that_was_written_and_not_told_is_told(status: str) -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    publish = scene.bus.publish

    def die(*_: object) -> None:
        raise ConnectionError("the bus is away")

    scene.bus.publish = die  # type: ignore[assignment, method-assign]
    with pytest.raises(ConnectionError):
        scene.canceler.cancel("default", made.id) if status == "canceled" else scene.settler.settle(made.id)
    scene.bus.publish = publish  # type: ignore[method-assign]
    lie(scene)
    assert scene.reconciler.sweep() == NOTHING | {"told": 1}
    assert [detail["status"] for _, detail in scene.bus.events] == [status]
    assert scene.reconciler.sweep() == NOTHING, "once is enough"
