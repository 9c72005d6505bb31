"""Stores of batches and generations: the doubles in memory, and DynamoDB as moto plays it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from easel.aws.batches import DynamoBatches
from easel.aws.table import DynamoGenerations
from easel.domain.batch import Batch, Source, Tally
from easel.domain.generation import Generation
from easel.domain.ids import batch_id_of, new_generation_id
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.ports import BatchStore, GenerationStore, Hold
from tests.contract.table import OneAtATime, make_table
from tests.fakes.memory import FakeClock, MemoryGenerations
from tests.fakes.memory_batches import MemoryBatches

NOW = datetime.now(UTC).replace(microsecond=123456)


@dataclass
class Stores:
    """Batches and generations in one table."""

    batches: BatchStore
    generations: GenerationStore


def dynamo_stores(client: Any) -> Stores:
    table = make_table(client)
    return Stores(
        DynamoBatches(client, table, 90, FakeClock()), DynamoGenerations(client, table, 90, FakeClock())
    )


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        batches = MemoryBatches()
        return Stores(batches, MemoryGenerations(batches=batches))
    return dynamo_stores(OneAtATime(request.getfixturevalue("dynamodb")))


def new_batch(name: str = "x", now: datetime = NOW) -> Batch:
    source = Source(bucket="b", key="requests/\u4e2d.jsonl", etag="e-1")
    return Batch(id=batch_id_of("t", name), tenant="t", source=source, created_at=now, updated_at=now)


def queued(number: int = 0, now: datetime = NOW) -> Generation:
    price = Money.of("0.075", "USD")
    asked = GenerationRequest(model="m", prompt="p")
    return Generation.create(new_generation_id(now), "t", asked, ("v/m",), price, now)


def hold(batch: Batch, usd: str, cap: str = "100") -> Hold:
    return Hold(batch.id, Decimal(usd), Decimal(cap))


def committed(usd: str) -> Tally:
    return Tally(committed_usd=Decimal(usd))
