"""Stores of generations: the double in memory, and DynamoDB as moto plays it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from easel.aws.table import DynamoGenerations
from easel.domain.generation import Generation, GenerationError
from easel.domain.ids import new_generation_id
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.ports import GenerationStore
from tests.contract.table import make_table
from tests.fakes.memory import FakeClock, MemoryGenerations

NOW = datetime.now(UTC).replace(microsecond=123456)
PRICE = Money.of("0.075", "USD")
ERROR = GenerationError(code="c", message="m")


def make_store(kind: str, request: pytest.FixtureRequest) -> GenerationStore:
    if kind == "memory":
        return MemoryGenerations()
    client = request.getfixturevalue("dynamodb")
    return DynamoGenerations(client, make_table(client), 90, FakeClock())


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> GenerationStore:
    return make_store(request.param, request)


def queued(tenant: str = "t", *, now: datetime = NOW, **fields: Any) -> Generation:
    asked = GenerationRequest(**({"model": "m", "prompt": "p"} | fields))
    return Generation.create(new_generation_id(now), tenant, asked, ("v/m",), PRICE, now)
