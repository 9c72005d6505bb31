"""The state machine's definition, linted: `sam validate` accepts broken ones.

The rules are those of the Amazon States Language (https://states-language.net/spec.html) and our own: each
task has a time-out, repeats by named error and catches the rest; each choice has a default; the one exit is
Settle.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from easel import errors
from easel.steps.base import Next
from easel.steps.settle import FAULT_CODES
from tests.template import RESOURCES, ROOT, TEMPLATE

TEXT = (ROOT / "functions" / "generate.asl.yaml").read_text(encoding="utf-8")
DEFINITION: dict[str, Any] = yaml.safe_load(TEXT)
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
TASKS = [name for name, state in STATES.items() if state["Type"] == "Task"]
CHOICES = [name for name, state in STATES.items() if state["Type"] == "Choice"]
ENDS = {"Succeed", "Fail"}
OURS = {
    name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)
}
# Errors that AWS raises: https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html and
# .../concepts-error-handling.html
AWS_ERRORS = re.compile(r"States\.(ALL|Timeout|TaskFailed)|Lambda\.[A-Za-z]+|Sandbox\.Timedout")
SETTLE = "Settle"


MACHINE: dict[str, Any] = RESOURCES["GenerateStateMachine"]["Properties"]


def targets(state: dict[str, Any]) -> Iterator[str]:
    for key in ("Next", "Default"):
        if key in state:
            yield state[key]
    for branch in (*state.get("Choices", ()), *state.get("Catch", ())):
        yield branch["Next"]


def named_errors(rules: list[dict[str, Any]]) -> Iterator[str]:
    for rule in rules:
        yield from rule["ErrorEquals"]


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, however deep."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(key, str):
            yield key, inner
        yield from pairs(inner)


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_every_target_exists() -> None:
    for name, state in STATES.items():
        for target in targets(state):
            assert target in STATES, f"{name} leads to {target}"


def test_every_state_can_be_reached() -> None:
    reached: set[str] = set()
    waiting = [DEFINITION["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += targets(STATES[name])
    assert reached == set(STATES)


def test_every_state_leads_on_or_is_an_end() -> None:
    for name, state in STATES.items():
        leads_on = bool(list(targets(state)))
        assert leads_on is (state["Type"] not in ENDS), name
        assert "End" not in state, name


def test_the_only_way_to_an_end_is_through_settle() -> None:
    ends = {name for name, state in STATES.items() if state["Type"] in ENDS}
    assert ends
    before = {name for name, state in STATES.items() if set(targets(state)) & ends}
    assert before == {SETTLE, "Did it succeed"}
    assert [name for name, state in STATES.items() if "Did it succeed" in targets(state)] == [SETTLE]


def test_states_are_named_by_what_they_do() -> None:
    for name in STATES:
        assert re.fullmatch(r"[A-Z][a-z]+( [a-z]+)*", name), name
        assert len(name) <= 80


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_time_out_below_the_whole_machines(name: str) -> None:
    assert 0 < STATES[name]["TimeoutSeconds"] < DEFINITION["TimeoutSeconds"]


@pytest.mark.parametrize("name", TASKS)
def test_task_waits_longer_than_its_function_may_take(name: str) -> None:
    function = substitution(STATES[name]["Resource"])
    globals_ = TEMPLATE["Globals"]["Function"]
    function_seconds = RESOURCES[function]["Properties"].get("Timeout", globals_["Timeout"])
    assert STATES[name]["TimeoutSeconds"] > function_seconds


def test_the_machine_outlives_the_longest_deadline_and_a_last_step() -> None:
    longest = max(STATES[name]["TimeoutSeconds"] for name in TASKS)
    assert DEFINITION["TimeoutSeconds"] >= 3600 + longest


@pytest.mark.parametrize("name", TASKS)
def test_every_task_repeats_by_named_error_and_within_bounds(name: str) -> None:
    *named, rest = STATES[name]["Retry"]
    for rule in (*named, rest):
        assert rule["ErrorEquals"]
        assert 0 <= rule["MaxAttempts"] <= 10
        if rule["MaxAttempts"]:
            assert rule["IntervalSeconds"] >= 1
            assert rule["BackoffRate"] >= 1
    assert not any("States.ALL" in rule["ErrorEquals"] for rule in named)
    # Killed processes and failing services have many names; every step may always run again.
    assert rest["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_catches_everything_and_goes_to_the_one_exit(name: str) -> None:
    (rule,) = STATES[name]["Catch"]
    assert rule["ErrorEquals"] == ["States.ALL"]
    assert rule["ResultPath"] == "$.fault", "the id must survive what is caught"
    assert rule["Next"] == ("Could not settle" if name == SETTLE else SETTLE)


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_has_a_default(name: str) -> None:
    assert STATES[name]["Default"] in STATES


def test_loop_over_a_choice_covers_every_word_that_a_step_may_say() -> None:
    said = {choice["StringEquals"] for choice in STATES["What comes next"]["Choices"]}
    assert said | {"settle"} == set(get_args(get_type_hints(Next)["next"]))
    assert STATES["What comes next"]["Default"] == SETTLE


def test_every_failure_has_an_error_and_a_cause() -> None:
    failures = [state for state in STATES.values() if state["Type"] == "Fail"]
    assert failures
    for state in failures:
        assert "Error" in state or state["ErrorPath"].startswith("$.")
        assert "Cause" in state or state["CausePath"].startswith("$.")


PATH_KEYS = re.compile(r".*(Path|\.\$)|Variable")


def test_path_is_never_passed_as_a_literal() -> None:
    paths = [
        (key, value) for key, value in pairs(DEFINITION) if isinstance(value, str) and value.startswith("$")
    ]
    assert len(paths) > 5
    for key, value in paths:
        is_substitution = value.startswith("${")
        assert is_substitution or PATH_KEYS.fullmatch(key), f"{key}: {value}"


def test_value_under_a_path_key_is_a_path() -> None:
    for key, value in pairs(DEFINITION):
        if PATH_KEYS.fullmatch(key):
            assert isinstance(value, str), key
            assert value.startswith("$"), f"{key}: {value}"


def test_every_error_that_is_named_exists() -> None:
    named = {
        name
        for task in TASKS
        for rules in (STATES[task]["Retry"], STATES[task]["Catch"])
        for name in named_errors(rules)
    }
    assert named & OURS
    for name in named - OURS:
        assert AWS_ERRORS.fullmatch(name), name


def test_no_error_is_named_twice_for_a_task_so_that_no_rule_is_dead() -> None:
    for task in TASKS:
        named = list(named_errors(STATES[task]["Retry"]))
        assert len(named) == len(set(named)), task


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


@pytest.mark.parametrize("name", [name for name in TASKS if name != SETTLE])
def test_lost_race_and_lambdas_own_faults_are_repeated_at_every_step(name: str) -> None:
    assert {"VersionConflictError", "States.ALL"} <= set(repeated_errors(name))


@pytest.mark.parametrize("name", [name for name in TASKS if name != SETTLE])
def test_faults_that_would_only_repeat_are_not_repeated(name: str) -> None:
    final = {
        error for rule in STATES[name]["Retry"] if not rule["MaxAttempts"] for error in rule["ErrorEquals"]
    }
    assert {"SettingsError", "NotFoundError"} <= final


def repeated_errors(name: str) -> Iterator[str]:
    """The errors by which a step is repeated at least once."""
    return named_errors([rule for rule in STATES[name]["Retry"] if rule["MaxAttempts"]])


def test_fetch_is_repeated_for_what_a_second_fetch_may_mend_and_not_for_a_foreign_host() -> None:
    repeated = set(repeated_errors("Persist images"))
    assert {"ImageInvalidError", "ImageUnavailableError", "AnswerLostError", "NotSentError"} <= repeated
    assert "AddressRefusedError" in named_errors(STATES["Persist images"]["Retry"])
    assert "AddressRefusedError" not in repeated


def test_every_error_that_settle_translates_exists() -> None:
    assert FAULT_CODES
    assert set(FAULT_CODES) <= OURS


def substitution(text: str) -> str:
    """The function whose ARN stands in for `${...}`."""
    match = re.fullmatch(r"\$\{([A-Za-z]+)\}", text)
    assert match, text
    value: str = MACHINE["DefinitionSubstitutions"][match[1]]["GetAtt"]
    return value.removesuffix(".Arn")


def test_substitutions_are_exactly_the_templates() -> None:
    used = set(re.findall(r"\$\{([A-Za-z]+)\}", TEXT))
    assert used == set(MACHINE["DefinitionSubstitutions"])
    assert MACHINE["DefinitionUri"] == "functions/generate.asl.yaml"


@pytest.mark.parametrize("name", TASKS)
def test_each_step_calls_its_own_function(name: str) -> None:
    assert substitution(STATES[name]["Resource"]) == f"{name.split()[0]}Function"


def test_machine_may_call_the_functions_that_it_calls_and_no_other() -> None:
    (policy,) = MACHINE["Policies"]
    (statement,) = policy["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    allowed = {resource["GetAtt"].removesuffix(".Arn") for resource in statement["Resource"]}
    assert allowed == {substitution(STATES[name]["Resource"]) for name in TASKS}


def test_no_policy_of_the_template_allows_everything() -> None:
    for name, resource in RESOURCES.items():
        for policy in resource.get("Properties", {}).get("Policies", ()):
            for statement in policy["Statement"]:
                actions, places = statement["Action"], statement["Resource"]
                for action in [actions] if isinstance(actions, str) else actions:
                    assert "*" not in action, name
                for place in places if isinstance(places, list) else [places]:
                    assert place != "*", name
