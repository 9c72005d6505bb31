"""API keys: kept as hashes, found again, and forgotten soon after they are revoked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from easel.aws import keys
from easel.aws.keys import DynamoApiKeys, put_api_key
from easel.domain.tenancy import ApiKey, visible
from tests.template import RESOURCES

KEY = "ek_PLANTED-secret-of-a-tenant"


def known_key() -> ApiKey:
    return ApiKey(
        id="key_1",
        tenant="acme",
        prefix=visible(KEY),
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        made = boto3.client("dynamodb", region_name="us-east-1")
        properties = RESOURCES["Table"]["Properties"]
        wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        made.create_table(TableName="table", **{name: properties[name] for name in wanted})
        yield made


@pytest.fixture
def table(client: Any) -> Iterator[Any]:
    yield client
    for item in client.scan(TableName="table")["Items"]:
        client.delete_item(TableName="table", Key={"pk": item["pk"], "sk": item["sk"]})


class Counting:
    """A client that counts its reads."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.reads = 0

    def get_item(self, **asked: Any) -> Any:
        self.reads += 1
        return self.client.get_item(**asked)


def test_recorded_key_is_its_tenants(table: Any) -> None:
    put_api_key(table, "table", KEY, known_key())
    assert DynamoApiKeys(table, "table").find(KEY) == known_key()


@pytest.mark.parametrize("key", ["", "unknown", KEY + " ", KEY[:-1], "\u00e9", "k" * 100_000])
def test_any_other_key_is_nobodys(table: Any, key: str) -> None:
    put_api_key(table, "table", KEY, known_key())
    assert DynamoApiKeys(table, "table").find(key) is None


def test_key_itself_is_nowhere_in_the_table(table: Any) -> None:
    put_api_key(table, "table", KEY, known_key())
    (item,) = table.scan(TableName="table")["Items"]
    assert KEY not in json.dumps(item)
    assert item["prefix"] == {"S": visible(KEY)}
    assert item["pk"]["S"].startswith("key#")
    assert len(item["pk"]["S"]) == len("key#") + 64
    assert item["created_at"]["S"].startswith("2026-11-20T")


def test_known_key_is_read_once_in_a_while(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("easel.aws.keys.time.monotonic", lambda: now[0])
    put_api_key(table, "table", KEY, known_key())
    counting = Counting(table)
    known = DynamoApiKeys(counting, "table")
    for _ in range(5):
        assert known.find(KEY) == known_key()
    assert counting.reads == 1
    now[0] += keys.CACHE_SECONDS + 1
    assert known.find(KEY) == known_key()
    assert counting.reads == 2


def test_revoked_key_works_no_longer_than_the_memory_lasts(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("easel.aws.keys.time.monotonic", lambda: now[0])
    put_api_key(table, "table", KEY, known_key())
    known = DynamoApiKeys(table, "table")
    assert known.find(KEY) == known_key()
    table.delete_item(TableName="table", Key=keys.key_row(KEY))
    now[0] += keys.CACHE_SECONDS + 1
    assert known.find(KEY) is None
    assert keys.CACHE_SECONDS <= 60


def test_key_is_read_anew_where_that_is_asked_for_and_remembered_then(table: Any) -> None:
    put_api_key(table, "table", KEY, known_key())
    known = DynamoApiKeys(table, "table")
    assert known.find(KEY) == known_key()
    changed = known_key().model_copy(update={"name": "n"})
    put_api_key(table, "table", KEY, changed)
    assert known.find(KEY) == known_key()
    assert known.find(KEY, anew=True) == changed
    assert known.find(KEY) == changed
    table.delete_item(TableName="table", Key=keys.key_row(KEY))
    assert known.find(KEY, anew=True) is None
    assert known.find(KEY) is None


def test_new_key_works_at_once_although_it_was_asked_about_before(table: Any) -> None:
    known = DynamoApiKeys(table, "table")
    assert known.find(KEY) is None
    put_api_key(table, "table", KEY, known_key())
    assert known.find(KEY) == known_key()


def test_memory_is_bounded(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CACHED_MAX", 3)
    counting = Counting(table)
    known = DynamoApiKeys(counting, "table")
    for number in range(4):
        put_api_key(table, "table", f"k{number}", known_key())
        known.find(f"k{number}")
    known.find("k0")
    assert counting.reads == 5, "the first one was forgotten"
