"""Reading many generations at a time: the double in memory, and DynamoDB as moto plays it."""

from typing import Any

import pytest

from easel.aws.table import DynamoGenerations
from easel.domain.generation import Status
from easel.domain.ids import new_generation_id
from easel.ports import GenerationStore
from tests.contract.generation_stores import ERROR, NOW, queued
from tests.contract.table import make_table
from tests.fakes.memory import FakeClock


def test_those_of_many_that_there_are_come_by_their_ids(store: GenerationStore) -> None:
    made = [queued() for _ in range(3)]
    for one in made:
        store.create(one, None)
    asked = [made[0].id, new_generation_id(NOW), made[2].id, made[0].id]
    assert store.get_many(asked) == {made[0].id: made[0], made[2].id: made[2]}
    assert store.get_many([]) == {}


def test_more_than_a_hundred_are_read_and_the_latest_writes_are_seen(store: GenerationStore) -> None:
    made = [queued() for _ in range(230)]
    for one in made:
        store.create(one, None)
    ended = made[0].settled(NOW, Status.CANCELED, ERROR)
    store.save(ended)
    found = store.get_many([one.id for one in made])
    assert found == {one.id: one for one in [ended, *made[1:]]}


def test_what_dynamodb_did_not_get_to_is_asked_for_again(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DynamoGenerations(dynamodb, make_table(dynamodb), 90, FakeClock())
    made = [queued() for _ in range(120)]
    for one in made:
        store.create(one, None)
    call, asked = dynamodb._make_api_call, []

    def few_at_a_time(name: str, arguments: dict[str, Any]) -> Any:
        ((table, request),) = arguments["RequestItems"].items()
        asked.append(len(request["Keys"]))
        assert request["ConsistentRead"] is True
        first, rest = request["Keys"][:30], request["Keys"][30:]
        answer = call(name, {"RequestItems": {table: {**request, "Keys": first}}})
        return answer | ({"UnprocessedKeys": {table: {**request, "Keys": rest}}} if rest else {})

    monkeypatch.setattr(dynamodb, "_make_api_call", few_at_a_time)
    found = store.get_many([one.id for one in made])
    assert set(found) == {one.id for one in made}
    assert max(asked) <= 100, "the most that DynamoDB takes"
