"""The delivery's own file, run by moto's interpreter over the real step, as `test_workflow_run.py` runs a
generation's."""

import pytest

from easel.domain.webhooks import Delivery, DeliveryStatus
from easel.errors import NotFoundError, SettingsError, VersionConflictError
from easel.wire import HttpResponse
from tests.fakes.scene import TENANT, Scene
from tests.fakes.workflow_machine import Machine, Make, Run
from tests.state_machines import DELIVER


@pytest.fixture(scope="module")
def definition() -> str:
    """The file of the machine."""
    return DELIVER.text


def scene_with(*statuses: int) -> Scene:
    """A delivery that is to be made, to a receiver that answers so."""
    scene = Scene()
    scene.canceler.cancel(TENANT, scene.create(webhook="https://hooks.example/").id)
    scene.receivers.answers = [HttpResponse(status) for status in statuses]
    return scene


def only(scene: Scene) -> Delivery:
    (delivery,) = scene.deliveries.records.values()
    return delivery


def carry(machine: Machine, scene: Scene) -> Run:
    return machine.execute(only(scene).id, {"id": only(scene).id})


def test_delivery_is_tried_waited_for_and_tried_again_until_it_is_made(machine: Make) -> None:
    scene = scene_with(500, 503, 200)
    running = machine(scene)
    assert carry(running, scene).status == "SUCCEEDED"
    assert only(scene).status is DeliveryStatus.DELIVERED
    assert len(scene.receivers.posted) == 3
    assert len(running.waits) == 2
    assert sum(running.waits) >= 5 + 300
    assert running.retries == []


def test_attempt_that_lost_a_race_or_hung_is_repeated_and_tells_once(machine: Make) -> None:
    scene = scene_with(200)
    running = machine(scene, Deliver=[VersionConflictError("raced")] * 2)
    running.functions.hangs["Deliver"] = 1
    assert carry(running, scene).status == "SUCCEEDED"
    assert running.given_up == {"Deliver webhook": 60}
    assert len(running.retries) == 3
    assert len(scene.receivers.posted) == 1


def test_fault_that_would_only_repeat_ends_the_execution_at_once_and_leaves_the_record_to_reconcile(
    machine: Make,
) -> None:
    scene = scene_with()
    running = machine(scene, Deliver=[SettingsError("no table")])
    run = carry(running, scene)
    assert (run.status, run.error) == ("FAILED", "Easel.NotDelivered")
    assert run.entered == ["Deliver webhook", "Could not deliver"]
    assert only(scene).status is DeliveryStatus.PENDING


def test_delivery_that_is_gone_when_its_time_comes_is_no_failure_that_rings_an_alarm(machine: Make) -> None:
    scene = scene_with(500)
    running = machine(scene, Deliver=[NotFoundError("There is no delivery.")])
    run = carry(running, scene)
    assert run.status == "SUCCEEDED"
    assert run.entered == ["Deliver webhook", "It is over"]
    assert running.retries == []
