"""Keys over HTTP: what an administrator does, what nobody may do to itself, and what is told."""

import json
from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.tenancy import USUAL_SCOPES, Scope
from easel.domain.tenants import Limits, Tenant
from tests.fakes.scene import TENANT
from tests.unit.doors.calls import KEY, Api
from tests.unit.doors.office import ASK, NO_LIMITS, Office, fields

HOUR = 3600


# ── The key that asks ─────────────────────────────────────────────────────────────────────────────────


def test_any_key_is_told_what_it_may_do_and_what_of_its_limits_is_used() -> None:
    api = Api()
    given = {"concurrency": 3, "per_minute": 9, "usd_per_day": "5"}
    api.keys.known = {
        "name": "shop", "scopes": frozenset({Scope.GENERATE}), "models": ("qwen-image-max",),
        "limits": Limits.model_validate(given), "expires_at": api.scene.clock.now().replace(year=2030),
    }  # fmt: skip
    api.scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits.model_validate({"usd_per_month": "99.5"}))
    for _ in range(2):
        assert api.create().status == 202
    answer = api.call("GET", "/v1/key")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.body == {
        "id": "key_1", "name": "shop", "tenant": TENANT, "prefix": KEY[:12], "scopes": ["generate"],
        "models": ["qwen-image-max"], "routes": None, "limits": NO_LIMITS | given,
        "created_at": None, "expires_at": "2030-11-20T12:00:00.000Z",
        "used": {"concurrency": 2, "per_minute": 2, "usd_per_day": "0.150", "usd_per_month": None},
        "tenant_limits": NO_LIMITS | {"usd_per_month": "99.5"},
        "tenant_used": NO_LIMITS | {"usd_per_month": "0.150"},
    }  # fmt: skip


def test_key_without_any_scope_is_told_about_itself_too() -> None:
    api = Api()
    api.keys.known = {"scopes": frozenset()}
    answer = api.call("GET", "/v1/key")
    assert (answer.status, answer.body["scopes"], answer.body["used"]) == (200, [], NO_LIMITS)


@pytest.mark.parametrize("key", [None, "ek_nobodys"])
def test_nobody_is_told_about_no_key(key: str | None) -> None:
    assert Api().call("GET", "/v1/key", key=key).status == 401


def test_looking_at_a_key_counts_as_no_request(office: Office) -> None:
    secret, _ = office.make(limits={"per_minute": 1})
    for _ in range(3):
        assert office.ask("GET", "/v1/key", key=secret).body["used"]["per_minute"] == 0


# ── Made ──────────────────────────────────────────────────────────────────────────────────────────────


def test_made_key_may_do_everything_but_administer_and_has_no_limits(office: Office) -> None:
    answer = office.ask("POST", "/v1/keys", {"tenant": "acme"})
    key = office.found(answer.body["secret"])
    assert (key.tenant, key.scopes, key.limits, key.models) == ("acme", USUAL_SCOPES, Limits(), None)
    assert answer.status == 201
    assert {**answer.body, "secret": "ezl_"} == {
        "secret": "ezl_", "id": key.id, "name": "", "tenant": "acme", "prefix": key.prefix,
        "scopes": sorted(USUAL_SCOPES), "models": None, "routes": None, "limits": NO_LIMITS,
        "created_at": "2026-11-20T12:00:00.000Z", "expires_at": None, "former": None,
    }  # fmt: skip
    assert office.ask("POST", "/v1/generations", ASK, key=answer.body["secret"]).status == 202


