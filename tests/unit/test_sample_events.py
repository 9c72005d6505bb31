"""The sample events are what the functions really take: each goes through its own handler."""

import json
from pathlib import Path
from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.doors.native import NativeDoor, native_api
from easel.events_in import StepInput
from easel.runtime import logger
from easel.steps.create import Creator
from easel.steps.read import Reader
from functions.api import handler as api
from tests.fakes.memory import FakeClock, Keys, MemoryGenerations, MemoryImages, Started

EVENTS = Path(__file__).parents[2] / "events"


class OneKey:
    """The port `ApiKeys` with the key of the samples."""

    def tenant_of(self, key: str) -> str | None:
        return "default" if key == "ezl_your-key" else None


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryGenerations:
    """The records behind the HTTP API's handler."""
    store, images, keys, clock = MemoryGenerations(), MemoryImages(), Keys("mulerouter"), FakeClock()
    creator = Creator(store, images, Started(), keys, CATALOGUE, clock)
    door = NativeDoor(creator, Reader(store, clock), images, OneKey(), keys, CATALOGUE, logger())
    monkeypatch.setattr(api.api, "made", native_api(door))
    return store


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
