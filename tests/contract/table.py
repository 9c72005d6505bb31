"""The table as the template defines it, as moto plays it, and many that come to it at once."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tests.template import RESOURCES

NUMBERS = itertools.count()
THREADS = 20
Told = TypeVar("Told")


def make_table(client: Any) -> str:
    """A table of its own for each test, as the template defines it."""
    properties = RESOURCES["Table"]["Properties"]
    keys = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    name = f"easel-table-{next(NUMBERS)}"
    client.create_table(TableName=name, **{key: properties[key] for key in keys})
    return name


class OneAtATime:
    """A client each of whose calls is one whole, as DynamoDB's are and moto's in one process are not."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def whole(*names: str, **arguments: Any) -> Any:
            with self._lock:
                return call(*names, **arguments)

        return whole


class CountedReads:
    """A client that counts its reads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.reads = 0

    def get_item(self, **asked: Any) -> Any:
        self.reads += 1
        return self._client.get_item(**asked)


def at_once(ask: Callable[[int], Told]) -> list[Told]:
    """What many threads are told that all ask at the same moment."""
    together = threading.Barrier(THREADS)

    def one(number: int) -> Told:
        together.wait(timeout=10)
        return ask(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS), timeout=30))
