"""The HTTP API's calls on webhooks: the delivery log, redelivery, keys; and nobody sees another tenant's."""

import base64
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest
from standardwebhooks import Webhook as Verifier

from easel.domain.tenancy import Scope
from easel.wire import HttpResponse
from tests.fakes.scene import TENANT, signing_keys
from tests.unit.doors.calls import KEY, OTHER_KEY, Answer, Api

URL = "https://hooks.example/told?token=PLANTED-QUERY"
SECRET = "whsec_" + base64.b64encode(b"PLANTED secret of a webhook").decode()
SECRET_CALL = "/v1/webhook-secret"


def ended(api: Api, **fields: Any) -> str:
    """The id of a canceled generation with a webhook."""
    made = api.create(**{"webhook": {"url": URL, "secret": SECRET}} | fields)
    assert made.status == 202, made.text
    generation_id: str = made.body["id"]
    assert api.call("POST", f"/v1/generations/{generation_id}/cancel").status == 200
    return generation_id


def log_of(api: Api, generation_id: str, key: str = KEY) -> Answer:
    return api.call("GET", f"/v1/generations/{generation_id}/deliveries", key=key)


def again(api: Api, generation_id: str, key: str = KEY) -> Answer:
    return api.call("POST", f"/v1/generations/{generation_id}/deliveries", key=key)


def deliver(api: Api) -> None:
    for delivery_id in list(api.scene.deliveries.records):
        api.scene.deliverer.deliver(delivery_id)


def test_delivery_log_tells_every_attempt_and_neither_secret_nor_query() -> None:
    api = Api()
    generation_id = ended(api)
    api.scene.receivers.answers = [HttpResponse(503)]
    deliver(api)
    answer = log_of(api, generation_id)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.body["next_cursor"] is None
    (told,) = answer.body["data"]
    assert told.pop("id").startswith("msg_")
    assert told.pop("next_attempt_at") > "2026-11-20T12:00:05"
    assert told == {
        "type": "generation.canceled",
        "status": "pending",
        "url": "https://hooks.example/told",
        "created_at": "2026-11-20T12:00:00.000Z",
        "attempts": [
            {
                "number": 1, "at": "2026-11-20T12:00:00.000Z", "duration_ms": 0, "http_status": 503,
                "error": "http_status",
            }
        ],
    }  # fmt: skip
    assert "PLANTED" not in answer.text
    assert SECRET not in answer.text


def test_log_of_a_generation_without_a_webhook_is_empty() -> None:
    api = Api()
    answer = log_of(api, ended(api, webhook=None))
    assert (answer.status, answer.body) == (200, {"data": [], "next_cursor": None})


def test_redelivery_is_a_new_delivery_at_the_head_of_the_log() -> None:
    api = Api()
    generation_id = ended(api)
    deliver(api)
    api.scene.clock.sleep(1)
    answer = again(api, generation_id)
    assert answer.status == 202
    assert (answer.body["status"], answer.body["attempts"]) == ("pending", [])
    log = log_of(api, generation_id).body["data"]
    assert [one["status"] for one in log] == ["pending", "delivered"]
    assert log[0]["id"] == answer.body["id"] != log[1]["id"]
    deliver(api)
    assert len(api.scene.receivers.posted) == 2


def test_redelivery_before_the_end_is_a_conflict() -> None:
    api = Api()
    answer = again(api, api.create(webhook=URL).body["id"])
    assert (answer.status, answer.body["code"]) == (409, "conflict")


def test_redelivery_without_a_webhook_is_a_conflict() -> None:
    api = Api()
    answer = again(api, ended(api, webhook=None))
    assert answer.status == 409
    assert [error["field"] for error in answer.body["errors"]] == ["webhook"]


def test_secret_call_gives_the_keys_that_sign_the_tenants_webhooks() -> None:
    api = Api()
    api.scene.clock.time = datetime.now(UTC)
    ended(api, webhook=URL)
    deliver(api)
    answer = api.call("GET", SECRET_CALL)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.body == {"secret": ANY, "public_key": signing_keys(TENANT).public_key}
    assert answer.body["public_key"].startswith("whpk_")
    (posted,) = api.scene.receivers.posted
    assert Verifier(answer.body["secret"]).verify(posted.body, dict(posted.headers))


# ── Whose ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("call", [log_of, again])
def test_another_tenants_generation_is_not_there(call: Any) -> None:
    api = Api()
    generation_id = ended(api)
    answer = call(api, generation_id, key=OTHER_KEY)
    unknown = call(api, "gen_00000000000000000000000000", key=OTHER_KEY)
    assert (
        (answer.status, answer.body["code"]) == (unknown.status, unknown.body["code"]) == (404, "not_found")
    )
    assert len(api.scene.deliveries.records) == 1


def test_tenants_have_different_keys() -> None:
    api = Api()
    ours, others = (api.call("GET", SECRET_CALL, key=key).body for key in (KEY, OTHER_KEY))
    assert not set(ours.values()) & set(others.values())


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/generations/{}/deliveries", Scope.READ),
        ("POST", "/v1/generations/{}/deliveries", Scope.WEBHOOK),
        ("GET", SECRET_CALL, Scope.WEBHOOK),
    ],
)
def test_each_call_needs_a_key_and_its_scope(method: str, path: str, scope: Scope) -> None:
    api = Api()
    path = path.format(ended(api))
    assert api.call(method, path, key=None).status == 401
    api.keys.known["scopes"] = frozenset(set(Scope) - {scope})
    assert api.call(method, path).status == 403
    api.keys.known["scopes"] = frozenset({scope})
    assert api.call(method, path).status in (200, 202)


# ── Creation ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("webhook", ["http://127.0.0.1:8000/told", {"url": "http://localhost/told"}])
def test_webhook_to_this_machine_is_refused_where_that_is_not_allowed(webhook: Any) -> None:
    api = Api()
    answer = api.create(webhook=webhook)
    assert answer.status == 422
    assert [error["field"] for error in answer.body["errors"]] == ["webhook.url"]
    assert api.scene.store.records == {}


def test_nothing_of_a_webhook_is_logged() -> None:
    api = Api()
    generation_id = ended(api)
    deliver(api)
    log_of(api, generation_id)
    api.call("GET", SECRET_CALL)
    assert "PLANTED" not in api.log.getvalue()
