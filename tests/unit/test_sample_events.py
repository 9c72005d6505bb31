"""The sample events are what the functions really take: each goes through its own handler."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from easel.domain.generation import Status
from easel.domain.ids import batch_id_of
from easel.domain.tenancy import ApiKey
from easel.domain.tenants import Limits, Tenant
from easel.doors.native import native_api
from easel.errors import LimitReachedError, NotFoundError
from easel.events_in import ReconcileInput
from easel.runtime import logger
from easel.step_input import StepInput
from functions.api import handler as api
from functions.collect import handler as collect
from functions.create import handler as create
from functions.deliver import handler as deliver
from functions.feed import handler as feed
from functions.intake import handler as intake
from functions.prepare import handler as prepare
from functions.reconcile import handler as reconcile
from tests.fakes.batch_run import dropped, end_all, rows, run
from tests.fakes.door import native_door
from tests.fakes.memory import MemoryGenerations
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene
from tests.template import RESOURCES

EVENTS = Path(__file__).parents[2] / "events"
BATCH_ID = batch_id_of("default", "x")
DELIVERY_ID = "msg_01M7X9PZ8RQ3T5V7W9Y1ABCDEF"


class OneKey:
    """The port `ApiKeys` with the key of the samples."""

    def find(self, secret: str, *, anew: bool = False) -> ApiKey | None:
        known = secret == "ezl_your-key"
        return ApiKey(id="key_1", tenant="default", prefix=secret[:12]) if known else None


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """What is behind all handlers. The inbox bears the samples' name."""
    scene = Scene()
    scene.inbox.bucket = "easel-inboxbucket-1a2b3c4d5e6f"
    steps = {
        intake: scene.intake, create: scene.requests_of_workflows, prepare: scene.preparer,
        feed: scene.feeder, collect: scene.collector,
    }  # fmt: skip
    for handler, made in steps.items():
        monkeypatch.setattr(handler.step, "made", made)
    monkeypatch.setattr(api.api, "made", native_api(native_door(scene, OneKey(), logger())))
    return scene


@pytest.fixture
def store(scene: Scene) -> MemoryGenerations:
    """The records behind the HTTP API's handler."""
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


def test_the_create_batch_sample_makes_a_batch_whose_rows_are_right(scene: Scene) -> None:
    answer = api.handler(sample("api-create-batch"), None)
    assert answer["statusCode"] == 202
    (batch,) = scene.batches.records.values()
    assert json.loads(answer["body"])["id"] == batch.id
    assert run(scene, batch)["rows"]["succeeded"] == 2


@pytest.mark.parametrize("name", ["batch.jsonl", "batch.csv"])
def test_sample_files_are_batches_without_a_wrong_row(scene: Scene, name: str) -> None:
    batch = dropped(scene, data=(EVENTS / name).read_bytes(), key=f"requests/{name}")
    rows = run(scene, batch)["rows"]
    assert rows["succeeded"] == rows["total"] > 2


def test_the_dropped_file_sample_makes_a_batch(scene: Scene) -> None:
    event = sample("s3-request-dropped")
    key = event["detail"]["object"]["key"]
    scene.inbox.drop(key, (EVENTS / "batch.jsonl").read_bytes())
    made = intake.handler(event, None)
    (batch,) = scene.batches.records.values()
    assert made == {"id": batch.id}
    assert (batch.source.bucket, batch.source.key) == (scene.inbox.bucket, key)
    assert batch.source.etag == event["detail"]["object"]["etag"]


def test_the_dropped_edit_sample_makes_a_generation(scene: Scene) -> None:
    event = sample("s3-edit-dropped")
    dropped_now = scene.inbox.drop(
        event["detail"]["object"]["key"], picture("png", 600, 600), prompt="make it night"
    )
    event["detail"]["object"]["etag"] = dropped_now.etag
    made = intake.handler(event, None)
    (generation,) = scene.store.records.values()
    assert made == {"id": generation.id}
    assert generation.request.prompt == "make it night"


def test_the_bus_sample_makes_a_generation_that_knows_its_correlation_id(scene: Scene) -> None:
    event = sample("bus-generation-requested")
    made = intake.handler(event, None)
    (generation,) = scene.store.records.values()
    assert made == {"id": generation.id}
    assert generation.origin.correlation_id == event["detail"]["correlation_id"]
    assert intake.handler(event, None) == made, "it may be delivered twice"


def test_event_that_is_refused_makes_nothing_and_is_no_fault(scene: Scene) -> None:
    event = sample("bus-generation-requested")
    event["detail"]["size"] = "huge"
    assert intake.handler(event, None) == {"id": None}
    assert scene.letters.messages[0]["event"] == event


@pytest.mark.parametrize(
    ("name", "rule"), [("s3-request-dropped", "Dropped"), ("s3-edit-dropped", "Dropped"),
                       ("bus-generation-requested", "Requested")],
)  # fmt: skip
def test_sample_of_a_way_in_is_what_its_rule_lets_through(name: str, rule: str) -> None:
    event = sample(name)
    pattern = RESOURCES["IntakeFunction"]["Properties"]["Events"][rule]["Properties"]["Pattern"]
    assert event["detail-type"] in pattern["detail-type"]
    assert event["source"] in pattern.get("source", [event["source"]])
    if rule == "Dropped":
        prefixes = [one["prefix"] for one in pattern["detail"]["object"]["key"]]
        assert event["detail"]["object"]["key"].startswith(tuple(prefixes))


