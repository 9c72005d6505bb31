"""The book of API keys: what works, what is seen of it, and what is never seen again. The double in memory,
and DynamoDB as moto plays it."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from easel.aws import key_book
from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import DynamoApiKeys, put_api_key
from easel.domain.tenancy import USUAL_SCOPES, ApiKey, BookedKey, Scope, visible
from easel.domain.tenants import Limits, Tenant
from easel.errors import ConflictError, NotFoundError
from easel.key_ports import KeyBook
from easel.ports import ApiKeys
from tests.contract.table import OneAtATime, at_once, make_table
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


def named(name: str) -> Callable[[ApiKey], ApiKey]:
    return lambda key: key.model_copy(update={"name": name})


# ── Made and found ────────────────────────────────────────────────────────────────────────────────────


def test_new_key_works_at_once_without_limits_and_does_not_administer(shelf: Shelf) -> None:
    secret, key = shelf.book.create("acme")
    assert shelf.finds(secret) == key
    assert (key.tenant, key.scopes, key.models, key.routes) == ("acme", USUAL_SCOPES, None, None)
    assert Scope.ADMIN not in key.scopes
    assert (key.limits, key.expires_at, key.created_at) == (Limits(), None, shelf.clock.now())


def test_everything_that_is_known_of_a_key_is_found_again(shelf: Shelf) -> None:
    known = {
        "name": "shop \u00e9", "scopes": frozenset({Scope.ADMIN, Scope.USAGE}), "models": ("qwen-image-max",),
        "routes": (), "expires_at": shelf.clock.now() + HOUR,
        "limits": Limits.model_validate({"concurrency": 2, "per_minute": 3, "usd_per_day": "0.10"}),
    }  # fmt: skip
    secret, key = shelf.book.create("acme", **known)
    assert {name: getattr(key, name) for name in known} == known
    assert shelf.finds(secret) == key
    assert shelf.all() == [BookedKey(key=key)]
    shelf.pass_time(2 * HOUR)
    assert shelf.finds(secret) is None


def test_secrets_are_long_random_and_of_our_form(shelf: Shelf) -> None:
    secrets = {shelf.book.create("acme")[0] for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert secret.startswith("ezl_")
        assert len(secret) >= 4 + 43, "256 bits in base64"
        assert secret.isascii()


def test_no_secret_is_anywhere_in_the_table(table: Table) -> None:
    first, key = table.book.create("acme", name="n")
    second, _ = table.book.rotate(key.id, HOUR)
    table.book.change(key.id, named("m"))
    told = json.dumps(table.items()) + repr(table.all())
    for secret in (first, second):
        assert secret not in told
        assert secret.removeprefix("ezl_") not in told
        assert visible(secret) in told
        assert secret[: len(visible(secret)) + 1] not in told


# ── Listed ────────────────────────────────────────────────────────────────────────────────────────────


def test_page_has_every_key_by_tenant_and_age_or_those_of_one_tenant(shelf: Shelf) -> None:
    made = []
    for tenant in ("b", "a", "ab", "a"):
        made.append(shelf.book.create(tenant)[1])
        shelf.pass_time(HOUR)
    assert [one.key for one in shelf.all()] == [made[1], made[3], made[2], made[0]]
    assert [one.key for one in shelf.all("a")] == [made[1], made[3]]
    assert shelf.all("nobody") == []


@pytest.mark.parametrize("tenant", [None, "b"])
def test_pages_follow_each_other_and_split_no_key(
    shelf: Shelf, tenant: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_book, "PAGE_KEYS_MAX", 2)
    monkeypatch.setattr(shelf.book, "page_keys_max", 2, raising=False)
    for name in ("a", "b", "b", "c", "b"):
        _, key = shelf.book.create(name)
        shelf.book.rotate(key.id, HOUR)
    whole: list[BookedKey] = []
    cursor = None
    for _ in range(5):
        page = shelf.book.page(tenant, cursor)
        assert 0 < len(page.keys) <= 2
        whole += page.keys
        cursor = page.cursor
        if cursor is None:
            break
    assert [one.key.tenant for one in whole] == (["b"] * 3 if tenant else ["a", "b", "b", "b", "c"])
    assert len({one.key.id for one in whole}) == len(whole)
    assert all(one.former for one in whole)


def test_page_that_would_begin_after_the_tenants_end_is_not_asked_for(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.client, "get_paginator", None, raising=False)  # DynamoDB refuses the query
    assert table.book.page("b", "c/key_1").keys == []


def test_index_is_read_to_its_end(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {table.book.create("acme")[1].id for _ in range(5)}
    client = table.client._client
    call = client._make_api_call

    def two_at_a_time(name: str, arguments: dict[str, Any]) -> Any:
        return call(name, arguments | ({"Limit": 2} if name == "Query" else {}))

    monkeypatch.setattr(client, "_make_api_call", two_at_a_time)
    assert {one.key.id for one in table.all()} == made


# ── Rotated ───────────────────────────────────────────────────────────────────────────────────────────


def test_rotated_key_has_two_secrets_that_work_and_the_former_one_ends_after_the_overlap(
    shelf: Shelf,
) -> None:
    first, key = shelf.book.create("acme", name="n", limits=Limits(concurrency=2))
    shelf.pass_time(HOUR)
    second, booked = shelf.book.rotate(key.id, HOUR)
    assert first != second
    for secret in (first, second):
        found = shelf.finds(secret)
        assert found is not None
        assert (found.id, found.tenant, found.name, found.limits) == (key.id, "acme", "n", key.limits)
    assert (booked.key.prefix, booked.key.created_at) == (visible(second), shelf.clock.now())
    assert booked.former is not None
    assert booked.former.prefix == visible(first)
    assert shelf.all("acme") == [booked]
    shelf.pass_time(timedelta(minutes=59))
    assert shelf.works(first, second) == [True, True]
    shelf.pass_time(timedelta(minutes=2))
    assert shelf.works(first, second) == [False, True]


def test_former_secret_keeps_the_time_that_it_was_promised(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")
    second, _ = shelf.book.rotate(key.id, HOUR)
    with pytest.raises(ConflictError):
        shelf.book.rotate(key.id, HOUR)
    assert shelf.works(first, second) == [True, True]
    shelf.pass_time(HOUR)
    third, _ = shelf.book.rotate(key.id, HOUR)
    assert shelf.works(first, second, third) == [False, True, True]
    assert len(shelf.all()) == 1


def test_rotation_without_overlap_ends_every_other_secret_at_once(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")
    second, _ = shelf.book.rotate(key.id, HOUR)
    third, booked = shelf.book.rotate(key.id, timedelta())
    assert shelf.works(first, second, third) == [False, False, True]
    assert booked.former is None


def test_secret_that_was_to_expire_sooner_is_not_kept_alive_by_the_overlap(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme", expires_at=shelf.clock.now() + HOUR)
    shelf.book.rotate(key.id, timedelta(days=30))
    shelf.pass_time(HOUR)
    assert shelf.finds(first) is None


def test_of_many_rotations_at_once_one_is_made(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")

    def rotate(_: int) -> str:
        try:
            return shelf.book.rotate(key.id, HOUR)[0]
        except ConflictError:
            return ""

    secrets = at_once(rotate)
    (second,) = filter(None, secrets)
    assert Counter(map(bool, secrets)) == {True: 1, False: len(secrets) - 1}
    assert shelf.works(first, second) == [True, True]


# ── Changed ───────────────────────────────────────────────────────────────────────────────────────────


def test_change_holds_for_both_secrets_and_leaves_what_is_their_own(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme", name="n", models=("qwen-image",))
    shelf.pass_time(HOUR)
    second, _ = shelf.book.rotate(key.id, HOUR)
    terms = {"limits": Limits(per_minute=7), "scopes": frozenset({Scope.READ})}
    changed = shelf.book.change(key.id, lambda key: key.model_copy(update=terms))
    assert (changed.key.name, changed.key.models) == ("n", ("qwen-image",))
    assert shelf.all() == [changed]
    for secret in (first, second):
        found = shelf.finds(secret)
        assert found is not None
        assert (found.limits, found.scopes, found.prefix) == (*terms.values(), visible(secret))
    shelf.pass_time(HOUR)
    assert shelf.works(first, second) == [False, True]


def test_other_end_of_a_key_does_not_keep_its_former_secret_alive(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")
    second, _ = shelf.book.rotate(key.id, HOUR)
    end = shelf.clock.now() + 24 * HOUR
    shelf.book.change(key.id, lambda key: key.model_copy(update={"expires_at": end}))
    shelf.pass_time(23 * HOUR)
    assert shelf.works(first, second) == [False, True]
    shelf.pass_time(HOUR)
    assert shelf.works(second) == [False]


def test_changes_at_once_are_all_made_or_said_not_to_be(shelf: Shelf) -> None:
    _, key = shelf.book.create("acme")

    def change(number: int) -> int:
        try:
            shelf.book.change(key.id, lambda key: key.model_copy(update={"name": f"{key.name}{number};"}))
        except ConflictError:
            return 0
        return 1

    made = sum(at_once(change))
    assert made >= 1
    assert shelf.all()[0].key.name.count(";") == made


# ── Revoked ───────────────────────────────────────────────────────────────────────────────────────────


def test_revoked_key_has_no_secret_any_more_and_others_have_theirs(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")
    second, booked = shelf.book.rotate(key.id, HOUR)
    third, other = shelf.book.create("acme")
    assert shelf.book.revoke(key.id) == booked
    assert shelf.works(first, second, third) == [False, False, True]
    assert [one.key for one in shelf.all()] == [other]


class Meanwhile:
    """A client by which somebody else does something after a key was read and before it is written."""

    def __init__(self, client: Any, act: Callable[[], object]) -> None:
        self.client, self.act = client, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def transact_write_items(self, **asked: Any) -> Any:
        self.act()
        return self.client.transact_write_items(**asked)


@pytest.mark.parametrize("from_elsewhere", [False, True])
@pytest.mark.parametrize("overlap", [timedelta(), HOUR])
def test_nothing_brings_back_a_key_that_is_revoked_beside_it(
    table: Table, from_elsewhere: bool, overlap: timedelta
) -> None:
    asks: tuple[Callable[[KeyBook, str], object], ...] = (
        lambda book, key_id: book.rotate(key_id, overlap),
        lambda book, key_id: book.change(key_id, named("n")),
        lambda book, key_id: book.revoke(key_id),
    )
    for ask in asks:
        secret, key = table.book.create("acme")
        if from_elsewhere:
            put_api_key(table.client, table.table, secret, key)
        meanwhile = Meanwhile(table.client, partial(table.book.revoke, key.id))
        with pytest.raises(ConflictError):
            ask(DynamoKeyBook(meanwhile, table.table, table.clock), key.id)
        assert table.items() == []


def test_rotation_beside_it_keeps_a_revocation_from_missing_the_new_secret(table: Table) -> None:
    _, key = table.book.create("acme")
    rotated = []
    meanwhile = Meanwhile(table.client, lambda: rotated.append(table.book.rotate(key.id, HOUR)[0]))
    with pytest.raises(ConflictError):
        DynamoKeyBook(meanwhile, table.table, table.clock).revoke(key.id)
    table.book.revoke(key.id)
    assert table.works(*rotated) == [False]
    assert table.items() == []


def test_secrets_that_were_recorded_elsewhere_are_rotated_changed_and_revoked_alike(table: Table) -> None:
    known = ApiKey(id="key_local", tenant="default", prefix="mine")
    put_api_key(table.client, table.table, "mine", known)
    second, _ = table.book.rotate("key_local", HOUR)
    table.book.change("key_local", named("n"))
    assert [table.finds(secret).name for secret in ("mine", second)] == ["n", "n"]  # type: ignore[union-attr]
    put_api_key(table.client, table.table, "other", known)
    assert len(table.all()) == 1
    table.book.revoke("key_local")
    assert table.works("mine", second, "other") == [False, False, False]
    assert table.items() == []


def test_newest_secret_is_the_one_that_was_made_last_also_where_only_the_index_says_which_there_are(
    table: Table,
) -> None:
    for prefix in ("b", "c", "a"):
        key = ApiKey(id="key_local", tenant="default", prefix=prefix, created_at=table.clock.now())
        put_api_key(table.client, table.table, prefix, key)
        table.pass_time(HOUR)
    (listed,) = table.all()
    changed = table.book.change("key_local", named("n"))
    for booked in (listed, changed, *table.all()):
        assert booked.former is not None
        assert (booked.former.prefix, booked.key.prefix) == ("c", "a")


@pytest.mark.parametrize("key_id", ["key_01ARYZ6S410000000000000000", "key_", "acme"])
def test_key_that_there_is_none_of_is_said_to_be_none(shelf: Shelf, key_id: str) -> None:
    _, key = shelf.book.create("acme")
    for ask in (
        lambda: shelf.book.rotate(key_id, HOUR),
        lambda: shelf.book.change(key_id, named("n")),
        lambda: shelf.book.revoke(key_id),
    ):
        with pytest.raises(NotFoundError):
            ask()
    assert [one.key for one in shelf.all()] == [key]


# ── Tenants ───────────────────────────────────────────────────────────────────────────────────────────


def test_tenant_has_what_was_set_for_it_last_and_the_rest_stays(shelf: Shelf) -> None:
    def change(**known: Any) -> Tenant:
        return shelf.book.change_tenant("acme", lambda one: Tenant.model_validate(one.model_dump() | known))

    assert shelf.book.tenant("acme") == Tenant(id="acme")
    change(webhook={"url": "https://acme.example/hook"})
    changed = change(limits=Limits(concurrency=2))
    assert (changed.limits, changed.webhook is None) == (Limits(concurrency=2), False)
    assert shelf.book.tenant("acme") == changed
    assert change(webhook=None).webhook is None
    assert shelf.book.tenant("acme") == Tenant(id="acme", limits=Limits(concurrency=2))
    assert shelf.book.tenant("acm") == Tenant(id="acm")
    assert shelf.all() == []


def test_changes_of_a_tenant_at_once_are_all_made_or_said_not_to_be(shelf: Shelf) -> None:
    def change(_: int) -> int:
        def one_more(tenant: Tenant) -> Tenant:
            most = (tenant.limits.concurrency or 0) + 1
            return tenant.model_copy(update={"limits": Limits(concurrency=most)})

        try:
            shelf.book.change_tenant("acme", one_more)
        except ConflictError:
            return 0
        return 1

    made = sum(at_once(change))
    assert made >= 1
    assert shelf.book.tenant("acme").limits.concurrency == made
