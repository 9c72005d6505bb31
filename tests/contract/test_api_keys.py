"""API keys in DynamoDB: kept as hashes, found again, and forgotten soon after they are revoked."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from easel.aws import keys
from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import DynamoApiKeys, DynamoKeysById, put_api_key
from easel.domain.tenancy import ApiKey, visible
from tests.contract.table import CountedReads, make_table
from tests.fakes.memory import FakeClock

KEY = "ek_PLANTED-secret-of-a-tenant"


def known_key() -> ApiKey:
    return ApiKey(
        id="key_1",
        tenant="acme",
        prefix=visible(KEY),
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


@pytest.fixture
def name(dynamodb: Any) -> str:
    """Of a table."""
    return make_table(dynamodb)


def test_recorded_key_is_its_tenants(dynamodb: Any, name: str) -> None:
    put_api_key(dynamodb, name, KEY, known_key())
    assert DynamoApiKeys(dynamodb, name).find(KEY) == known_key()


@pytest.mark.parametrize("key", ["", "unknown", KEY + " ", KEY[:-1], "\u00e9", "k" * 100_000])
def test_any_other_key_is_nobodys(dynamodb: Any, name: str, key: str) -> None:
    put_api_key(dynamodb, name, KEY, known_key())
    assert DynamoApiKeys(dynamodb, name).find(key) is None


def test_key_itself_is_nowhere_in_the_table(dynamodb: Any, name: str) -> None:
    put_api_key(dynamodb, name, KEY, known_key())
    (item,) = dynamodb.scan(TableName=name)["Items"]
    assert KEY not in json.dumps(item)
    assert item["prefix"] == {"S": visible(KEY)}
    assert item["pk"]["S"].startswith("key#")
    assert len(item["pk"]["S"]) == len("key#") + 64
    assert item["created_at"]["S"].startswith("2026-11-20T")


def test_known_key_is_read_once_in_a_while(dynamodb: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("easel.aws.keys.time.monotonic", lambda: now[0])
    put_api_key(dynamodb, name, KEY, known_key())
    counting = CountedReads(dynamodb)
    known = DynamoApiKeys(counting, name)
    for _ in range(5):
        assert known.find(KEY) == known_key()
    assert counting.reads == 1
    now[0] += keys.CACHE_SECONDS + 1
    assert known.find(KEY) == known_key()
    assert counting.reads == 2


def test_revoked_key_works_no_longer_than_the_memory_lasts(
    dynamodb: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("easel.aws.keys.time.monotonic", lambda: now[0])
    put_api_key(dynamodb, name, KEY, known_key())
    known = DynamoApiKeys(dynamodb, name)
    assert known.find(KEY) == known_key()
    dynamodb.delete_item(TableName=name, Key=keys.key_row(KEY))
    now[0] += keys.CACHE_SECONDS + 1
    assert known.find(KEY) is None
    assert keys.CACHE_SECONDS <= 60


def test_key_is_read_anew_where_that_is_asked_for_and_remembered_then(dynamodb: Any, name: str) -> None:
    put_api_key(dynamodb, name, KEY, known_key())
    known = DynamoApiKeys(dynamodb, name)
    assert known.find(KEY) == known_key()
    changed = known_key().model_copy(update={"name": "n"})
    put_api_key(dynamodb, name, KEY, changed)
    assert known.find(KEY) == known_key()
    assert known.find(KEY, anew=True) == changed
    assert known.find(KEY) == changed
    dynamodb.delete_item(TableName=name, Key=keys.key_row(KEY))
    assert known.find(KEY, anew=True) is None
    assert known.find(KEY) is None


def test_new_key_works_at_once_although_it_was_asked_about_before(dynamodb: Any, name: str) -> None:
    known = DynamoApiKeys(dynamodb, name)
    assert known.find(KEY) is None
    put_api_key(dynamodb, name, KEY, known_key())
    assert known.find(KEY) == known_key()


def test_memory_is_bounded(dynamodb: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CACHED_MAX", 3)
    counting = CountedReads(dynamodb)
    known = DynamoApiKeys(counting, name)
    for number in range(4):
        put_api_key(dynamodb, name, f"k{number}", known_key())
        known.find(f"k{number}")
    known.find("k0")
    assert counting.reads == 5, "the first one was forgotten"


class Days:
    """The time that passes, and what is known of keys by their ids meanwhile."""

    def __init__(self, client: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds, self.clock = 1000.0, FakeClock()
        monkeypatch.setattr("easel.aws.keys.time.monotonic", lambda: self.seconds)
        self.book, self.known = (
            DynamoKeyBook(client, name, self.clock),
            DynamoKeysById(client, name, self.clock),
        )

    def later(self, by: float = keys.CACHE_SECONDS + 1) -> None:
        """Let so many seconds pass."""
        self.seconds += by
        self.clock.sleep(by)


def test_key_is_known_by_its_id_as_its_newest_secret_has_it_until_it_is_revoked(
    dynamodb: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(dynamodb, name, monkeypatch)
    days.book.create("acme")
    _, made = days.book.create("acme")
    assert days.known.now(made) == made
    days.later(1)
    days.book.rotate(made.id, timedelta(hours=1))
    changed = days.book.change(made.id, lambda key: key.model_copy(update={"models": ("m",)})).key
    assert days.known.now(made) == made, "from memory"
    days.later()
    assert days.known.now(made) == changed
    days.book.revoke(made.id)
    days.later()
    assert days.known.now(made) is None


def test_key_that_was_revoked_as_soon_as_it_was_made_is_known_to_be(dynamodb: Any, name: str) -> None:
    book = DynamoKeyBook(dynamodb, name, FakeClock())
    _, made = book.create("acme")
    book.revoke(made.id)
    assert DynamoKeysById(dynamodb, name, FakeClock()).now(made) is None


def test_key_whose_secrets_no_item_has_is_known_by_the_index_until_it_is_revoked(
    dynamodb: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(dynamodb, name, monkeypatch)
    put_api_key(dynamodb, name, KEY, known_key())
    assert days.known.now(known_key()) == known_key()
    days.book.revoke(known_key().id)
    days.later()
    assert days.known.now(known_key()) is None


@pytest.mark.parametrize("revoked", [False, True])
def test_key_that_gets_another_secret_while_it_is_looked_at_is_not_taken_for_revoked(
    dynamodb: Any, name: str, monkeypatch: pytest.MonkeyPatch, revoked: bool
) -> None:
    days = Days(dynamodb, name, monkeypatch)
    _, made = days.book.create("acme")
    read = dynamodb.batch_get_item
    after: list[Any] = []

    def slowly(**asked: Any) -> Any:
        answer = read(**asked)
        if not after:
            ended = days.book.revoke(made.id) if revoked else days.book.rotate(made.id, timedelta(0))[1]
            after.append(None if revoked else ended.key)
        return answer

    monkeypatch.setattr(dynamodb, "batch_get_item", slowly)
    assert [days.known.now(made)] == after


def test_key_of_which_only_the_names_of_secrets_are_left_is_a_revoked_one(dynamodb: Any, name: str) -> None:
    secret, made = DynamoKeyBook(dynamodb, name, FakeClock()).create("acme")
    dynamodb.delete_item(TableName=name, Key=keys.key_row(secret))
    assert DynamoKeysById(dynamodb, name, FakeClock()).now(made) is None