def test_answers_of_easels_own_are_no_requests() -> None:
    (asked,) = RESOURCES["IntakeFunction"]["Properties"]["Events"]["Requested"]["Properties"]["Pattern"][
        "detail-type"
    ]
    told = {f"Image Generation {status.value.capitalize()}" for status in Status} | {
        "Image Generation Rejected"
    }
    assert asked not in told


def test_the_workflow_sample_makes_a_generation_that_its_execution_carries(scene: Scene) -> None:
    given = sample("workflow-request") | {"execution": "arn:aws:states:eu-west-1:1:execution:easel:mine"}
    made = create.handler(given, None)
    (generation,) = scene.store.records.values()
    assert made == {"id": generation.id}
    assert generation.origin.execution == given["execution"]
    assert scene.workflow.ids == []
    assert create.handler(given, None) == made, "a step may run again"


def test_workflows_request_that_is_wrong_is_refused_with_a_problem_as_the_cause(scene: Scene) -> None:
    given = sample("workflow-request") | {"execution": "arn"}
    given["request"]["size"] = "huge"
    refused = create.handler(given, None)
    assert refused["error"] == "Easel.InvalidRequest"
    assert [one["field"] for one in json.loads(refused["cause"])["errors"]] == ["size"]
    assert scene.store.records == {}


def test_workflows_request_waits_for_a_place_and_is_refused_without_money(scene: Scene) -> None:
    given = sample("workflow-request") | {"execution": "arn"}
    scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(concurrency=1))
    create.handler(given | {"execution": "other"}, None)
    with pytest.raises(LimitReachedError):  # by this name the workflow tries again
        create.handler(given, None)
    scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(usd_per_day=Decimal(0)))
    refused = create.handler(given, None)
    assert refused["error"] == "Easel.BudgetReached"
    assert json.loads(refused["cause"])["limit"]["name"] == "usd_per_day"


def test_batchs_steps_hand_on_what_the_next_one_takes(scene: Scene) -> None:
    batch = dropped(scene, *rows(3))
    state = prepare.handler({"id": batch.id}, None)
    (key,) = scene.files.keys(state["prefix"])
    fed = feed.handler({"id": state["id"], "key": key}, None)
    assert (fed["id"], fed["key"], fed["looks"], fed["done"]) == (batch.id, key, 1, False)
    end_all(scene, batch)
    assert feed.handler(fed, None) == fed | {"looks": 2, "done": True, "wait_seconds": 0}
    ended = collect.handler(state, None)
    assert (ended["id"], ended["status"]) == (batch.id, "completed")


def test_collect_after_a_fault_takes_what_the_workflow_caught(scene: Scene) -> None:
    batch = dropped(scene, *rows(3))
    fault = {"Error": "States.Timeout", "Cause": "anything"}
    assert collect.handler({"id": batch.id, "fault": fault}, None)["status"] == "failed"


@pytest.mark.parametrize("event", [{"id": "gen_01M7X9PZ8RQ3T5V7W9Y1ABCDEF"}, {"id": ""}, {}])
def test_batchs_steps_take_the_id_of_a_batch_alone(scene: Scene, event: dict[str, Any]) -> None:
    for handler in (prepare, feed, collect):
        with pytest.raises(ValidationError):
            handler.handler(event, None)


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


def test_the_deliver_sample_names_a_delivery_and_one_that_is_there_is_told_of(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deliver.step, "made", scene.deliverer)
    assert sample("deliver-step") == {"id": DELIVERY_ID}
    with pytest.raises(NotFoundError):
        deliver.handler(sample("deliver-step"), None)
    made = scene.create(webhook="https://hooks.example/PLANTED?token=PLANTED")
    scene.canceler.cancel(made.tenant, made.id)
    (delivery_id,) = scene.deliveries.records
    assert deliver.handler({"id": delivery_id}, None) == {"id": delivery_id, "done": True, "wait_seconds": 0}
    assert len(scene.receivers.posted) == 1
    assert "PLANTED" not in capsys.readouterr().out


@pytest.mark.parametrize("event", [{}, {"id": BATCH_ID}, {"id": "msg_1"}, {"id": None}])
def test_deliver_takes_the_id_of_a_delivery_alone(event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        deliver.handler(event, None)


@pytest.mark.parametrize("carrier", ["", "-1", "-10"])
@pytest.mark.parametrize("carried_id", [BATCH_ID, "gen_01M7X9PZ8RQ3T5V7W9Y1ABCDEF", DELIVERY_ID])
def test_execution_of_any_carrier_names_what_it_carries(carried_id: str, carrier: str) -> None:
    event = {"detail": {"name": carried_id + carrier}}
    assert ReconcileInput.model_validate(event).carried_id == carried_id


@pytest.mark.parametrize("name", ["", "somebody-elses", "gen_", "bat_", "gen_01M7X9PZ8RQ3T5V7W9Y1ABCDE!"])
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
