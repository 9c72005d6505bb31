"""Scopes: every call of the native API needs its own, and no other opens it."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from easel.domain.tenancy import ALL_SCOPES, Scope
from easel.openapi.calls import CALLS
from tests.fakes.batch_run import rows
from tests.unit.doors.calls import Answer, Api
from tests.unit.doors.native_routes import Call, native_calls

NEEDED: Mapping[Call, Scope] = {
    ("POST", "/v1/generations"): Scope.GENERATE,
    ("GET", "/v1/generations"): Scope.READ,
    ("GET", "/v1/generations/{}"): Scope.READ,
    ("GET", "/v1/generations/{}/events"): Scope.READ,
    ("POST", "/v1/generations/{}/cancel"): Scope.GENERATE,
    ("GET", "/v1/generations/{}/deliveries"): Scope.READ,
    ("POST", "/v1/generations/{}/deliveries"): Scope.WEBHOOK,
    ("GET", "/v1/webhook-secret"): Scope.WEBHOOK,
    ("POST", "/v1/uploads"): Scope.GENERATE,
    ("POST", "/v1/batches"): Scope.BATCH,
    ("GET", "/v1/batches"): Scope.BATCH,
    ("GET", "/v1/batches/{}"): Scope.BATCH,
    ("POST", "/v1/batches/{}/cancel"): Scope.BATCH,
    ("POST", "/v1/batches/{}/resume"): Scope.BATCH,
    ("GET", "/v1/models"): Scope.READ,
    ("GET", "/v1/models/{}"): Scope.READ,
    ("GET", "/v1/usage"): Scope.USAGE,
    ("POST", "/v1/keys"): Scope.ADMIN,
    ("GET", "/v1/keys"): Scope.ADMIN,
    ("PATCH", "/v1/keys/{}"): Scope.ADMIN,
    ("POST", "/v1/keys/{}/rotate"): Scope.ADMIN,
    ("DELETE", "/v1/keys/{}"): Scope.ADMIN,
    ("GET", "/v1/tenants/{}"): Scope.ADMIN,
    ("PATCH", "/v1/tenants/{}"): Scope.ADMIN,
}
ANY_KEY: set[Call] = {("GET", "/v1/key")}
OPEN: set[Call] = {("GET", "/healthz"), ("GET", "/openapi.json"), ("GET", "/docs")}
BODIES: Mapping[Call, Any] = {
    ("POST", "/v1/generations"): {"model": "qwen-image-max", "prompt": "p"},
    ("POST", "/v1/uploads"): {"content_type": "image/png", "bytes": 1000},
    ("POST", "/v1/batches"): {"rows": rows(1)},
    ("POST", "/v1/keys"): {"tenant": "acme"},
    ("PATCH", "/v1/keys/{}"): {"name": "shop"},
    ("PATCH", "/v1/tenants/{}"): {"limits": {"concurrency": 3}},
}
BY_NAME = pytest.mark.parametrize("call", NEEDED, ids=" ".join)


def made(api: Api, call: Call) -> Answer:
    """The call on a generation, a batch, a key, a tenant or a model that there is."""
    kinds = {"generations": "gen", "batches": "bat"}
    kind = call[1].split("/")[2]
    api.keys.known, known = {}, api.keys.known
    name = api.scene.key_book.create("acme")[1].id if kind == "keys" else "qwen-image-max"
    if "{}" in call[1] and kind in kinds:
        create = ("POST", f"/v1/{kind}")
        name = api.call(*create, body=BODIES[create]).body["id"]
    api.keys.known = known
    return api.call(call[0], call[1].replace("{}", name), body=BODIES.get(call))


def test_every_call_of_the_router_stands_here() -> None:
    assert native_calls() == set(NEEDED) | ANY_KEY | OPEN


def test_description_tells_the_scope_that_is_asked_for() -> None:
    for call in CALLS:
        method_and_path = (call.method, re.sub(r"{[^}]+}", "{}", call.path))
        assert call.scope == NEEDED.get(method_and_path), method_and_path


@BY_NAME
def test_key_without_the_scope_is_403_whatever_else_it_may_do(call: Call) -> None:
    api = Api()
    api.keys.known = {"scopes": ALL_SCOPES - {NEEDED[call]}}
    answer = made(api, call)
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
    assert f"'{NEEDED[call].value}'" in answer.body["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert api.scene.uploads.asked == []
    before = {**api.scene.store.records}, {**api.scene.batches.records}
    assert api.call(call[0], call[1].replace("{}", "x"), body=BODIES.get(call)).status == 403, (
        "before all else"
    )
    assert ({**api.scene.store.records}, {**api.scene.batches.records}) == before


@BY_NAME
def test_key_with_nothing_but_the_scope_may_call_it(call: Call) -> None:
    api = Api()
    api.keys.known = {"scopes": frozenset({NEEDED[call]})}
    assert made(api, call).status in (200, 201, 202, 409)


@BY_NAME
def test_key_without_any_scope_may_call_nothing(call: Call) -> None:
    api = Api()
    api.keys.known = {"scopes": frozenset()}
    assert made(api, call).status == 403


@pytest.mark.parametrize("call", sorted(OPEN), ids=" ".join)
def test_call_that_needs_no_key_asks_for_none(call: Call) -> None:
    api = Api()
    assert api.call(*call, key=None).status == 200
    assert api.keys.asked == []
