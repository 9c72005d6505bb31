"""Tenants' limits and webhooks over HTTP: set one by one, shown, and held."""

from typing import Any

import pytest

from easel.domain.tenants import Tenant
from tests.unit.doors.office import ASK, NO_LIMITS, Office, fields


def test_webhook_without_tls_is_refused_for_a_tenant_as_for_a_request(office: Office) -> None:
    answer = office.ask("PATCH", "/v1/tenants/acme", {"webhook": "http://127.0.0.1:9/x"})
    assert list(fields(answer)) == ["webhook.url"]
    assert office.ask("GET", "/v1/tenants/acme").body["webhook"] is None


def test_tenants_limits_and_webhook_are_set_one_by_one_and_shown(office: Office) -> None:
    path = "/v1/tenants/acme"
    assert office.ask("GET", path).body == {
        "tenant": "acme", "limits": NO_LIMITS, "used": NO_LIMITS, "webhook": None,
    }  # fmt: skip
    office.ask("PATCH", path, {"limits": {"usd_per_month": 100, "concurrency": 5}})
    office.ask("PATCH", path, {"webhook": "https://acme.example/hook"})
    shown = office.ask("PATCH", path, {"limits": {"concurrency": None}}).body
    assert shown["limits"] == NO_LIMITS | {"usd_per_month": "100"}
    assert (shown["used"], shown["webhook"]) == (
        NO_LIMITS | {"usd_per_month": "0"},
        {"url": "https://acme.example/hook"},
    )
    assert office.ask("GET", path).body == shown
    assert office.ask("PATCH", path, {"webhook": None}).body["webhook"] is None


def test_tenants_limits_hold_and_what_is_used_of_them_is_told(office: Office) -> None:
    office.ask("PATCH", "/v1/tenants/acme", {"limits": {"usd_per_day": "0.1", "concurrency": 3}})
    secret, _ = office.make()
    assert office.ask("POST", "/v1/generations", ASK, key=secret).status == 202
    refused = office.ask("POST", "/v1/generations", ASK, key=secret)
    assert (refused.status, refused.body["limit"]["owner"]) == (402, "tenant acme")
    used = office.ask("GET", "/v1/tenants/acme").body["used"]
    assert used == NO_LIMITS | {"usd_per_day": "0.075", "concurrency": 1}


def test_webhooks_own_secret_is_not_shown_again(office: Office) -> None:
    secret = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
    hook = {"url": "https://acme.example/hook", "secret": secret, "events": ["generation.failed"]}
    answer = office.ask("PATCH", "/v1/tenants/acme", {"webhook": hook})
    assert answer.body["webhook"] == {"url": hook["url"], "events": hook["events"]}
    assert secret not in answer.text + office.api.log.getvalue()
    kept = office.book.tenant("acme").webhook
    assert kept is not None
    assert kept.secret == secret


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"webhook": "http://acme.example"}, "webhook.url"),
        ({"webhook": "https://user@acme.example"}, "webhook.url"),
        ({"webhook": {"url": "https://acme.example", "secret": "x"}}, "webhook.secret"),
        ({"webhook": {"url": "https://acme.example", "retry": 1}}, "webhook.retry"),
        ({"limits": {"concurrency": 0}}, "limits.concurrency"),
        ({"name": "acme"}, "name"),
    ],
)
def test_what_is_wrong_of_a_tenant_is_named_and_nothing_is_set(
    office: Office, said: dict[str, Any], field: str
) -> None:
    answer = office.ask("PATCH", "/v1/tenants/acme", {"limits": {"per_minute": 1}} | said)
    assert list(fields(answer)) == [field]
    assert office.book.tenant("acme") == Tenant(id="acme")


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_name_that_is_no_tenants_is_refused(office: Office, method: str) -> None:
    assert list(fields(office.ask(method, "/v1/tenants/ac.me", {}))) == ["tenant"]
