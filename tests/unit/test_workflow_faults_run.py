"""The state machine's own file, run as in `test_workflow_run.py`, while things go wrong."""

from types import SimpleNamespace
from typing import Any

import pytest

from easel.domain.generation import Generation
from easel.domain.tenancy import Caller
from easel.errors import AnswerLostError, NotSentError, VersionConflictError
from easel.steps.persist import Keeper
from tests.fakes.fuse import KilledError
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.fakes.workflow_machine import Make
from tests.state_machines import GENERATE
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_error, mule_submitted, mule_task


def test_vendor_that_is_out_of_order_is_asked_again_with_growing_pauses(machine: Make) -> None:
    scene = Scene(mule_error(503), NotSentError("refused"), mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene)
    assert run.run(made).status == "SUCCEEDED"
    assert run.functions.called == ["Submit"] * 3 + ["Persist"]
    assert len(run.retries) == 2
    assert all(0 <= seconds <= 20 for seconds in run.retries)
    assert len(scene.now(made).attempts) == 3


@pytest.mark.parametrize(
    ("http", "asks", "pauses", "code"), [(429, 6, 5, "rate_limit"), (503, 4, 0, "transient")]
)
def test_vendor_that_stays_out_of_order_ends_the_generation(
    machine: Make, http: int, asks: int, pauses: int, code: str
) -> None:
    scene = Scene(*[mule_error(http)] * 20)
    made = scene.create()
    run = machine(scene)
    ended = run.run(made)
    assert (ended.status, ended.error) == ("FAILED", "Easel.Failed")
    assert run.functions.called == ["Submit"] * (asks + pauses) + ["Settle"]
    assert len(scene.script.asked) == asks
    assert run.waits == [10] * pauses
    error = scene.now(made).error
    assert error is not None
    assert (error.code, error.retryable) == (code, True)
    assert all(seconds <= 60 for seconds in run.retries)


def test_lost_answer_is_never_asked_for_again(machine: Make) -> None:
    scene = Scene(AnswerLostError("time"), mule_completed())
    made = scene.create()
    run = machine(scene)
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called == ["Submit", "Settle"]
    assert len(scene.script.asked) == 1


def test_function_that_died_while_it_asked_leaves_an_unknown_and_ends_the_generation(machine: Make) -> None:
    scene = Scene(KilledError("out of memory"), mule_completed())
    made = scene.create()
    run = machine(scene)
    assert run.run(made).error == "Easel.Failed"
    assert len(scene.script.asked) == 1
    attempt = scene.attempt(made)
    assert (attempt.state.value, attempt.possibly_billed) == ("unknown", attempt.quoted)


def test_step_that_breaks_goes_to_the_one_exit_with_what_was_caught(machine: Make) -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    run = machine(scene, Poll=[KilledError("out of memory")] * 9)
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called == ["Submit", *["Poll"] * 9, "Settle"]
    error = scene.now(made).error
    assert error is not None
    assert error.code == "internal"


def test_poll_that_was_killed_is_run_again_and_the_paid_image_is_kept(machine: Make) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene, Poll=[KilledError("out of memory")] * 3)
    assert run.run(made).error is None
    assert scene.now(made).status.value == "succeeded"


@pytest.mark.parametrize("step", ["Submit", "Poll", "Persist"])
def test_step_that_hangs_is_given_up_and_run_again_and_the_paid_image_is_kept(
    machine: Make, step: str
) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene)
    run.functions.hangs[step] = 1
    assert run.run(made).status == "SUCCEEDED"
    assert run.functions.called.count(step) == 2
    (name,) = (one for one in GENERATE.tasks if one.startswith(step))
    assert run.given_up == {name: GENERATE.tasks[name]["TimeoutSeconds"]}
    assert len(run.retries) == 1


def test_step_that_hangs_for_ever_goes_to_the_one_exit(machine: Make) -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    run = machine(scene)
    run.functions.hangs["Poll"] = 9
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called == ["Submit", *["Poll"] * 9, "Settle"]
    assert len(run.retries) == 8
    error = scene.now(made).error
    assert error is not None
    assert error.code == "internal"


# As Step Functions calls it when the account's concurrent executions are used up.
ThrottledError = type("Lambda.TooManyRequestsException", (Exception,), {})


