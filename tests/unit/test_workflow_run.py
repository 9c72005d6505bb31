"""The state machine's own file, run by moto's interpreter over the real steps.

It is a second opinion beside the emulator of the local stack, which knows neither `MaxDelaySeconds` nor
jitter. Time does not pass: what the interpreter would wait is noted instead.
"""

import json

import pytest

from easel.domain.own_cost import transitions
from easel.wire import HttpResponse
from tests.fakes.fuse import KilledError
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.fakes.workflow_machine import Make
from tests.unit.steps.vendor_words import (
    LINK,
    SYNC,
    dashscope_finished,
    mule_completed,
    mule_error,
    mule_failed,
    mule_submitted,
    mule_task,
    pixeldojo_job,
)


def test_asynchronous_generation_succeeds_and_its_output_is_the_generation(machine: Make) -> None:
    answers = [mule_submitted(), *[mule_task("running")] * 200, mule_completed()]
    scene = Scene(*answers, links={LINK: picture()})
    made = scene.create(deadline_seconds=3600)
    run = machine(scene)
    ended = run.run(made)
    assert ended.status == "SUCCEEDED"
    assert ended.output is not None
    assert (ended.output["id"], ended.output["status"]) == (made.id, "succeeded")
    assert len(ended.output["images"]) == 1
    assert "url" not in ended.output["images"][0]
    assert run.functions.called[0] == "Submit"
    assert run.functions.called[-1] == "Persist"
    assert run.functions.called.count("Poll") > 2
    assert 0 < len(run.waits) < run.functions.called.count("Poll"), "short waits are the step's own"
    assert all(isinstance(seconds, int) and seconds >= 8 for seconds in run.waits)
    assert "Settle" not in run.functions.called
    assert scene.way(made)[-1] == "succeeded"


USUAL_WAY = [
    "Submit to vendor", "What comes next", "Poll vendor", "Persist images",
]  # fmt: skip


def test_usual_generation_takes_as_many_billed_transitions_as_its_receipt_says(machine: Make) -> None:
    scene = Scene(mule_submitted(), mule_task("running"), mule_completed(), links={LINK: picture()})
    made = scene.create()
    ended = machine(scene).run(made)
    assert ended.entered == USUAL_WAY
    assert transitions(scene.now(made)) == len(USUAL_WAY)


def test_wait_that_costs_more_within_a_step_is_one_transition_more(machine: Make) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    for holder in "abc":
        scene.states.took("mulerouter/qwen-image-max", holder, 12, scene.clock.now())
    made = scene.create()
    run = machine(scene)
    ended = run.run(made)
    assert ended.entered == [*USUAL_WAY[:2], "Wait before polling", *USUAL_WAY[2:]]
    assert run.waits == [10]
    assert transitions(scene.now(made)) == len(USUAL_WAY) + 1


def test_synchronous_generation_takes_a_transition_less(machine: Make) -> None:
    answer = dashscope_finished()
    scene = Scene(answer, links={link_of(answer): picture()})
    made = scene.create(**SYNC)
    ended = machine(scene).run(made)
    assert ended.entered == [*USUAL_WAY[:2], USUAL_WAY[-1]]
    assert transitions(scene.now(made)) == len(ended.entered)


def test_refused_generation_takes_the_other_exit(machine: Make) -> None:
    scene = Scene(mule_error(400))
    made = scene.create()
    ended = machine(scene).run(made)
    assert ended.entered == [*USUAL_WAY[:2], "Settle", "Did it succeed", "Did not succeed"]
    assert transitions(scene.now(made)) == len(ended.entered)


def test_task_that_fails_takes_its_way_by_what_poll_said(machine: Make) -> None:
    scene = Scene(mule_submitted(), mule_failed())
    made = scene.create()
    ended = machine(scene).run(made)
    assert ended.error == "Easel.Failed"
    assert ended.entered[:5] == [*USUAL_WAY, "What comes next"]
    assert ended.entered[5:] == ["Settle", "Did it succeed", "Did not succeed"]
    assert transitions(scene.now(made)) == len(ended.entered)


