"""The key that the local stack is called with: it works and administers after every start."""

from datetime import timedelta
from typing import Any

import boto3
import pytest

from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import DynamoApiKeys, put_api_key
from easel.domain.tenancy import ALL_SCOPES, USUAL_SCOPES, ApiKey
from easel.domain.tenants import Limits
from local.stack import put_own_key
from tests.contract.table import make_table
from tests.fakes.memory import FakeClock

SECRET = "ezl_PLANTED-own-secret"
HOUR = timedelta(hours=1)


class Starts:
    """Starts of stacks on one data folder."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("dynamodb")
        self.table, self.clock = make_table(self.client), FakeClock()
        self.book = DynamoKeyBook(self.client, self.table, self.clock)

    def start(self, secret: str = SECRET) -> ApiKey:
        """The stack's own key once it has started with this secret."""
        put_own_key(self.client, self.table, secret, self.clock)
        key = self.found(secret)
        assert key is not None
        return key

    def found(self, secret: str) -> ApiKey | None:
        return DynamoApiKeys(self.client, self.table).find(secret)


@pytest.fixture
def starts(account: None) -> Starts:
    return Starts()


def test_first_start_makes_it_with_every_scope(starts: Starts) -> None:
    key = starts.start()
    assert (key.tenant, key.scopes, key.limits, key.expires_at) == ("default", ALL_SCOPES, Limits(), None)


def test_one_that_an_earlier_version_made_administers_after_the_next_start(starts: Starts) -> None:
    earlier = ApiKey(id="key_local", tenant="default", prefix=SECRET[:12], limits=Limits(concurrency=2))
    assert earlier.scopes == USUAL_SCOPES
    put_api_key(starts.client, starts.table, SECRET, earlier)
    assert starts.start() == earlier.model_copy(update={"scopes": ALL_SCOPES})


def test_what_was_set_for_it_stays(starts: Starts) -> None:
    key = starts.start()
    limited = key.model_copy(update={"limits": Limits(per_minute=3), "name": "mine"})
    starts.book.change(key.id, lambda _: limited)
    assert starts.start() == limited


def test_one_that_was_revoked_or_has_ended_works_again_after_the_next_start(starts: Starts) -> None:
    key = starts.start()
    starts.book.revoke(key.id)
    assert starts.found(SECRET) is None
    assert starts.start().works_at(starts.clock.now())
    starts.book.rotate(key.id, HOUR)
    starts.clock.time += HOUR
    assert starts.start().expires_at is None


def test_another_secret_is_another_one_of_the_same_key(starts: Starts) -> None:
    first = starts.start()
    second = starts.start("ezl_another")
    assert first.id == second.id
    starts.book.revoke(first.id)
    assert (starts.found(SECRET), starts.found("ezl_another")) == (None, None)
