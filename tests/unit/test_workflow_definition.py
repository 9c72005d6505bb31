"""The state machines' definitions, linted: `sam validate` accepts broken ones.

The rules are those of the Amazon States Language (https://states-language.net/spec.html) and our own: each
task has a time-out, repeats by named error and catches the rest; each choice has a default.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from easel import errors
from tests.state_machines import BATCH, DELIVER, GENERATE, Scope, State, StateMachine
from tests.template import RESOURCES, ROOT, TEMPLATE

MACHINES = (GENERATE, BATCH, DELIVER)
SCOPES = [scope for machine in MACHINES for scope in machine.scopes]
TASKS = [(machine, name) for machine in MACHINES for name in machine.tasks]
ENDS = {"Succeed", "Fail"}
OURS = {
    name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)
}
# Errors that AWS raises: https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html and
# .../concepts-error-handling.html
AWS_ERRORS = re.compile(r"States\.(ALL|Timeout|TaskFailed)|Lambda\.[A-Za-z]+|Sandbox\.Timedout")
# Whose failure is the execution's: a request that is no record yet, and a chunk whose rows are accounted for
# by their records.
CAUGHT_BY_NOBODY = {"Create generation", "Feed rows"}

each_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
each_scope = pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
each_task = pytest.mark.parametrize(("machine", "name"), TASKS, ids=[name for _, name in TASKS])


def targets(state: State) -> Iterator[str]:
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


def test_every_definition_that_there_is_is_linted_here() -> None:
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "functions").glob("*.asl.yaml")}
    assert {machine.name for machine in MACHINES} == found
    assert len(SCOPES) == 4, "three machines, of which one has a map"


@each_scope
def test_every_target_exists(scope: Scope) -> None:
    for name, state in scope.states.items():
        for target in targets(state):
            assert target in scope.states, f"{name} leads to {target}"


@each_scope
def test_every_state_can_be_reached(scope: Scope) -> None:
    reached: set[str] = set()
    waiting = [scope.start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += targets(scope.states[name])
    assert reached == set(scope.states)


@each_scope
def test_every_state_leads_on_or_is_an_end(scope: Scope) -> None:
    for name, state in scope.states.items():
        leads_on = "Next" in state or "Default" in state
        assert leads_on is not (state["Type"] in ENDS or state.get("End", False)), name


@each_machine
def test_states_are_named_by_what_they_do(machine: StateMachine) -> None:
    for name in machine.states:
        assert re.fullmatch(r"[A-Z][a-z]+( [a-z]+)*", name), name
        assert len(name) <= 80


@each_task
def test_every_task_has_a_time_out_below_the_whole_machines(machine: StateMachine, name: str) -> None:
    assert 0 < machine.tasks[name]["TimeoutSeconds"] < machine.definition["TimeoutSeconds"]


@each_task
def test_task_waits_longer_than_its_function_may_take(machine: StateMachine, name: str) -> None:
    task = machine.tasks[name]
    properties = RESOURCES[machine.function_of(task)]["Properties"]
    assert task["TimeoutSeconds"] > properties.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])


@each_task
def test_every_task_repeats_by_named_error_and_within_bounds(machine: StateMachine, name: str) -> None:
    *named, rest = machine.tasks[name]["Retry"]
    for rule in (*named, rest):
        assert rule["ErrorEquals"]
        assert 0 <= rule["MaxAttempts"] <= 10
        if rule["MaxAttempts"]:
            assert rule["IntervalSeconds"] >= 1
            assert rule["BackoffRate"] >= 1
    assert not any("States.ALL" in rule["ErrorEquals"] for rule in named)
    # Killed processes and failing services have many names; every step may always run again.
    assert rest["ErrorEquals"] == ["States.ALL"]
    assert rest["MaxAttempts"] > 0


@each_task
def test_every_task_catches_everything_and_the_id_survives_what_is_caught(
    machine: StateMachine, name: str
) -> None:
    rules = machine.tasks[name].get("Catch", [])
    assert bool(rules) is (name not in CAUGHT_BY_NOBODY)
    for rule in rules:
        assert ("States.ALL" in rule["ErrorEquals"]) is (rule is rules[-1])
        assert rule["ResultPath"] == "$.fault"


@each_machine
def test_every_choice_has_a_default(machine: StateMachine) -> None:
    choices = [state for state in machine.states.values() if state["Type"] == "Choice"]
    assert choices
    assert all(choice["Default"] for choice in choices)


@each_machine
def test_every_failure_has_an_error_and_a_cause(machine: StateMachine) -> None:
    failures = [state for state in machine.states.values() if state["Type"] == "Fail"]
    assert failures
    for state in failures:
        assert "Error" in state or state["ErrorPath"].startswith("$.")
        assert "Cause" in state or state["CausePath"].startswith("$.")


PATH_KEYS = re.compile(r".*(Path|\.\$)|Variable")


@each_machine
def test_path_is_never_passed_as_a_literal(machine: StateMachine) -> None:
    paths = [
        (key, value)
        for key, value in pairs(machine.definition)
        if isinstance(value, str) and value.startswith(("$", "States."))
    ]
    assert len(paths) >= 5
    for key, value in paths:
        is_substitution = value.startswith("${")
        assert is_substitution or PATH_KEYS.fullmatch(key), f"{key}: {value}"


@each_machine
def test_value_under_a_path_key_is_a_path(machine: StateMachine) -> None:
    for key, value in pairs(machine.definition):
        discarded = key == "ResultPath" and value is None
        if PATH_KEYS.fullmatch(key) and not discarded:
            assert isinstance(value, str), key
            assert value.startswith(("$", "States.")), f"{key}: {value}"


@each_task
def test_every_error_that_is_named_exists(machine: StateMachine, name: str) -> None:
    task = machine.tasks[name]
    named = {error for rules in (task["Retry"], task.get("Catch", [])) for error in named_errors(rules)}
    for error in named - OURS:
        assert AWS_ERRORS.fullmatch(error), error


@each_task
def test_no_error_is_named_twice_so_that_no_rule_is_dead(machine: StateMachine, name: str) -> None:
    named = list(named_errors(machine.tasks[name]["Retry"]))
    assert len(named) == len(set(named))


@each_task
def test_faults_that_would_only_repeat_are_not_repeated(machine: StateMachine, name: str) -> None:
    rules = machine.tasks[name]["Retry"]
    final = {error for rule in rules if not rule["MaxAttempts"] for error in rule["ErrorEquals"]}
    if name != "Settle":  # whatever it is, an end is worth another try
        assert "SettingsError" in final
        assert "NotFoundError" in final or name == "Create generation", "there is no record to find"


@each_machine
def test_substitutions_are_exactly_the_templates(machine: StateMachine) -> None:
    assert set(re.findall(r"\$\{([A-Za-z]+)\}", machine.text)) == set(
        machine.properties["DefinitionSubstitutions"]
    )


@each_task
def test_each_step_calls_its_own_function(machine: StateMachine, name: str) -> None:
    assert machine.function_of(machine.tasks[name]) == f"{name.split()[0]}Function"


@each_machine
def test_machine_may_call_the_functions_that_it_calls_and_no_other(machine: StateMachine) -> None:
    (policy,) = machine.properties["Policies"]
    (statement,) = (one for one in policy["Statement"] if one["Sid"] == "RunSteps")
    assert statement["Action"] == "lambda:InvokeFunction"
    allowed = {resource["GetAtt"].removesuffix(".Arn") for resource in statement["Resource"]}
    assert allowed == {machine.function_of(task) for task in machine.tasks.values()}
    assert len(policy["Statement"]) == 1 or machine is BATCH, "only a map needs more"


def test_no_policy_of_the_template_allows_everything() -> None:
    for name, resource in RESOURCES.items():
        for policy in resource.get("Properties", {}).get("Policies", ()):
            for statement in policy["Statement"]:
                actions, places = statement["Action"], statement["Resource"]
                for action in [actions] if isinstance(actions, str) else actions:
                    assert "*" not in action, name
                for place in places if isinstance(places, list) else [places]:
                    assert place != "*", name
