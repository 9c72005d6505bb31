"""The workflow of one generation: whatever happens, it ends through Settle, and never pays twice."""

import json
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import ValidationError

from easel import errors
from easel.domain.polling import WAIT_SECONDS_MIN
from easel.domain.reading import request_of
from easel.errors import FieldProblem, InvalidRequestError
from easel.step_input import StepInput, without_record
from easel.steps.base import Next
from easel.steps.settle import FAULT_CODES
from easel.view import problem_view
from tests.state_machines import GENERATE
from tests.unit.test_workflow_definition import ENDS, OURS, named_errors, targets

GENERATION = f"gen_{0:026}"
STATES, TASKS = GENERATE.states, GENERATE.tasks
START = GENERATE.definition["StartAt"]
SETTLE, CREATE, KEEP = "Settle", "Create generation", "Persist images"
STEPS = [name for name in TASKS if name not in (SETTLE, CREATE)]


def repeated_errors(name: str) -> Iterator[str]:
    """The errors by which a step is repeated at least once."""
    return named_errors([rule for rule in STATES[name]["Retry"] if rule["MaxAttempts"]])


def before(target: str) -> set[str]:
    """The states that lead to another one."""
    return {name for name, state in STATES.items() if target in targets(state)}


def test_the_only_way_to_an_end_is_through_settle_or_a_refusal() -> None:
    ends = {name for name, state in STATES.items() if state["Type"] in ENDS}
    assert ends
    last = {name for name, state in STATES.items() if set(targets(state)) & ends}
    assert last == {SETTLE, "Did it succeed", "Was it accepted", "What comes next"}
    assert before("Nothing to start") == {"What comes next"}
    assert [name for name, state in STATES.items() if "End" in state] == [KEEP]
    assert "OutputPath" not in STATES[KEEP], "what is caught there keeps the id and what Poll said"
    assert before("Did it succeed") == {SETTLE}
    assert before("Was it accepted") == {CREATE}


def test_execution_starts_with_a_request_or_an_id_and_fails_at_once_without_either() -> None:
    assert START == "Submit to vendor"
    ways = {choice.get("StringEquals"): choice["Next"] for choice in STATES["What comes next"]["Choices"]}
    assert without_record({"id": GENERATION}) is None
    assert without_record({"id": "gen_1", "request": 1}) == {"next": "create", "request": 1}
    assert without_record({"request": None}) == {"next": "create", "request": None}
    nothing: tuple[Any, ...] = (
        {},
        {"id": "gen_1"},
        {"id": None},
        {"id": 5},
        {"id": ["x"]},
        [],
        5,
        None,
        "id",
    )
    assert [without_record(one) for one in nothing] == [{"next": "nothing"}] * len(nothing)
    assert ways["create"] == CREATE
    refused = STATES[ways["nothing"]]
    assert (refused["Type"], refused["Error"]) == ("Fail", "Easel.InvalidRequest")
    problem = json.loads(refused["Cause"])
    assert problem == problem_view(
        InvalidRequestError("The input has no request.", [FieldProblem("request", "is missing")])
    )


def test_half_characters_of_a_request_are_replaced_by_what_is_refused() -> None:
    whole = {"request": {"prompt": "an owl \U0001f989"}}
    assert without_record(whole) == {"next": "create", **whole}
    told = without_record({"request": {"prompt": "an \ud800 owl", "\udc00": ["\ud800"]}})
    assert told is not None
    assert "\ufffd" in told["request"]["prompt"]
    json.dumps(told, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "field", ["seed", "prompt", "model", "metadata", "images", "guidance_scale", "deadline_seconds"]
)
@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_number_without_an_end_is_written_as_what_is_refused(field: str, number: str) -> None:
    given = {"model": "qwen-image", "prompt": "an owl"} | {field: json.loads(number)}
    for request in (given, given | {field: {"key": given[field]}}, given | {field: [given[field]]}):
        told = without_record({"request": request})
        assert told is not None
        json.dumps(told, allow_nan=False)
        with pytest.raises(InvalidRequestError):
            request_of(told["request"])


@pytest.mark.parametrize("named", ["PLANTED", {"PLANTED": 1}, None])
def test_error_of_a_step_does_not_quote_what_it_was_given(named: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        StepInput.model_validate({"id": named, "prompt": "PLANTED"})
    assert "PLANTED" not in str(raised.value)


def test_execution_of_the_callers_is_told_to_the_step_that_writes_the_record() -> None:
    assert STATES[CREATE]["Parameters"] == {"request.$": "$.request", "execution.$": "$$.Execution.Id"}
    assert STATES[CREATE]["ResultPath"] == "$", "the request does not travel on"


def test_the_machine_outlives_the_longest_deadline_and_a_last_step() -> None:
    longest = max(task["TimeoutSeconds"] for task in TASKS.values())
    assert GENERATE.definition["TimeoutSeconds"] >= 3600 + longest


@pytest.mark.parametrize("name", [*STEPS, SETTLE])
def test_every_step_that_fails_goes_to_the_one_exit(name: str) -> None:
    *others, rule = STATES[name]["Catch"]
    assert [(one["ErrorEquals"], one["Next"]) for one in others] == (
        [(["NothingToKeepError"], "What comes next")] if name == KEEP else []
    )
    assert rule["Next"] == ("Could not settle" if name == SETTLE else SETTLE)


def test_loop_over_a_choice_covers_every_word_that_a_step_may_say() -> None:
    choices = STATES["What comes next"]["Choices"]
    said = {(choice["And"][0] if "And" in choice else choice)["StringEquals"] for choice in choices}
    (shortest,) = [choice["And"][1]["NumericGreaterThanEquals"] for choice in choices if "And" in choice]
    assert shortest == WAIT_SECONDS_MIN
    plain = {choice["StringEquals"] for choice in choices if "StringEquals" in choice}
    assert plain == said, "no word is known only together with a condition"
    assert said - {"create", "nothing"} | {"settle"} == set(get_args(get_type_hints(Next)["next"]))
    assert STATES["What comes next"]["Default"] == SETTLE


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_every_repeatable_refusal_of_a_vendor_is_repeated_by_submit() -> None:
    repeatable = {kind.__name__ for kind in subclasses(errors.VendorError)}
    assert repeatable
    assert repeatable <= set(named_errors(STATES["Submit to vendor"]["Retry"]))


def test_submit_is_never_repeated_where_the_vendor_may_have_taken_the_job() -> None:
    repeated = set(named_errors(STATES["Submit to vendor"]["Retry"]))
    unclear = {
        "AnswerLostError",
        "ResponseTooLargeError",
        "TransportError",
        "States.TaskFailed",
        "States.Timeout",
    }
    assert not repeated & unclear


@pytest.mark.parametrize("name", STEPS)
def test_lost_race_and_lambdas_own_faults_are_repeated_at_every_step(name: str) -> None:
    assert {"VersionConflictError", "States.ALL"} <= set(repeated_errors(name))


def test_fetch_is_repeated_for_what_a_second_fetch_may_mend_and_not_for_a_foreign_host() -> None:
    repeated = set(repeated_errors("Persist images"))
    assert {"ImageInvalidError", "ImageUnavailableError", "AnswerLostError", "NotSentError"} <= repeated
    assert "AddressRefusedError" in named_errors(STATES["Persist images"]["Retry"])
    assert "AddressRefusedError" not in repeated


def test_every_error_that_settle_translates_exists() -> None:
    assert FAULT_CODES
    assert set(FAULT_CODES) <= OURS
