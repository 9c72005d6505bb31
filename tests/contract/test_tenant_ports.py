"""Request rates and tenants: the doubles in memory, and DynamoDB as moto plays it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from easel.aws import tenants as tenants_table
from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import DynamoQuotas
from easel.aws.tenants import DynamoTenants
from easel.domain.request import Webhook
from easel.domain.tenants import Limits, Tenant
from easel.ports import Quotas, Tenants
from tests.contract.table import CountedReads, OneAtATime, at_once, make_table
from tests.fakes.memory import FakeClock, MemoryQuotas, SetTenants
from tests.template import RESOURCES

MINUTE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OWNER = "key key_1"
FULL = Tenant(
    id="acme",
    limits=Limits(
        concurrency=3, per_minute=60, usd_per_day=Decimal("0.1"), usd_per_month=Decimal("99.999999")
    ),
    webhook=Webhook.model_validate({"url": "https://acme.example/hook", "events": ["generation.failed"]}),
)


@pytest.fixture(params=["memory", "dynamodb"])
def quotas(request: pytest.FixtureRequest) -> Quotas:
    if request.param == "memory":
        return MemoryQuotas()
    client = request.getfixturevalue("dynamodb")
    return DynamoQuotas(OneAtATime(client), make_table(client))


def test_requests_of_a_minute_are_counted_down_to_the_limit_and_not_beyond(quotas: Quotas) -> None:
    assert [quotas.count(OWNER, MINUTE, 3) for _ in range(5)] == [2, 1, 0, None, None]


def test_requests_that_were_counted_can_be_told_without_counting_one(quotas: Quotas) -> None:
    assert quotas.made(OWNER, MINUTE) == 0
    for _ in range(5):
        quotas.count(OWNER, MINUTE, 3)
    assert [quotas.made(OWNER, MINUTE) for _ in range(3)] == [3, 3, 3]
    assert quotas.made(OWNER, MINUTE + timedelta(minutes=1)) == 0
    assert quotas.made("key key_2", MINUTE) == 0


def test_each_owner_and_each_minute_has_a_count_of_its_own(quotas: Quotas) -> None:
    quotas.count(OWNER, MINUTE, 1)
    assert quotas.count("key key_2", MINUTE, 1) == 0
    assert quotas.count("tenant key_1", MINUTE, 1) == 0
    assert quotas.count(OWNER, MINUTE + timedelta(minutes=1), 1) == 0
    assert quotas.count(OWNER, MINUTE, 1) is None


def test_limit_that_is_changed_within_the_minute_holds_at_once(quotas: Quotas) -> None:
    assert [quotas.count(OWNER, MINUTE, 5) for _ in range(3)] == [4, 3, 2]
    assert quotas.count(OWNER, MINUTE, 2) is None
    assert quotas.count(OWNER, MINUTE, 4) == 0


def test_no_burst_overruns_a_rate_and_each_is_told_another_rest(quotas: Quotas) -> None:
    told = at_once(lambda _: quotas.count(OWNER, MINUTE, 7))
    assert sorted(left for left in told if left is not None) == list(range(7))


def test_count_is_kept_until_its_minute_is_over_and_expires_soon_after(dynamodb: Any) -> None:
    table = make_table(dynamodb)
    DynamoQuotas(dynamodb, table).count(OWNER, MINUTE, 3)
    ttl = RESOURCES["Table"]["Properties"]["TimeToLiveSpecification"]["AttributeName"]
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert 60 <= int(item[ttl]["N"]) - MINUTE.timestamp() <= 3600


def test_foreign_fault_is_no_limit(dynamodb: Any) -> None:
    with pytest.raises(ClientError):
        DynamoQuotas(dynamodb, "no-such-table").count(OWNER, MINUTE, 3)


# ── Tenants ───────────────────────────────────────────────────────────────────────────────────────────

Set = Callable[[Tenant], None]


def put(client: Any, table: str, tenant: Tenant) -> None:
    DynamoKeyBook(client, table, FakeClock()).change_tenant(tenant.id, lambda _: tenant)


@pytest.fixture(params=["memory", "dynamodb"])
def tenants(request: pytest.FixtureRequest) -> tuple[Tenants, Set]:
    if request.param == "memory":
        known = SetTenants()
        return known, lambda tenant: known.set.update({tenant.id: tenant})
    client = request.getfixturevalue("dynamodb")
    table = make_table(client)
    return DynamoTenants(client, table), lambda tenant: put(client, table, tenant)


def test_tenant_that_nothing_was_set_for_has_no_limits(tenants: tuple[Tenants, Set]) -> None:
    assert tenants[0].get("nobody") == Tenant(id="nobody")


def test_what_was_set_for_a_tenant_is_found_to_the_last_digit(tenants: tuple[Tenants, Set]) -> None:
    port, put = tenants
    put(FULL)
    put(Tenant(id="acme2"))
    assert port.get("acme") == FULL
    assert port.get("acme2") == Tenant(id="acme2")


def test_tenant_is_read_once_in_a_while_whether_there_is_one_or_not(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("easel.aws.tenants.time.monotonic", lambda: now[0])
    table = make_table(dynamodb)
    counting = CountedReads(dynamodb)
    port = DynamoTenants(counting, table)
    for _ in range(3):
        assert port.get("acme") == Tenant(id="acme")
    assert counting.reads == 1
    put(dynamodb, table, FULL)
    now[0] += tenants_table.CACHE_SECONDS + 1
    for _ in range(3):
        assert port.get("acme") == FULL
    assert counting.reads == 2


def test_memory_of_tenants_is_bounded(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants_table, "CACHED_MAX", 3)
    counting = CountedReads(dynamodb)
    port = DynamoTenants(counting, make_table(dynamodb))
    for number in (0, 1, 2, 3, 0):
        port.get(f"t{number}")
    assert counting.reads == 5, "the first one was forgotten"
