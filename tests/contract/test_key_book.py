"""The book of API keys on the table: what works, what is seen of it, and what is never seen again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from easel.aws import keys
from easel.aws.key_book import KeyBook
from easel.aws.keys import DynamoApiKeys
from easel.domain.tenancy import ALL_SCOPES, ApiKey, Limits, Scope, Tenant
from easel.errors import NotFoundError
from tests.contract.table import make_table

HOUR = timedelta(hours=1)


class Shelf:
    """A book, and the keys as the functions find them at a time from now, with nothing in memory."""

    def __init__(self, client: Any) -> None:
        self.client, self.table = client, make_table(client)
        self.book = KeyBook(client, self.table)

    def finds(self, secret: str, later: timedelta = timedelta()) -> ApiKey | None:
        key = DynamoApiKeys(self.client, self.table).find(secret)
        return key if key and key.works_at(datetime.now(UTC) + later) else None

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.scan(TableName=self.table)["Items"]
        return found


@pytest.fixture
def shelf(dynamodb: Any) -> Shelf:
    return Shelf(dynamodb)


def test_new_key_works_at_once_with_all_scopes_and_no_limits(shelf: Shelf) -> None:
    secret, key = shelf.book.create("acme")
    assert shelf.finds(secret) == key
    assert (key.tenant, key.scopes, key.models, key.routes) == ("acme", ALL_SCOPES, None, None)
    assert (key.limits, key.expires_at) == (Limits(), None)
    assert key.created_at is not None
    assert abs(datetime.now(UTC) - key.created_at) < HOUR


def test_everything_that_is_known_of_a_key_is_found_again(shelf: Shelf) -> None:
    known = {
        "name": "shop \u00e9", "scopes": frozenset({Scope.READ, Scope.USAGE}), "models": ("qwen-image-max",),
        "routes": (), "expires_at": datetime.now(UTC) + HOUR,
        "limits": Limits.model_validate({"concurrency": 2, "per_minute": 3, "usd_per_day": "0.10"}),
    }  # fmt: skip
    secret, key = shelf.book.create("acme", **known)
    assert {name: getattr(key, name) for name in known} == known
    assert shelf.finds(secret) == key
    assert shelf.finds(secret, 2 * HOUR) is None


def test_secrets_are_long_random_and_of_our_form(shelf: Shelf) -> None:
    secrets = {shelf.book.create("acme")[0] for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert secret.startswith("ezl_")
        assert len(secret) >= 4 + 43, "256 bits in base64"
        assert secret.isascii()


def test_no_secret_is_anywhere_in_the_table(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme", name="n")
    second, _ = shelf.book.rotate(key.id, HOUR)
    shelf.book.change(key.id, name="m")
    told = json.dumps(shelf.items()) + repr(shelf.book.list())
    for secret in (first, second):
        assert secret not in told
        assert secret.removeprefix("ezl_") not in told
        assert secret[: keys.VISIBLE_CHARACTERS] in told
        assert secret[: keys.VISIBLE_CHARACTERS + 1] not in told


def test_list_has_every_key_by_tenant_or_those_of_one_tenant(shelf: Shelf) -> None:
    made = [shelf.book.create(tenant)[1] for tenant in ("b", "a", "ab", "a")]
    assert [key.tenant for key in shelf.book.list()] == ["a", "a", "ab", "b"]
    assert [key.id for key in shelf.book.list("a")] == sorted([made[1].id, made[3].id])
    assert shelf.book.list("nobody") == []


def test_list_of_many_pages_is_whole(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {shelf.book.create("acme")[1].id for _ in range(5)}
    call = shelf.client._make_api_call

    def two_at_a_time(name: str, arguments: dict[str, Any]) -> Any:
        return call(name, arguments | ({"Limit": 2} if name == "Query" else {}))

    monkeypatch.setattr(shelf.client, "_make_api_call", two_at_a_time)
    assert {key.id for key in shelf.book.list()} == made


def test_rotated_key_has_two_secrets_that_work_and_the_former_one_ends_after_the_overlap(
    shelf: Shelf,
) -> None:
    first, key = shelf.book.create("acme", name="n", limits=Limits(concurrency=2))
    second, new = shelf.book.rotate(key.id, HOUR)
    assert first != second
    for secret in (first, second):
        found = shelf.finds(secret)
        assert found is not None
        assert (found.id, found.tenant, found.name, found.limits) == (key.id, "acme", "n", key.limits)
    assert new.prefix == second[: keys.VISIBLE_CHARACTERS]
    assert shelf.finds(first, timedelta(minutes=59)) is not None
    assert shelf.finds(first, timedelta(minutes=61)) is None
    assert shelf.finds(second, timedelta(days=3650)) is not None
    assert [key.expires_at is None for key in shelf.book.list("acme")] == [False, True]


def test_key_never_has_three_secrets(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")
    secrets = [first]
    for _ in range(4):
        secrets.append(shelf.book.rotate(key.id, HOUR)[0])
        assert [secret for secret in secrets if shelf.finds(secret)] == secrets[-2:]
    assert len(shelf.book.list()) == 2


def test_rotation_without_overlap_ends_the_former_secret_at_once(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")
    second, _ = shelf.book.rotate(key.id, timedelta())
    assert (shelf.finds(first), shelf.finds(second) is None) == (None, False)


def test_secret_that_was_to_expire_sooner_is_not_kept_alive_by_the_overlap(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme", expires_at=datetime.now(UTC) + HOUR)
    shelf.book.rotate(key.id, timedelta(days=30))
    assert shelf.finds(first, 2 * HOUR) is None


def test_change_holds_for_both_secrets_and_leaves_the_rest(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme", name="n", models=("qwen-image",))
    second, _ = shelf.book.rotate(key.id, HOUR)
    changed = shelf.book.change(key.id, limits=Limits(per_minute=7), scopes=frozenset({Scope.READ}))
    assert (changed.name, changed.models) == ("n", ("qwen-image",))
    for secret in (first, second):
        found = shelf.finds(secret)
        assert found is not None
        assert (found.limits, found.scopes) == (Limits(per_minute=7), frozenset({Scope.READ}))
        assert found.prefix == secret[: keys.VISIBLE_CHARACTERS]
    assert len(shelf.items()) == 2


def test_other_end_of_a_key_does_not_keep_its_former_secret_alive(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")
    second, _ = shelf.book.rotate(key.id, HOUR)
    shelf.book.change(key.id, expires_at=datetime.now(UTC) + 24 * HOUR)
    assert [shelf.finds(first, 2 * HOUR), shelf.finds(second, 25 * HOUR)] == [None, None]
    assert shelf.finds(second, 23 * HOUR) is not None


def test_change_that_is_none_changes_nothing(shelf: Shelf) -> None:
    secret, key = shelf.book.create("acme")
    with pytest.raises(ValidationError):
        shelf.book.change(key.id, scopes=frozenset({"everything"}))
    assert shelf.finds(secret) == key


def test_revoked_key_has_no_secret_any_more_and_others_have_theirs(shelf: Shelf) -> None:
    first, key = shelf.book.create("acme")
    second, _ = shelf.book.rotate(key.id, HOUR)
    third, other = shelf.book.create("acme")
    assert shelf.book.revoke(key.id).id == key.id
    assert [shelf.finds(secret) for secret in (first, second, third)] == [None, None, other]
    assert shelf.book.list() == [other]


@pytest.mark.parametrize("key_id", ["key_01ARYZ6S410000000000000000", "", "acme"])
def test_key_that_there_is_none_of_is_said_to_be_none(shelf: Shelf, key_id: str) -> None:
    shelf.book.create("acme")
    for ask in (
        lambda: shelf.book.rotate(key_id, HOUR),
        lambda: shelf.book.change(key_id, name="n"),
        lambda: shelf.book.revoke(key_id),
    ):
        with pytest.raises(NotFoundError):
            ask()
    assert len(shelf.items()) == 1


def test_tenant_has_what_was_set_for_it_last_and_the_rest_stays(shelf: Shelf) -> None:
    assert shelf.book.tenant("acme") == Tenant(id="acme")
    shelf.book.set_tenant("acme", webhook={"url": "https://acme.example/hook"})
    shelf.book.set_tenant("acme", limits=Limits(concurrency=2))
    found = shelf.book.tenant("acme")
    assert found.limits == Limits(concurrency=2)
    assert found.webhook is not None
    assert shelf.book.set_tenant("acme", webhook=None).webhook is None
    assert shelf.book.tenant("acme").limits == Limits(concurrency=2)
    assert shelf.book.list() == []