@pytest.mark.parametrize("step", ["Submit", "Poll", "Persist"])
def test_step_that_lambda_has_no_room_for_is_waited_for_and_the_paid_image_is_kept(
    machine: Make, step: str
) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene, **{step: [ThrottledError("Rate Exceeded.")] * 10})
    assert run.run(made).status == "SUCCEEDED"
    assert len(run.retries) == 10
    assert all(0 <= seconds <= 120 for seconds in run.retries)


@pytest.mark.parametrize("step", ["Submit", "Poll", "Persist"])
def test_lost_race_is_run_again_and_harms_nothing(machine: Make, step: str) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene, **{step: [VersionConflictError("raced")] * 2})
    assert run.run(made).status == "SUCCEEDED"
    assert run.functions.called.count(step) == 3
    assert len(run.retries) == 2


def test_broken_image_is_fetched_three_times_and_then_is_the_vendors_failure(machine: Make) -> None:
    scene = Scene(mule_completed(), links={LINK: picture()[:-1]})
    made = scene.create()
    run = machine(scene)
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called == ["Submit"] + ["Persist"] * 3 + ["Settle"]
    error = scene.now(made).error
    assert error is not None
    assert error.code == "image_invalid"
    assert scene.attempt(made).billed == scene.attempt(made).quoted, "the vendor delivered, and bills it"


def test_step_that_keeps_images_and_dies_is_made_up_for_by_settle(machine: Make) -> None:
    scene = Scene(mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene, Persist=[ConnectionError("away")] * 9)
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called == ["Submit", *["Persist"] * 9, "Settle"]


@pytest.mark.parametrize(
    ("deaths", "called"), [(1, ["Persist"] * 2), (8, ["Persist"] * 9), (9, [*["Persist"] * 9, "Settle"])]
)
def test_death_between_keeping_an_image_and_telling_of_it_costs_neither(
    machine: Make, deaths: int, called: list[str]
) -> None:
    scene = Scene(mule_completed(), links={LINK: picture()})
    made, end, left = scene.create(), scene.settler.end, [KilledError("out of memory")] * deaths

    def dying(generation: Generation) -> dict[str, Any]:
        assert scene.now(made).images, "they are kept by then"
        if left:
            raise left.pop()
        return end(generation)

    scene.keeper = Keeper(scene.persister, SimpleNamespace(end=dying))  # type: ignore[arg-type]
    run = machine(scene)
    ended = run.run(made)
    assert (ended.status, run.functions.called) == ("SUCCEEDED", ["Submit", *called])
    assert ended.output is not None
    assert (ended.output["id"], len(ended.output["images"])) == (made.id, 1)


def test_generation_that_is_canceled_before_its_image_is_kept_ends_as_canceled(machine: Make) -> None:
    scene = Scene(mule_completed(), links={LINK: picture()})
    made = scene.create()
    run = machine(scene)
    open_image = scene.script.download

    def canceled_meanwhile(*asked: Any, **more: Any) -> Any:
        scene.canceler.cancel(made.tenant, made.id)
        return open_image(*asked, **more)

    scene.script.download = canceled_meanwhile  # type: ignore[method-assign]
    ended = run.run(made)
    assert (ended.status, ended.error) == ("FAILED", "Easel.Canceled")
    assert run.functions.called == ["Submit", "Persist", "Persist", "Settle"]


def test_deadline_ends_the_loop(machine: Make) -> None:
    scene = Scene(mule_submitted(), *[mule_task("running")] * 1000)
    made = scene.create(deadline_seconds=120)
    run = machine(scene)
    ended = run.run(made)
    assert (ended.status, ended.error) == ("FAILED", "Easel.Expired")
    assert scene.now(made).ended_at is not None
    late = (scene.clock.now() - made.deadline_at).total_seconds()
    assert 0 <= late <= 2


def test_end_that_cannot_be_told_is_tried_again_and_then_said_to_be_so(machine: Make) -> None:
    scene = Scene(mule_error(400))
    made = scene.create()
    run = machine(scene, Settle=[ConnectionError("away")] * 3)
    assert run.run(made).error == "Easel.Failed"
    assert run.functions.called.count("Settle") == 4
    other = scene.creator.create(Caller(tenant="t"), made.request)
    scene.script.answers.append(mule_error(400))
    run = machine(scene, Settle=[ConnectionError("away")] * 100)
    ended = run.run(other)
    assert (ended.status, ended.error) == ("FAILED", "Easel.NotSettled")
    assert run.functions.called.count("Settle") == 7
