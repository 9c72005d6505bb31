"""What every store of deliveries must do: the double in memory, and DynamoDB as moto plays it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from easel.aws.deliveries import DynamoDeliveries
from easel.aws.table import DynamoGenerations
from easel.domain.generation import Generation, GenerationError, Status
from easel.domain.ids import new_delivery_id, new_generation_id
from easel.domain.money import Money
from easel.domain.request import GenerationRequest, Webhook
from easel.domain.webhooks import (
    DELIVERIES_MAX,
    SCHEDULE_SECONDS,
    Delivery,
    DeliveryAttempt,
    DeliveryFault,
    DeliveryStatus,
)
from easel.errors import AlreadyExistsError, VersionConflictError
from easel.ports import GenerationStore
from easel.webhook_ports import DeliveryStore
from tests.contract.table import OneAtATime, at_once, make_table
from tests.fakes.memory import FakeClock, MemoryGenerations
from tests.fakes.memory_webhooks import MemoryDeliveries

NOW = datetime.now(UTC).replace(microsecond=123456)
HOOK = Webhook(url="https://hooks.example/told?token=1")


@dataclass
class Stores:
    """Deliveries and generations in one table."""

    deliveries: DeliveryStore
    generations: GenerationStore


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        deliveries = MemoryDeliveries()
        return Stores(deliveries, MemoryGenerations(deliveries=deliveries))
    client: Any = OneAtATime(request.getfixturevalue("dynamodb"))
    table = make_table(client)
    return Stores(
        DynamoDeliveries(client, table, 90, FakeClock()), DynamoGenerations(client, table, 90, FakeClock())
    )


def ended() -> Generation:
    asked = GenerationRequest(model="m", prompt="p", webhook=HOOK)
    made = Generation.create(new_generation_id(NOW), "t", asked, ("v/m",), Money.of("1", "USD"), NOW)
    return made.settled(NOW, Status.CANCELED, GenerationError(code="canceled", message="m"))


def new_delivery(generation: Generation | None = None, later: float = 0) -> Delivery:
    now = NOW + timedelta(seconds=later)
    return Delivery.create(new_delivery_id(now), generation or ended(), HOOK, now)


def attempt(number: int, error: DeliveryFault | None) -> DeliveryAttempt:
    return DeliveryAttempt(number=number, at=NOW, duration_ms=15_000, http_status=500, error=error)


def test_created_delivery_is_read_back_as_it_was_written(stores: Stores) -> None:
    made = new_delivery()
    stores.deliveries.create(made)
    assert stores.deliveries.get(made.id) == made
    assert stores.deliveries.get(new_delivery().id) is None


def test_every_field_of_a_delivery_survives_the_store(stores: Stores) -> None:
    made = new_delivery()
    stores.deliveries.create(made)
    one = made
    for number in range(1, 10):
        one = one.tried(attempt(number, DeliveryFault.HTTP_STATUS), SCHEDULE_SECONDS, NOW)
        stores.deliveries.save(one)
    one = one.carried_by(3)
    stores.deliveries.save(one)
    assert stores.deliveries.get(made.id) == one
    one = one.tried(attempt(10, None), SCHEDULE_SECONDS, NOW)
    stores.deliveries.save(one)
    found = stores.deliveries.get(made.id)
    assert found == one
    assert found is not None
    assert (found.status, found.next_attempt_at, len(found.attempts)) == (DeliveryStatus.DELIVERED, None, 10)


def test_of_many_that_create_the_same_delivery_one_does(stores: Stores) -> None:
    made = new_delivery()

    def create(number: int) -> bool:
        try:
            stores.deliveries.create(made.having(tenant=f"t{number}"))
        except AlreadyExistsError:
            return False
        return True

    assert at_once(create).count(True) == 1


@pytest.mark.parametrize("version", [0, 2, 5])
def test_move_of_another_version_than_the_stored_one_is_refused(stores: Stores, version: int) -> None:
    made = new_delivery()
    stores.deliveries.create(made)
    with pytest.raises(VersionConflictError):
        stores.deliveries.save(made.having(version=version, carrier=9))
    assert stores.deliveries.get(made.id) == made


def test_of_many_moves_of_the_same_version_one_is_written(stores: Stores) -> None:
    made = new_delivery()
    stores.deliveries.create(made)

    def move(number: int) -> bool:
        try:
            stores.deliveries.save(made.carried_by(number))
        except VersionConflictError:
            return False
        return True

    assert at_once(move).count(True) == 1


def test_deliveries_of_a_generation_are_listed_newest_first_and_no_others(stores: Stores) -> None:
    generation = ended()
    mine = [new_delivery(generation, later) for later in (1, 3, 2)]
    for one in (*mine, new_delivery()):
        stores.deliveries.create(one)
    assert list(stores.deliveries.of_generation(generation.id)) == [mine[1], mine[2], mine[0]]
    assert list(stores.deliveries.of_generation(ended().id)) == []


def test_list_is_bounded(stores: Stores) -> None:
    generation = ended()
    for number in range(DELIVERIES_MAX + 2):
        stores.deliveries.create(new_delivery(generation, number))
    assert len(stores.deliveries.of_generation(generation.id)) == DELIVERIES_MAX


def test_deliveries_are_in_no_tenants_list_of_generations(stores: Stores) -> None:
    stores.deliveries.create(new_delivery())
    page = stores.generations.list("t", status=None, model=None, limit=10, cursor=None)
    assert page.generations == ()


def test_delivery_is_found_quiet_once_its_next_attempt_should_have_been(stores: Stores) -> None:
    due, waiting, over = new_delivery(), new_delivery(), new_delivery()
    for one in (due, waiting, over):
        stores.deliveries.create(one)
    stores.deliveries.save(waiting.having(version=1, next_attempt_at=NOW + timedelta(hours=10)))
    stores.deliveries.save(over.tried(attempt(1, None), SCHEDULE_SECONDS, NOW))
    assert list(stores.generations.quiet(NOW)) == []
    assert list(stores.generations.quiet(NOW + timedelta(seconds=60))) == [due.id]
    assert set(stores.generations.quiet(NOW + timedelta(hours=11))) == {due.id, waiting.id}
