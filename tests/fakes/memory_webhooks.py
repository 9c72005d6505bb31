"""The ports of webhooks in memory: deliveries, and receivers that answer as a script says."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from easel.domain.webhooks import DELIVERIES_MAX, Delivery
from easel.errors import AlreadyExistsError, VersionConflictError
from easel.wire import HttpResponse


class MemoryDeliveries:
    """The port `DeliveryStore`. One lock does what DynamoDB's conditions do."""

    def __init__(self) -> None:
        self.records: dict[str, Delivery] = {}
        self.lock = threading.Lock()

    def create(self, delivery: Delivery) -> None:
        with self.lock:
            if delivery.id in self.records:
                raise AlreadyExistsError(delivery.id)
            self.records[delivery.id] = copied(delivery)

    def get(self, delivery_id: str) -> Delivery | None:
        return self.records.get(delivery_id)

    def save(self, delivery: Delivery) -> None:
        with self.lock:
            stored = self.records.get(delivery.id)
            if stored is None or stored.version != delivery.version - 1:
                raise VersionConflictError(delivery.id)
            self.records[delivery.id] = copied(delivery)

    def of_generation(self, generation_id: str) -> Sequence[Delivery]:
        mine = [one for one in self.records.values() if one.generation_id == generation_id]
        return sorted(mine, key=lambda one: one.id, reverse=True)[:DELIVERIES_MAX]


def copied(delivery: Delivery) -> Delivery:
    """What a store gives back: written down and read again."""
    return Delivery.model_validate_json(delivery.model_dump_json())


@dataclass(frozen=True)
class Posted:
    """What a receiver was told."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_seconds: float


@dataclass
class Receivers:
    """The port `Posts`: gives the answers of a script in order, then 204 to everything; `before` happens
    while a post is under way."""

    answers: list[HttpResponse | Exception] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> HttpResponse:
        self.before()
        self.posted.append(Posted(url, headers, body, timeout_seconds))
        answer = self.answers.pop(0) if self.answers else HttpResponse(204)
        if isinstance(answer, Exception):
            raise answer
        return answer
