"""The workflow of a webhook's delivery: the step counts, the machine waits."""

import re

import pytest

from easel.domain.webhooks import (
    ATTEMPTS_MAX,
    JITTER,
    SCHEDULE_SECONDS,
    WAIT_SECONDS_MAX,
    schedule_of,
)
from easel.errors import SettingsError
from easel.steps.deliver import TIMEOUT_SECONDS
from easel.steps.reconcile import CARRIERS_MAX
from tests.fakes.scene import TENANT, Scene
from tests.state_machines import DELIVER
from tests.template import RESOURCES, TEMPLATE
from tests.unit.test_workflow_definition import ENDS, targets

STATES = DELIVER.states
TASK = "Deliver webhook"


def test_step_says_what_the_machine_looks_at() -> None:
    scene = Scene()
    made = scene.create(webhook="https://hooks.example/")
    scene.canceler.cancel(TENANT, made.id)
    (delivery,) = scene.deliveries.records.values()
    state = scene.deliverer.state(delivery)
    (over,) = STATES["Is it over"]["Choices"]
    assert (over["Variable"], over["BooleanEquals"]) == ("$.done", True)
    assert STATES["Wait before trying again"]["SecondsPath"] == "$.wait_seconds"
    assert state == {"id": delivery.id, "done": False, "wait_seconds": 0}
    assert isinstance(state["wait_seconds"], int), "a Wait state takes whole seconds only"


def test_machine_tries_and_waits_until_it_is_over() -> None:
    assert DELIVER.definition["StartAt"] == TASK
    choice = STATES["Is it over"]
    assert STATES[TASK]["Next"] == "Is it over"
    assert STATES[choice["Choices"][0]["Next"]]["Type"] == "Succeed"
    assert STATES[choice["Default"]]["Next"] == TASK
    ends = {name for name, state in STATES.items() if state["Type"] in ENDS}
    assert {name for name, state in STATES.items() if set(targets(state)) & ends} == {TASK, "Is it over"}


def test_machine_outlives_the_longest_delivery() -> None:
    longest_wait = WAIT_SECONDS_MAX * (1 + JITTER)
    attempts = ATTEMPTS_MAX * STATES[TASK]["TimeoutSeconds"]
    assert DELIVER.definition["TimeoutSeconds"] > (ATTEMPTS_MAX - 1) * longest_wait + attempts


def test_attempts_of_all_carriers_stay_below_the_longest_history() -> None:
    # 25,000 events of one execution; a round has some ten
    # (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
    assert ATTEMPTS_MAX * 10 * CARRIERS_MAX < 25_000


def test_function_outlives_an_attempt() -> None:
    properties = RESOURCES["DeliverFunction"]["Properties"]
    assert properties["Timeout"] > TIMEOUT_SECONDS + 10


def test_templates_schedule_is_the_codes() -> None:
    assert schedule_of(TEMPLATE["Parameters"]["WebhookSchedule"]["Default"]) == SCHEDULE_SECONDS


@pytest.mark.parametrize(
    "schedule",
    [
        *("0", "5,300", "9999,79999,85999,86399", "86400", "86401", "90000", "99999", "5,", ",5", "1,-1"),
        ",".join("1" * 9),
        ",".join("1" * 10),
    ],
)
def test_template_takes_the_schedules_that_the_code_takes(schedule: str) -> None:
    fits = re.fullmatch(TEMPLATE["Parameters"]["WebhookSchedule"]["AllowedPattern"], schedule)
    try:
        schedule_of(schedule)
    except SettingsError:
        assert fits is None
    else:
        assert fits is not None


def test_template_never_lets_webhooks_go_to_loopback() -> None:
    assert "LOOPBACK" not in str(TEMPLATE)


def test_execution_that_ends_badly_is_told_to_reconcile() -> None:
    rule = RESOURCES["ReconcileFunction"]["Properties"]["Events"]["ExecutionEndedBadly"]
    machines = rule["Properties"]["Pattern"]["detail"]["stateMachineArn"]
    assert {"Ref": "DeliverStateMachine"} in machines


def test_every_function_that_announces_may_start_deliveries() -> None:
    for name in ("ApiFunction", "SettleFunction", "ReconcileFunction"):
        statements = [
            one for policy in RESOURCES[name]["Properties"]["Policies"] for one in policy["Statement"]
        ]
        allowed = [one["Resource"] for one in statements if one["Action"] == "states:StartExecution"]
        assert "DeliverStateMachine" in str(allowed), name