def test_failover_and_a_further_ask_of_a_route_cost_what_the_receipt_says(machine: Make) -> None:
    first = [pixeldojo_job("pending"), pixeldojo_job("failed", error="no")]
    scene = Scene(*first, mule_error(503), mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create(route=["pixeldojo/qwen-image-max", "mulerouter/qwen-image-max"])
    run = machine(scene)
    ended = run.run(made)
    assert ended.status == "SUCCEEDED"
    assert len(scene.now(made).attempts) == 3
    assert len(run.retries) == 1, "a transition, too, though no state is entered"
    assert transitions(scene.now(made)) == len(ended.entered) + len(run.retries)


def test_task_that_outlasts_a_stay_is_polled_again(machine: Make) -> None:
    scene = Scene(mule_submitted(), *[mule_task("running")] * 120, mule_completed(), links={LINK: picture()})
    made = scene.create(deadline_seconds=3600)
    ended = machine(scene).run(made)
    assert ended.status == "SUCCEEDED"
    polls = ended.entered.count("Poll vendor")
    assert polls > 1
    assert ended.entered.count("Persist images") == polls
    assert transitions(scene.now(made)) == len(ended.entered) - ended.entered.count("Wait before polling")


def test_synchronous_generation_never_waits(machine: Make) -> None:
    answer = dashscope_finished()
    scene = Scene(answer, links={link_of(answer): picture()})
    made = scene.create(**SYNC)
    run = machine(scene)
    assert run.run(made).status == "SUCCEEDED"
    assert run.functions.called == ["Submit", "Persist"]
    assert run.waits == []


def link_of(answer: HttpResponse) -> str:
    link: str = answer.json()["output"]["choices"][0]["message"]["content"][0]["image"]
    return link


def test_refused_generation_fails_with_the_generation_as_the_cause(machine: Make) -> None:
    scene = Scene(mule_error(400, "no such thing"))
    made = scene.create()
    run = machine(scene)
    ended = run.run(made)
    assert (ended.status, ended.error) == ("FAILED", "Easel.Failed")
    cause = json.loads(ended.cause or "")
    assert (cause["id"], cause["error"]["code"]) == (made.id, "validation")
    assert run.functions.called == ["Submit", "Settle"]
    assert run.retries == []


def test_only_ids_words_and_seconds_travel_between_the_steps(machine: Make) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create(prompt="PLANTED-PROMPT")
    run = machine(scene)
    assert run.run(made).status == "SUCCEEDED"
    for state in run.functions.states[:-1]:
        assert set(json.loads(state)) == {"id", "next", "wait_seconds"}
    assert "PLANTED-LINK" not in "".join(run.functions.states)


REQUEST = {"model": "qwen-image-max", "prompt": "PLANTED-PROMPT", "route": "mulerouter/qwen-image-max"}


def test_execution_that_brings_a_request_returns_its_generation(machine: Make) -> None:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    run = machine(scene)
    ended = run.execute("an-order-of-mine", {"request": REQUEST, "more": "of the caller's"})
    assert ended.status == "SUCCEEDED"
    (made,) = scene.store.records.values()
    assert ended.output is not None
    assert (ended.output["id"], ended.output["status"]) == (made.id, "succeeded")
    assert "url" not in ended.output["images"][0]
    assert run.functions.called[:3] == ["Submit", "Create", "Submit"]
    assert transitions(made) == len(ended.entered)
    assert made.origin.execution is not None
    assert made.origin.execution.endswith("an-order-of-mine")
    assert scene.workflow.ids == [], "this execution carries it"
    given_back, *between, _ = run.functions.states
    assert "PLANTED-PROMPT" in given_back, "to be created"
    assert "PLANTED-PROMPT" not in "".join(between)


def test_execution_that_brings_a_wrong_request_fails_with_a_problem_that_names_the_field(
    machine: Make,
) -> None:
    scene = Scene()
    run = machine(scene)
    ended = run.execute("wrong", {"request": REQUEST | {"size": "huge"}})
    assert (ended.status, ended.error) == ("FAILED", "Easel.InvalidRequest")
    problem = json.loads(ended.cause or "")
    assert (problem["status"], [one["field"] for one in problem["errors"]]) == (422, ["size"])
    assert run.functions.called == ["Submit", "Create"]
    assert scene.store.records == {}


@pytest.mark.parametrize("given", [{}, {"requests": []}, {"prompt": "p"}])
def test_execution_that_brings_nothing_fails_at_once(machine: Make, given: dict[str, object]) -> None:
    run = machine(Scene())
    ended = run.execute(f"nothing-{len(given)}-{len(str(given))}", given)
    assert (ended.status, ended.error) == ("FAILED", "Easel.InvalidRequest")
    assert [one["field"] for one in json.loads(ended.cause or "")["errors"]] == ["request"]
    assert run.functions.called == ["Submit"]


@pytest.mark.parametrize("given", ["text", None, [REQUEST]])
def test_execution_whose_request_is_no_object_fails_by_its_name(machine: Make, given: object) -> None:
    run = machine(Scene())
    ended = run.execute(f"no-object-{type(given).__name__}", {"request": given})
    assert (ended.status, ended.error) == ("FAILED", "Easel.InvalidRequest")
    assert [one["field"] for one in json.loads(ended.cause or "")["errors"]] == ["request"]


def test_execution_whose_first_step_was_killed_makes_one_generation(machine: Make) -> None:
    scene = Scene(mule_completed(), links={LINK: picture()})
    run = machine(scene, Create=[KilledError("out of memory")] * 2)
    assert run.execute("killed", {"request": REQUEST}).status == "SUCCEEDED"
    assert run.functions.called[:5] == ["Submit", "Create", "Create", "Create", "Submit"]
    assert len(scene.store.records) == 1


def test_generation_of_a_callers_that_fails_is_the_cause(machine: Make) -> None:
    scene = Scene(mule_error(400))
    ended = machine(scene).execute("refused-by-the-vendor", {"request": REQUEST})
    assert (ended.status, ended.error) == ("FAILED", "Easel.Failed")
    assert json.loads(ended.cause or "")["error"]["code"] == "validation"
