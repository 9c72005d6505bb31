"""What ties the log together before there is a generation: the ids of a call and of an event."""

import io
import json
import logging
from typing import Any

import pytest

from easel import runtime
from easel.aws.metrics import FactLog
from easel.doors.native import native_api
from functions.api import handler as api
from functions.intake import handler as intake
from tests.fakes.door import native_door
from tests.fakes.log import logger_to
from tests.fakes.log_lines import NAMESPACE
from tests.fakes.memory import KnownKeys
from tests.fakes.scene import TENANT, Scene
from tests.template import ROOT

Told = tuple[Scene, io.StringIO]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """A scene whose facts go to the handlers' own log, and that log."""
    stream = io.StringIO()
    logger = logger_to(stream)
    log = FactLog(logging.getLogger(logger.name), NAMESPACE)
    scene = Scene(tell=log.tell)
    scene.inbox.bucket = "easel-inboxbucket-1a2b3c4d5e6f"
    monkeypatch.setattr(runtime, "logger", lambda: logger)
    keys = KnownKeys({"ezl_your-key": TENANT})
    monkeypatch.setattr(api.api, "made", native_api(native_door(scene, keys, logger)))
    monkeypatch.setattr(intake.step, "made", scene.intake)
    return scene, stream


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text(encoding="utf-8"))
    return event


def lines(told: Told) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told[1].getvalue().splitlines()]


def test_line_that_tells_of_a_new_generation_has_the_calls_id_and_its_own(told: Told) -> None:
    first, second = sample("api-create"), sample("api-create")
    second["requestContext"] |= {"requestId": "second"}
    second["headers"].pop("idempotency-key", None)
    ids = [json.loads(api.handler(event, None)["body"])["id"] for event in (first, second)]
    accepted = [line for line in lines(told) if line["message"] == "accepted"]
    assert [(line["request_id"], line["generation_id"]) for line in accepted] == [
        (first["requestContext"]["requestId"], ids[0]),
        ("second", ids[1]),
    ]


def test_lines_of_an_event_have_its_id(told: Told) -> None:
    event = sample("bus-generation-requested")
    made = intake.handler(event, None)
    assert {(line["message"], line["event_id"]) for line in lines(told)} == {
        ("accepted", event["id"]),
        ("taken in", event["id"]),
    }
    assert made["id"] in {line.get("generation_id") for line in lines(told)}


def test_line_that_tells_of_a_fault_has_the_calls_id(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told[0].store, "create", lambda *_: 1 / 0)
    event = sample("api-create")
    answer = api.handler(event, None)
    (line,) = lines(told)
    assert (line["level"], line["request_id"]) == ("ERROR", json.loads(answer["body"])["request_id"])
