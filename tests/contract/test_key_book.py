"""The book of API keys: what works, what is seen of it, and what is never seen again. The double in memory,
and DynamoDB as moto plays it."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import put_api_key
from easel.domain.tenancy import USUAL_SCOPES, ApiKey, BookedKey, Scope, visible
from easel.domain.tenants import Limits, Tenant
from easel.errors import ConflictError, NotFoundError
from easel.key_ports import KeyBook
from tests.contract.key_shelves import HOUR, Shelf, Table
from tests.contract.table import at_once


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
