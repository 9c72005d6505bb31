"""What one generation asks of the table and its indexes: capacity units by step and by key, weighed at moto.

A write takes a unit for each KB of the larger of the item before and after it, in a transaction twice as
many; an index takes those of its own copy, none where nothing of it changed, and two writes where its key
moved (docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html, Provisioned throughput
considerations; .../transaction-apis.html, Capacity management).
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from math import ceil
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from easel.aws.route_states import DynamoRouteStates
from easel.aws.table import DynamoGenerations
from easel.domain.generation import Status
from easel.domain.ids import ALPHABET
from easel.domain.tenants import Limits, Tenant
from tests.bench.cost import item_bytes
from tests.contract.table import make_table
from tests.fakes.memory import FakeClock
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.template import RESOURCES
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_submitted

STEPS = ("create", "submit", "poll", "keep")
ROUTE = "mulerouter/qwen-image-max"  # which has no limit: where there is one, a slot is a unit of the route's
PROMPT = "a sentence of an image " * 10
INDEXES = {
    index["IndexName"]: (index["KeySchema"], index["Projection"]["ProjectionType"])
    for index in RESOURCES["Table"]["Properties"]["GlobalSecondaryIndexes"]
}
KEYS = ("pk", "sk")
Item = Mapping[str, Any]
Units = Mapping[str, Mapping[str, float]]  # of each step: of what is written, as `gen#`, and of "read ..."


class Weigher:
    """A client of DynamoDB that counts what its calls take, by what the key begins with, or by index."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.units: defaultdict[str, float] = defaultdict(float)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **request: Any) -> Any:
        key = {name: request["Item"][name] for name in KEYS}
        with self._weighed(request["TableName"], key, 1):
            return self._client.put_item(**request)

    def update_item(self, **request: Any) -> Any:
        with self._weighed(request["TableName"], request["Key"], 1):
            return self._client.update_item(**request)

    def transact_write_items(self, **request: Any) -> Any:
        with ExitStack() as stack:
            for (write,) in (one.values() for one in request["TransactItems"]):
                key = write.get("Key") or {name: write["Item"][name] for name in KEYS}
                stack.enter_context(self._weighed(write["TableName"], key, 2))
            return self._client.transact_write_items(**request)

    def get_item(self, **request: Any) -> Any:
        answer = self._client.get_item(**request)
        consistent = request.get("ConsistentRead", False)
        self._read(request["Key"], answer.get("Item"), consistent)
        return answer

    def batch_get_item(self, **request: Any) -> Any:
        answer = self._client.batch_get_item(**request)
        ((table, asked),) = request["RequestItems"].items()
        found = {(one["pk"]["S"], one["sk"]["S"]): one for one in answer["Responses"][table]}
        for key in asked["Keys"]:
            item = found.get((key["pk"]["S"], key["sk"]["S"]))
            self._read(key, item, asked.get("ConsistentRead", False))
        return answer

    def _read(self, key: Item, item: Item | None, consistent: bool) -> None:
        units = max(1, ceil(item_bytes(item or {}) / 4096))
        self.units[f"read {_family(key)}"] += units if consistent else units / 2

    @contextmanager
    def _weighed(self, table: str, key: Item, factor: int) -> Iterator[None]:
        before = self._item(table, key)
        try:
            yield
        finally:  # one whose condition failed is paid for as well
            after = self._item(table, key)
            size = max(1, ceil(max(item_bytes(before), item_bytes(after)) / 1024))
            self.units[_family(key)] += factor * size
            for name in INDEXES:
                self.units[name] += _index_units(name, before, after)

    def _item(self, table: str, key: Item) -> Item:
        found: Item = self._client.get_item(TableName=table, Key=dict(key), ConsistentRead=True).get(
            "Item", {}
        )
        return found


def _family(key: Item) -> str:
    return str(key["pk"]["S"]).partition("#")[0].rstrip("0123456789")


def _index_units(name: str, before: Item, after: Item) -> int:
    schema, projection = INDEXES[name]
    names = [one["AttributeName"] for one in schema]

    def entry(item: Item) -> Item | None:
        if any(one not in item for one in names):
            return None
        return item if projection == "ALL" else {one: item[one] for one in (*KEYS, *names)}

    old, new = entry(before), entry(after)
    if old == new:
        return 0
    if old and new and [old[one] for one in names] == [new[one] for one in names]:
        return ceil(max(item_bytes(old), item_bytes(new)) / 1024)
    return sum(ceil(item_bytes(one) / 1024) for one in (old, new) if one)


@cache
def units_of_a_generation(limited: bool = False) -> Units:
    """What a generation takes that a vendor makes without trouble; `limited`: of a tenant with a budget and
    a number of generations that may be at work."""
    env = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "bench")
    with patch.dict(os.environ, env), mock_aws(), patch.object(FakeClock, "now", _ticking):
        os.environ.pop("AWS_ENDPOINT_URL", None)
        weigher = Weigher(boto3.client("dynamodb", region_name="us-east-1"))
        return _lived(weigher, make_table(weigher), limited)


def _ticking(clock: FakeClock) -> datetime:
    clock.time += timedelta(milliseconds=1)  # no two writes come at the same moment
    return clock.time


def _lived(weigher: Weigher, table: str, limited: bool) -> Units:
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    if limited:
        limits = Limits.model_validate({"usd_per_month": "1000", "concurrency": 1000})
        scene.tenants.set["default"] = Tenant(id="default", limits=limits)
    store: Any = DynamoGenerations(weigher, table, 90, scene.clock)
    states: Any = DynamoRouteStates(weigher, table, scene.clock)
    for last in ALPHABET:  # the route is known
        states.took(ROUTE, last, 10.0, scene.clock.now())
    desk = replace(scene.desk, states=states)
    announcer = replace(scene.settler.announcer, store=store)
    settler = replace(scene.settler, store=store, announcer=announcer)
    scene.creator = replace(scene.creator, store=store, forecast=replace(scene.forecast, states=states))
    keeper = replace(scene.keeper, persister=replace(scene.persister, store=store), settler=settler)
    made: list[str] = []
    lives: Mapping[str, Callable[[], object]] = {
        "create": lambda: made.append(scene.create(prompt=PROMPT).id),
        "submit": lambda: replace(scene.submitter, store=store, desk=desk).submit(made[0]),
        "poll": lambda: replace(scene.poller, store=store, desk=desk).poll(made[0]),
        "keep": lambda: keeper.keep(made[0]),
    }
    found = {}
    for step, live in lives.items():
        weigher.units.clear()
        live()
        found[step] = dict(weigher.units)
    assert store.get(made[0]).status is Status.SUCCEEDED
    return found


if __name__ == "__main__":
    for one in (False, True):
        for step, units in units_of_a_generation(one).items():
            print(f"{step:>8} {units}")