def test_everything_that_a_key_may_be_told_can_be_said_when_it_is_made(office: Office) -> None:
    limits = {"concurrency": 3, "per_minute": 60, "usd_per_day": "5", "usd_per_month": 99.5}
    said = {
        "name": "shop", "scopes": ["usage", "admin"], "models": ["qwen-image", "qwen-image-max"],
        "routes": ["mulerouter/qwen-image-max"], "limits": limits, "expires_in_days": 2,
    }  # fmt: skip
    secret, _ = office.make(**said)
    key = office.found(secret)
    assert (key.name, key.scopes) == ("shop", frozenset({Scope.USAGE, Scope.ADMIN}))
    assert (key.models, key.routes) == (("qwen-image", "qwen-image-max"), ("mulerouter/qwen-image-max",))
    assert key.limits == Limits.model_validate(limits | {"usd_per_month": "99.5"})
    assert office.works(secret) == [True]
    office.clock.sleep(48 * HOUR)
    assert office.works(secret) == [False]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"tenant": "ac.me"}, "tenant"),
        ({"tenant": "acme/x"}, "tenant"),
        ({"tenant": "x" * 65}, "tenant"),
        ({"tenant": None}, "tenant"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"models": ["qwen-image", "qwen-image-mx"]}, "models.1"),
        ({"models": []}, "models"),
        ({"routes": ["mulerouter"]}, "routes.0"),
        ({"limits": {"usd_per_day": "five"}}, "limits.usd_per_day"),
        ({"limits": {"usd_per_day": -1}}, "limits.usd_per_day"),
        ({"limits": {"usd_per_day": "0.0000001"}}, "limits.usd_per_day"),
        ({"limits": {"concurrency": 0}}, "limits.concurrency"),
        ({"limits": {"per_minute": 1.5}}, "limits.per_minute"),
        ({"limits": {"per_hour": 1}}, "limits.per_hour"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 1e9}, "expires_in_days"),
        ({"expires_at": "2030-01-01T00:00:00Z"}, "expires_at"),
        ({"secret": "ezl_mine"}, "secret"),
        ({"id": "key_1"}, "id"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(office: Office, said: dict[str, Any], field: str) -> None:
    assert list(fields(office.ask("POST", "/v1/keys", {"tenant": "acme"} | said))) == [field]
    assert list(office.book.secrets) == [office.key.id]


def test_models_and_routes_that_are_not_known_are_told_which_there_are(office: Office) -> None:
    answer = office.ask("POST", "/v1/keys", {"tenant": "acme", "models": ["x"], "routes": ["y"]})
    assert [error["allowed"] for error in answer.body["errors"]] == [
        list(CATALOGUE.models),
        list(CATALOGUE.routes),
    ]


def test_unknown_field_of_limits_is_told_the_limits_that_there_are(office: Office) -> None:
    answer = office.ask("PATCH", "/v1/tenants/acme", {"limits": {"usd_per_week": 1}})
    assert answer.body["errors"] == [
        {
            "field": "limits.usd_per_week",
            "message": "is not a field of a set of limits",
            "allowed": ["concurrency", "per_minute", "usd_per_day", "usd_per_month"],
        }
    ]


def test_idempotency_key_is_refused_where_a_secret_is_told(office: Office) -> None:
    secret, key_id = office.make()
    for path, body in (("/v1/keys", {"tenant": "acme"}), (f"/v1/keys/{key_id}/rotate", {})):
        refused = office.ask("POST", path, body, idempotency_key="k")
        assert list(fields(refused)) == ["Idempotency-Key"]
    assert len(office.book.secrets) == 2
    assert office.found(secret).expires_at is None


# ── Listed, and never told ────────────────────────────────────────────────────────────────────────────


def test_keys_are_listed_by_the_first_characters_of_their_secrets_alone(office: Office) -> None:
    secret, key_id = office.make(name="shop")
    office.clock.sleep(1)
    rotated = office.ask("POST", f"/v1/keys/{key_id}/rotate")
    other, _ = office.make(tenant="bakery")
    listed = office.ask("GET", "/v1/keys").body
    assert [one["tenant"] for one in listed["data"]] == ["acme", "bakery", TENANT]
    assert listed["next_cursor"] is None
    (key,) = office.ask("GET", "/v1/keys", query={"tenant": "acme"}).body["data"]
    assert key == {name: value for name, value in rotated.body.items() if name != "secret"}
    assert key["former"] == {"prefix": secret[:12], "expires_at": "2026-11-21T12:00:01.000Z"}
    told = json.dumps(listed) + office.api.log.getvalue()
    for one in (secret, rotated.body["secret"], other, office.secret):
        assert one not in told
        assert one[:12] in told


def test_long_list_goes_on_where_its_cursor_says(office: Office) -> None:
    office.book.page_keys_max = 2
    for tenant in ("a", "b"):
        office.make(tenant=tenant)
    first = office.ask("GET", "/v1/keys").body
    rest = office.ask("GET", "/v1/keys", query={"cursor": first["next_cursor"]}).body
    assert [one["tenant"] for one in first["data"] + rest["data"]] == ["a", "b", TENANT]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("query", [{"tenant": "a.b"}, {"cursor": "x"}, {"cursor": "a/gen_1"}, {"limit": "1"}])
def test_page_that_cannot_be_is_refused(office: Office, query: dict[str, str]) -> None:
    assert list(fields(office.ask("GET", "/v1/keys", query=query))) == list(query)


# ── Changed ───────────────────────────────────────────────────────────────────────────────────────────


def test_change_sets_what_is_said_and_leaves_the_rest(office: Office) -> None:
    secret, key_id = office.make(
        name="shop", models=["qwen-image"], limits={"concurrency": 3, "usd_per_day": "5"}, expires_in_days=1
    )
    said = {"limits": {"concurrency": None, "per_minute": 9}, "models": None, "scopes": ["read", "read"]}
    answer = office.ask("PATCH", f"/v1/keys/{key_id}", said)
    key = office.found(secret)
    assert key.limits == Limits.model_validate({"per_minute": 9, "usd_per_day": "5"})
    assert (key.name, key.models, key.scopes) == ("shop", None, frozenset({Scope.READ}))
    assert answer.body["limits"] == NO_LIMITS | {"per_minute": 9, "usd_per_day": "5"}
    assert (answer.body["scopes"], answer.body["expires_at"]) == (["read"], "2026-11-21T12:00:00.000Z")
    assert office.ask("PATCH", f"/v1/keys/{key_id}", {"expires_in_days": None}).body["expires_at"] is None
    assert office.ask("PATCH", f"/v1/keys/{key_id}", {}).status == 200
    assert office.found(secret) == key.model_copy(update={"expires_at": None})


@pytest.mark.parametrize("said", [{"tenant": "other"}, {"models": ["x"]}, {"limits": None}, {"scopes": None}])
def test_change_that_cannot_be_changes_nothing(office: Office, said: dict[str, Any]) -> None:
    secret, key_id = office.make()
    before = office.found(secret)
    answer = office.ask("PATCH", f"/v1/keys/{key_id}", said | {"name": "n"})
    assert next(iter(fields(answer))).startswith(next(iter(said)))
    assert office.found(secret) == before


# ── Rotated and revoked ───────────────────────────────────────────────────────────────────────────────


def test_former_secret_works_a_day_beside_the_new_one_or_as_long_as_is_said(office: Office) -> None:
    for body, hours in ((None, 24), ({}, 24), ({"overlap_hours": 0.5}, 0.5)):
        first, key_id = office.make()
        answer = office.ask("POST", f"/v1/keys/{key_id}/rotate", body)
        second = answer.body["secret"]
        assert (answer.status, answer.body["prefix"]) == (200, second[:12])
        office.clock.sleep(hours * HOUR - 1)
        assert office.works(first, second) == [True, True]
        office.clock.sleep(2)
        assert office.works(first, second) == [False, True]
        (listed,) = (one for one in office.ask("GET", "/v1/keys").body["data"] if one["id"] == key_id)
        assert listed["former"] is None


def test_rotation_does_not_shorten_the_time_of_a_former_secret_unless_all_are_to_end(office: Office) -> None:
    first, key_id = office.make()
    second = office.ask("POST", f"/v1/keys/{key_id}/rotate").body["secret"]
    again = office.ask("POST", f"/v1/keys/{key_id}/rotate")
    assert (again.status, again.body["code"]) == (409, "conflict")
    assert office.works(first, second) == [True, True]
    third = office.ask("POST", f"/v1/keys/{key_id}/rotate", {"overlap_hours": 0}).body["secret"]
    assert office.works(first, second, third) == [False, False, True]


def test_end_of_a_key_is_the_end_of_its_former_secret_too(office: Office) -> None:
    first, key_id = office.make()
    second = office.ask("POST", f"/v1/keys/{key_id}/rotate", {"overlap_hours": 720}).body["secret"]
    office.ask("PATCH", f"/v1/keys/{key_id}", {"expires_in_days": 0.5})
    office.clock.sleep(12 * HOUR + 1)
    assert office.works(first, second) == [False, False]
    answer = office.ask("POST", f"/v1/keys/{key_id}/rotate")
    assert (answer.status, answer.body["code"]) == (409, "conflict"), "its new secret would have ended, too"


@pytest.mark.parametrize("hours", [-1, 9000, "1", None])
def test_overlap_that_cannot_be_is_refused(office: Office, hours: Any) -> None:
    _, key_id = office.make()
    answer = office.ask("POST", f"/v1/keys/{key_id}/rotate", {"overlap_hours": hours})
    assert list(fields(answer)) == ["overlap_hours"]


def test_revoked_key_works_no_more_with_either_of_its_secrets(office: Office) -> None:
    first, key_id = office.make(name="shop")
    second = office.ask("POST", f"/v1/keys/{key_id}/rotate").body["secret"]
    answer = office.ask("DELETE", f"/v1/keys/{key_id}")
    assert (answer.status, answer.body["name"]) == (200, "shop")
    assert office.works(first, second) == [False, False]
    assert office.ask("DELETE", f"/v1/keys/{key_id}").status == 404


@pytest.mark.parametrize("key_id", ["key_01ARYZ6S410000000000000000", "key_", "x" * 3000, "key_\u00e9"])
def test_key_that_there_is_none_of_is_404(office: Office, key_id: str) -> None:
    for method, path in (("PATCH", ""), ("POST", "/rotate"), ("DELETE", "")):
        assert office.ask(method, f"/v1/keys/{key_id}{path}", {}).status == 404


# ── Nobody locks itself out ───────────────────────────────────────────────────────────────────────────


def test_no_call_ends_the_secret_that_asks_or_its_right_to_ask(office: Office) -> None:
    own = f"/v1/keys/{office.key.id}"
    before = office.found(office.secret)
    for method, path, body in (
        ("DELETE", own, None),
        ("PATCH", own, {"scopes": ["read"]}),
        ("PATCH", own, {"expires_in_days": 0.001}),
        ("POST", f"{own}/rotate", {"overlap_hours": 0}),
        ("POST", f"{own}/rotate", {"overlap_hours": 0.01}),
    ):
        answer = office.ask(method, path, body)
        assert (answer.status, answer.body["code"]) == (409, "conflict"), path
        assert "another one" in answer.body["detail"]
    assert office.found(office.secret) == before


def test_key_may_rotate_and_rename_itself_but_not_with_its_former_secret(office: Office) -> None:
    own = f"/v1/keys/{office.key.id}"
    assert office.ask("PATCH", own, {"name": "me", "scopes": ["admin"]}).body["scopes"] == ["admin"]
    newest = office.ask("POST", f"{own}/rotate").body["secret"]
    assert office.ask("POST", f"{own}/rotate").status == 409
    assert office.works(office.secret, newest) == [True, True]


def test_one_administrator_may_end_another(office: Office) -> None:
    second, key_id = office.make(scopes=["admin"])
    assert office.ask("DELETE", f"/v1/keys/{office.key.id}", key=second).status == 200
    assert office.ask("GET", "/v1/keys").status == 401
    assert office.ask("PATCH", f"/v1/keys/{key_id}", {"scopes": ["read"]}, key=second).status == 409
