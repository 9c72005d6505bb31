"""The sample events are what the functions really take: each goes through its own handler."""

import json
from pathlib import Path
from typing import Any

import pytest

from easel.doors.native import native_api
from easel.events_in import ReconcileInput, StepInput
from easel.runtime import logger
from functions.api import handler as api
from functions.reconcile import handler as reconcile
from tests.fakes.door import native_door
from tests.fakes.memory import MemoryGenerations
from tests.fakes.scene import Scene
from tests.template import RESOURCES

EVENTS = Path(__file__).parents[2] / "events"


class OneKey:
    """The port `ApiKeys` with the key of the samples."""

    def tenant_of(self, key: str) -> str | None:
        return "default" if key == "ezl_your-key" else None


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryGenerations:
    """The records behind the HTTP API's handler."""
    scene = Scene()
    monkeypatch.setattr(api.api, "made", native_api(native_door(scene, OneKey(), logger())))
    return scene.store


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def test_the_create_sample_makes_a_generation(store: MemoryGenerations) -> None:
    answer = api.handler(sample("api-create"), None)
    assert answer["statusCode"] == 202
    (generation,) = store.records.values()
    assert json.loads(answer["body"])["id"] == generation.id
    assert generation.tenant == "default"


def test_the_list_sample_gives_a_page(store: MemoryGenerations) -> None:
    api.handler(sample("api-create"), None)
    answer = api.handler(sample("api-list"), None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"data": [], "next_cursor": None}  # none has succeeded yet


def test_the_get_sample_names_a_generation_that_does_not_exist_here(store: MemoryGenerations) -> None:
    assert api.handler(sample("api-get"), None)["statusCode"] == 404


@pytest.mark.parametrize("name", ["step", "settle-after-fault"])
def test_a_step_sample_is_a_steps_input(name: str) -> None:
    given = StepInput.model_validate(sample(name))
    assert given.id == sample(name)["id"]
    assert (given.fault is not None) == (name == "settle-after-fault")


class Looked:
    """Stands in for the reconciler: remembers what it was asked to look after."""

    def __init__(self) -> None:
        self.after: list[str] = []
        self.sweeps = 0

    def look_after(self, generation_id: str) -> str:
        self.after.append(generation_id)
        return "restarted"

    def sweep(self) -> dict[str, int]:
        self.sweeps += 1
        return {"carried": 2}


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Looked:
    made = Looked()
    monkeypatch.setattr(reconcile.step, "made", made)
    return made


def test_the_schedules_sample_sweeps(looked: Looked) -> None:
    assert reconcile.handler(sample("reconcile-schedule"), None) == {"carried": 2}
    assert (looked.after, looked.sweeps) == ([], 1)


def test_the_failed_executions_sample_looks_after_its_generation(looked: Looked) -> None:
    event = sample("execution-failed")
    assert reconcile.handler(event, None) == {"restarted": 1}
    assert (looked.after, looked.sweeps) == (["gen_01M7X9PZ8RQ3T5V7W9Y1ABCDEF"], 0)


def test_the_failed_executions_sample_is_what_the_rule_lets_through() -> None:
    event = sample("execution-failed")
    pattern = RESOURCES["ReconcileFunction"]["Properties"]["Events"]["ExecutionEndedBadly"]["Properties"][
        "Pattern"
    ]
    assert event["source"] in pattern["source"]
    assert event["detail-type"] in pattern["detail-type"]
    assert event["detail"]["status"] in pattern["detail"]["status"]


@pytest.mark.parametrize("carrier", ["", "-1", "-10"])
def test_execution_of_any_carrier_names_its_generation(carrier: str) -> None:
    generation_id = sample("step")["id"]
    event = {"detail": {"name": generation_id + carrier}}
    assert ReconcileInput.model_validate(event).carried_id == generation_id


@pytest.mark.parametrize("name", ["", "somebody-elses", "gen_", "gen_01M7X9PZ8RQ3T5V7W9Y1ABCDE!"])
def test_execution_that_somebody_else_started_names_none(name: str) -> None:
    assert ReconcileInput.model_validate({"detail": {"name": name}}).carried_id is None


def test_execution_that_failed_goes_on_with_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    made = scene.create()
    scene.workflow.stop_all()
    monkeypatch.setattr(reconcile.step, "made", scene.reconciler)
    event = sample("execution-failed")
    event["detail"]["name"] = made.id
    assert reconcile.handler(event, None) == {"restarted": 1}
    assert scene.workflow.carriers == {made.id: 1}
