"""`easel keys`."""

from typing import Any

import pytest

from tests.unit.client.command import data, easel
from tests.unit.client.deployment import Deployment, problem

KEY = "key_01K0ABCDEFGHJKMNPQRSTVWXYZ"
SECRET = "ezl_PLANTED-SECRET"


def key(**fields: Any) -> dict[str, Any]:
    """A key as Easel answers it."""
    return {
        "id": KEY,
        "name": "shop",
        "tenant": "acme",
        "prefix": "ezl_PLANTED-",
        "scopes": ["generate", "read"],
        "models": None,
        "routes": ["a/b"],
        "limits": {"concurrency": None, "per_minute": 60, "usd_per_day": "5", "usd_per_month": None},
        "created_at": None,
        "expires_at": None,
        **fields,
    }


def test_a_new_keys_secret_is_alone_on_standard_output(deployment: Deployment) -> None:
    deployment.answers("POST /v1/keys", (201, key(secret=SECRET)))
    done = easel(
        "keys", "create", "--tenant", "acme", "--name", "shop", "--scopes", "generate,read",
        "--models", "none", "--usd-per-day", "5", "--per-minute", "60", "--expires-in-days", "1.5",
    )  # fmt: skip
    assert (done.exit_code, done.stdout) == (0, f"{SECRET}\n")
    assert SECRET not in done.stderr
    assert deployment.asked[0].json() == {
        "tenant": "acme", "name": "shop", "scopes": ["generate", "read"], "models": None,
        "expires_in_days": 1.5, "limits": {"per_minute": 60, "usd_per_day": "5"},
    }  # fmt: skip
    assert data(easel("keys", "create", "--tenant", "acme", "--json"))["secret"] == SECRET


def test_rotate_exchanges_the_secret(deployment: Deployment) -> None:
    deployment.answers(f"POST /v1/keys/{KEY}/rotate", key(secret=SECRET))
    assert easel("keys", "rotate", KEY, "--overlap-hours", "2").stdout == f"{SECRET}\n"
    assert deployment.asked[0].json() == {"overlap_hours": 2}
    easel("keys", "rotate", KEY)
    assert deployment.asked[1].json() == {}


def test_list_goes_through_all_pages(deployment: Deployment) -> None:
    deployment.answers("GET /v1/keys", {"data": [key()], "next_cursor": "acme/key_1"})
    deployment.answers("GET /v1/keys", {"data": [key(id="key_2", name="")], "next_cursor": None})
    lines = easel("keys", "list", "--tenant", "acme").stdout.splitlines()
    assert lines[0] == f"{KEY}\tacme\tshop\tezl_PLANTED-…\tgenerate,read\tper_minute 60, usd_per_day 5\t"
    assert [one.path for one in deployment.asked] == [
        "/v1/keys?tenant=acme", "/v1/keys?tenant=acme&cursor=acme%2Fkey_1",
    ]  # fmt: skip


def test_change_sends_what_was_named_and_none_lifts_a_limit(deployment: Deployment) -> None:
    deployment.answers(f"PATCH /v1/keys/{KEY}", key())
    assert easel("keys", "change", KEY, "--per-minute", "none", "--routes", "a/b").exit_code == 0
    assert deployment.asked[0].json() == {"routes": ["a/b"], "limits": {"per_minute": None}}
    for words in ((), ("--per-minute", "many")):
        assert easel("keys", "change", KEY, *words).exit_code == 2
    assert len(deployment.asked) == 1


def test_tenant_is_shown_or_changed_first(deployment: Deployment) -> None:
    told = {"id": "acme", "limits": {"concurrency": 3}, "webhook": {"url": "https://x.example"}}
    deployment.answers("GET /v1/tenants/acme", told)
    deployment.answers("PATCH /v1/tenants/acme", told)
    assert easel("keys", "tenant", "acme").stdout.splitlines() == [
        "tenant\tacme", "limits\tconcurrency 3", "webhook\thttps://x.example",
    ]  # fmt: skip
    assert easel("keys", "tenant", "acme", "--concurrency", "3", "--webhook", "none").exit_code == 0
    assert deployment.asked[1].json() == {"limits": {"concurrency": 3}, "webhook": None}


def test_revoke_ends_a_key(deployment: Deployment) -> None:
    deployment.answers(f"DELETE /v1/keys/{KEY}", key())
    assert easel("keys", "revoke", KEY).stdout == f"{KEY} stops working within half a minute.\n"


def test_whoami_tells_limits_and_what_of_them_is_used(deployment: Deployment) -> None:
    used = {"per_minute": 2, "usd_per_day": "4.925"}
    deployment.answers("GET /v1/key", key(used=used, tenant_limits={"concurrency": 9}, tenant_used={}))
    facts = dict(line.split("\t") for line in easel("keys", "whoami").stdout.splitlines())
    assert facts["at"] == f"{deployment.url} (EASEL_API_KEY)"
    assert (facts["usd_per_day"], facts["per_minute"]) == ("4.925 of 5 used", "2 of 60 used")
    assert facts["tenant's concurrency"] == "0 of 9 used"


@pytest.mark.parametrize("words", [("list",), ("create", "--tenant", "a"), ("revoke", KEY)])
def test_a_key_that_may_not_is_told_so(deployment: Deployment, words: tuple[str, ...]) -> None:
    refused = (403, problem(403, "forbidden", "The API key does not have the scope 'admin'."))
    for call in ("GET /v1/keys", "POST /v1/keys", f"DELETE /v1/keys/{KEY}"):
        deployment.answers(call, refused)
    done = easel("keys", *words)
    assert (done.exit_code, "scope 'admin'" in done.stderr) == (4, True)
