"""What reading costs the table: a status is one key read, a page a query and a read, and a wait is paced."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from easel.aws.items import attributes
from easel.aws.keys import DynamoApiKeys, DynamoQuotas
from easel.aws.table import DynamoGenerations, to_item
from easel.aws.tenants import DynamoTenants
from easel.domain.generation import Generation
from easel.domain.ids import new_generation_id
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Scope
from easel.steps.gate import Gate
from easel.steps.read import LOOK_SECONDS, WAIT_SECONDS_MAX, Reader
from tests.fakes.memory import FakeClock

CLIENTS = 100
KEY = {"id": "key_1", "prefix": "ezl_x", "tenant": "default"}


class CountedTable:
    """DynamoDB with one generation and one key, as far as reading goes."""

    def __init__(self, generation: Generation) -> None:
        self.item = to_item(generation, 0)
        self.asked: Counter[str] = Counter()

    def get_item(self, *, Key: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803  (boto3's name)
        kind = Key["pk"]["S"].partition("#")[0]
        self.asked[kind] += 1
        return {"Item": {"gen": self.item, "key": attributes(KEY)}[kind]}

    def query(self, **_: object) -> dict[str, Any]:
        self.asked["query"] += 1
        return {"Items": [{name: self.item[name] for name in ("pk", "sk", "list_pk", "list_sk")}]}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.asked["batch"] += 1
        return {"Responses": {"t": [self.item]}}


class Scene:
    """A reader and a gate on the counted table."""

    def __init__(self) -> None:
        self.clock, now = FakeClock(), datetime.now(UTC)
        request = GenerationRequest.model_validate({"model": "qwen-image-max", "prompt": "a fox"})
        money = Money(amount=Decimal("0.075"), currency="USD")
        self.id = new_generation_id(now)
        made = Generation.create(self.id, "default", request, ("mulerouter/qwen-image-max",), money, now)
        self.table = CountedTable(made)
        self.reader = Reader(DynamoGenerations(self.table, "t", 90, self.clock), self.clock)
        keys, tenants = DynamoApiKeys(self.table, "t"), DynamoTenants(self.table, "t")
        self.gate = Gate(keys, tenants, DynamoQuotas(self.table, "t"), self.clock)

    def tenant(self) -> str:
        return self.gate.caller("Bearer ezl_secret", Scope.READ).tenant


def test_status_is_one_key_read_beside_the_keys_own_that_is_remembered() -> None:
    scene = Scene()
    for _ in range(3):
        scene.reader.get(scene.tenant(), scene.id)
    assert scene.table.asked == {"key": 1, "gen": 3}


def test_page_is_one_query_and_one_read_of_what_it_found() -> None:
    scene = Scene()
    page = scene.reader.list(scene.tenant(), status=None, model=None, limit=20, cursor=None)
    assert [one.id for one in page.generations] == [scene.id]
    assert scene.table.asked == {"key": 1, "query": 1, "batch": 1}


def test_hundred_waiting_clients_cost_their_paced_looks_and_nothing_else() -> None:
    scene = Scene()
    for _ in range(CLIENTS):
        assert not scene.reader.get(scene.tenant(), scene.id, WAIT_SECONDS_MAX).terminal
    looks = WAIT_SECONDS_MAX / LOOK_SECONDS + 1
    assert scene.table.asked == {"key": 1, "gen": CLIENTS * looks}
    assert min(scene.clock.slept) >= LOOK_SECONDS
