"""Books of API keys: the double in memory, and DynamoDB as moto plays it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import DynamoApiKeys
from easel.domain.tenancy import ApiKey, BookedKey
from easel.key_ports import KeyBook
from easel.ports import ApiKeys
from tests.contract.table import OneAtATime, make_table
from tests.fakes.memory import FakeClock, SetTenants
from tests.fakes.memory_keys import MemoryKeyBook

HOUR = timedelta(hours=1)


class Shelf:
    """A book, and the keys as the functions find them now, with nothing in memory."""

    def __init__(self, book: KeyBook, keys: Callable[[], ApiKeys], clock: FakeClock) -> None:
        self.book, self.keys, self.clock = book, keys, clock

    def finds(self, secret: str) -> ApiKey | None:
        key = self.keys().find(secret)
        return key if key and key.works_at(self.clock.now()) else None

    def works(self, *secrets: str) -> list[bool]:
        return [self.finds(secret) is not None for secret in secrets]

    def all(self, tenant: str | None = None) -> list[BookedKey]:
        return list(self.book.page(tenant).keys)

    def pass_time(self, time: timedelta) -> None:
        self.clock.time += time


class Table(Shelf):
    """The same on a table."""

    def __init__(self, client: Any) -> None:
        self.client, self.table = OneAtATime(client), make_table(client)
        clock = FakeClock()
        book = DynamoKeyBook(self.client, self.table, clock)
        super().__init__(book, lambda: DynamoApiKeys(self.client, self.table), clock)

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.scan(TableName=self.table)["Items"]
        return found


@pytest.fixture
def table(dynamodb: Any) -> Table:
    return Table(dynamodb)


@pytest.fixture(params=["memory", "dynamodb"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "dynamodb":
        return Table(request.getfixturevalue("dynamodb"))
    clock = FakeClock()
    book = MemoryKeyBook(clock, SetTenants())
    return Shelf(book, lambda: book, clock)
