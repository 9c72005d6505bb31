"""The native API: dry runs, limits and what is said of them, when to come again, usage, health."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.tenants import Limits, Tenant
from easel.plain import time_view
from tests.fakes.batch_run import prepare, row, run
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.doors.calls import Answer, Api
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_submitted

MULE = "mulerouter/qwen-image-max"
POLICIES = {
    "usd_per_day": '"usd_per_day";q=100000;qu="microdollars";w=86400',
    "usd_per_month": '"usd_per_month";q=100000;qu="microdollars"',
    "concurrency": '"concurrency";q={};qu="concurrent-requests"',
    "requests_per_minute": '"requests";q={};w=60',
}  # of a budget of 0.10 dollars
RATES = ("ratelimit", "ratelimit-policy")


def limited(*answers: Any, **limits: Any) -> Api:
    """An API whose default tenant has these limits."""
    api = Api(Scene(*answers, links={LINK: picture()}))
    api.scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(**limits))
    return api


def by_key(**limits: Any) -> Api:
    """An API whose keys have these limits."""
    api = Api()
    api.keys.known = {"limits": Limits(**limits)}
    return api


def served(api: Api, **fields: Any) -> str:
    """The id of a generation that was served."""
    made: str = api.create(**fields).body["id"]
    for step in (api.scene.submitter.submit, api.scene.persister.persist, api.scene.settler.settle):
        step(made)
    return made


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


# ── Dry runs ──────────────────────────────────────────────────────────────────────────────────────────


def test_dry_run_tells_what_would_be_done_and_does_nothing() -> None:
    api = limited(usd_per_day=1, concurrency=1)
    answer = api.create(dry_run=True, watermark=True, route=None)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body["dry_run"] is True
    assert [one["route"] for one in answer.body["routes"]][-1] == MULE
    last = answer.body["routes"][-1]
    assert last == {
        "route": MULE,
        "vendor": "MuleRouter",
        "because": "loses 1 of the parameters, then by the policy balanced",
        "price": usd("0.075"),
        "estimated_usd": usd("0.075"),
        "expected_seconds": {"typical": 30, "slow": 60},
        "health": "ok",
        "parameters": {
            "applied": {}, "mapped": {}, "truncated": {},
            "dropped": {"watermark": "this route has no such parameter"},
        },
    }  # fmt: skip
    assert answer.body["reserves"] == usd("0.10")
    assert answer.body["refused"] == []
    assert "location" not in answer.headers
    scene = api.scene
    assert (scene.store.records, scene.store.ledger.days, scene.workflow.ids) == ({}, {}, [])


def test_dry_run_claims_no_idempotency_key_and_waits_for_nothing() -> None:
    api = Api()
    body = {"model": "qwen-image-max", "prompt": "p"}
    for _ in range(2):
        answer = api.call(
            "POST", "/v1/generations", body=body | {"dry_run": True}, idempotency_key="k", prefer="wait=5"
        )
        assert (answer.status, api.scene.store.claims, api.scene.clock.slept) == (200, {}, [])
    assert api.call("POST", "/v1/generations", body=body, idempotency_key="k").status == 202


def test_body_that_says_it_is_no_dry_run_is_the_same_body() -> None:
    api = Api()
    body = {"model": "qwen-image-max", "prompt": "p"}
    first = api.call("POST", "/v1/generations", body=body, idempotency_key="k")
    again = api.call("POST", "/v1/generations", body=body | {"dry_run": False}, idempotency_key="k")
    assert (first.status, again.status) == (202, 202)
    assert first.body["id"] == again.body["id"]
    assert "dry_run" not in again.body["request"]


@pytest.mark.parametrize("word", ["yes", 1, None, "true"])
def test_dry_run_is_true_or_false_and_a_slip_buys_nothing(word: Any) -> None:
    api = Api()
    answer = api.create(dry_run=word)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, ["dry_run"])
    assert api.scene.store.records == {}


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"n": 2}, 422, "invalid_request"),
        ({"strict": True, "watermark": True}, 422, "invalid_request"),
        ({"model": "nothing", "route": None}, 422, "invalid_request"),
        ({"promt": "typo"}, 422, "invalid_request"),
    ],
)
def test_dry_run_refuses_what_would_be_refused(fields: dict[str, Any], status: int, code: str) -> None:
    dry, wet = Api().create(dry_run=True, **fields), Api().create(**fields)
    assert (dry.status, dry.body["code"]) == (wet.status, wet.body["code"]) == (status, code)
    assert dry.body["errors"] == wet.body["errors"]


def test_dry_run_is_counted_by_the_rate_and_by_nothing_else() -> None:
    api = limited(per_minute=2, usd_per_day=0, concurrency=1)
    assert api.create(dry_run=True).headers["ratelimit"] == '"requests";r=1;t=60'
    assert api.create(dry_run=True).status == 200
    assert api.create(dry_run=True).body["limit"]["name"] == "requests_per_minute"


def test_row_of_a_batch_is_no_dry_run() -> None:
    api = Api()
    body = {"rows": [row(1, dry_run=True), row(2)]}
    batch = api.scene.batches.get(api.call("POST", "/v1/batches", body=body).body["id"])
    assert batch is not None
    assert prepare(api.scene, batch)["next"] == "run"
    run(api.scene, batch)
    assert [one.origin.row for one in api.scene.store.records.values()] == [2]


# ── Limits ────────────────────────────────────────────────────────────────────────────────────────────


def assert_refused(answer: Answer, status: int, name: str, owner: str, allowed: str, seconds: int) -> None:
    """A problem that says which limit, whose, how much it allows, and when to come again."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["code"] == {402: "budget_reached", 429: "limit_reached"}[status]
    assert answer.body["limit"] == {
        "name": name, "owner": owner, "allowed": allowed, "retry_after_seconds": seconds,
    }  # fmt: skip
    assert owner in answer.body["detail"]
    assert answer.headers["retry-after"] == str(seconds)
    policy = POLICIES[name].format(allowed)
    assert answer.headers["ratelimit"] == f"{policy.partition(';')[0]};r=0;t={seconds}"
    assert answer.headers["ratelimit-policy"] == policy


DAY_LEFT, MONTH_LEFT = 12 * 3600, (10 * 24 + 12) * 3600  # at noon of 20 November


@pytest.mark.parametrize(
    ("limits", "status", "name", "allowed", "seconds"),
    [
        ({"usd_per_day": "0.10"}, 402, "usd_per_day", "0.10", DAY_LEFT),
        ({"usd_per_month": "0.10"}, 402, "usd_per_month", "0.10", MONTH_LEFT),
        ({"concurrency": 1}, 429, "concurrency", "1", 5),
        ({"per_minute": 1}, 429, "requests_per_minute", "1", 60),
    ],
)
@pytest.mark.parametrize("whose", ["key key_1", f"tenant {TENANT}"])
def test_refusal_names_the_limit_and_whose_it_is_and_leaves_no_trace(
    whose: str, limits: dict[str, Any], status: int, name: str, allowed: str, seconds: int
) -> None:
    api = by_key(**limits) if whose.startswith("key") else limited(**limits)
    made = api.create()
    assert made.status == 202
    answer = api.create()
    assert_refused(answer, status, name, whose, allowed, seconds)
    assert list(api.scene.store.records) == api.scene.workflow.ids == [made.body["id"]]
    assert "PLANTED" not in answer.text


def test_success_says_how_many_requests_are_left_and_until_when() -> None:
    api = by_key(per_minute=3)
    api.scene.clock.sleep(20)
    answers = [api.create() for _ in range(3)]
    assert [[one.headers[name] for name in RATES] for one in answers] == [
        [f'"requests";r={left};t=40', '"requests";q=3;w=60'] for left in (2, 1, 0)
    ]
    assert_refused(api.create(), 429, "requests_per_minute", "key key_1", "3", 40)
    api.scene.clock.sleep(40)
    assert api.create().status == 202


def test_without_a_rate_nothing_is_said_of_one() -> None:
    api = by_key(concurrency=9, usd_per_day=9)
    assert not set(RATES) & set(api.create().headers)


def test_reads_are_not_counted_and_say_nothing_of_rates() -> None:
    api = by_key(per_minute=1)
    made = api.create().body["id"]
    for path in ("/v1/generations", f"/v1/generations/{made}", "/v1/models", "/v1/usage"):
        answer = api.call("GET", path)
        assert answer.status == 200
        assert not set(RATES) & set(answer.headers)
    assert api.call("POST", f"/v1/generations/{made}/cancel").status == 200


def test_batch_is_one_request_of_the_rate() -> None:
    api = by_key(per_minute=1)
    body = {"rows": [row(number) for number in range(5)]}
    assert api.call("POST", "/v1/batches", body=body).status == 202
    assert_refused(
        api.call("POST", "/v1/batches", body=body), 429, "requests_per_minute", "key key_1", "1", 60
    )
    assert len(api.scene.batches.records) == 1


def test_bad_requests_are_counted_too() -> None:
    api = by_key(per_minute=1)
    assert api.create(n=2).status == 422
    assert api.create().status == 429


def test_key_that_may_not_use_the_model_is_403_and_told_which_it_may() -> None:
    api = Api()
    api.keys.known = {"models": ("qwen-image",)}
    answer = api.create()
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
    (error,) = answer.body["errors"]
    assert (error["field"], error["allowed"]) == ("model", ["qwen-image"])
    assert api.scene.store.records == {}


def test_place_that_was_freed_can_be_taken_again_by_whoever_came_when_told() -> None:
    api = limited(mule_completed(), concurrency=1)
    served(api)
    assert api.create().status == 202
    assert api.create().status == 429


# ── When to come again ────────────────────────────────────────────────────────────────────────────────


def test_generation_says_when_it_is_expected_to_end_and_when_to_look_again() -> None:
    api = Api(Scene(mule_submitted()))
    now = api.scene.clock.now()
    answer = api.create()
    assert answer.body["estimated_completion_at"] == time_view(now + timedelta(seconds=32))
    assert answer.headers["retry-after"] == "10", "no later than that"
    api.scene.submitter.submit(answer.body["id"])
    path = answer.headers["location"]
    seen = []
    for _ in range(6):
        api.scene.clock.sleep(8)
        answer = api.call("GET", path)
        left = api.scene.clock.now() - now
        seen.append(
            (left.seconds, answer.body["estimated_completion_at"][14:19], answer.headers["retry-after"])
        )
    assert seen == [
        (8, "00:32", "10"), (16, "00:32", "8"), (24, "00:32", "4"),
        (32, "01:02", "10"), (40, "01:02", "10"), (48, "01:02", "7"),
    ]  # fmt: skip


def test_ended_generation_is_expected_no_more() -> None:
    api = Api(Scene(mule_completed(), links={LINK: picture()}))
    answer = api.call("GET", f"/v1/generations/{served(api)}")
    assert answer.body["estimated_completion_at"] is None
    assert "retry-after" not in answer.headers


def test_routes_that_lately_were_quick_promise_an_early_end() -> None:
    api = Api()
    for seconds in (3.0, 4.0, 5.0):
        api.scene.states.took(MULE, "g", seconds, api.scene.clock.now())
    answer = api.create()
    then = api.scene.clock.now() + timedelta(seconds=6)
    assert answer.body["estimated_completion_at"] == time_view(then)
    assert answer.headers["retry-after"] == "3"


# ── Receipts, usage, health ───────────────────────────────────────────────────────────────────────────


def test_receipt_says_what_was_reserved_and_billed_in_both_units() -> None:
    api = limited(mule_completed(), usd_per_day=1)
    receipt = api.call("GET", f"/v1/generations/{served(api)}").body["receipt"]
    assert receipt["reserved"] == receipt["usd"]["reserved"] == usd("0.075")
    assert receipt["billed"] == receipt["usd"]["billed"] == usd("0.075")
    assert receipt["attempts"][0]["usd"]["billed"] == usd("0.075")
    assert 0 < Decimal(receipt["aws_estimate"]["amount"]) < Decimal("0.001")


def test_usage_is_the_sum_of_the_receipts() -> None:
    api = limited(mule_completed(), mule_completed(), usd_per_day=1)
    ids = [served(api), served(api)]
    api.call("POST", f"/v1/generations/{api.create().body['id']}/cancel")
    answer = api.call("GET", "/v1/usage")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    receipts = [api.call("GET", f"/v1/generations/{one}").body["receipt"] for one in ids]
    totals = answer.body["totals"]
    billed = sum(Decimal(one["usd"]["billed"]["amount"]) for one in receipts)
    assert Decimal(totals["usd"]["billed"]["amount"]) == billed == Decimal("0.15")
    assert (totals["generations"], totals["succeeded"], totals["canceled"]) == (3, 2, 1)
    spent = api.scene.store.ledger.spent(f"tenant {TENANT}", api.scene.clock.now().date())
    assert spent["usd_per_day"] == billed


@pytest.mark.parametrize("query", [{"from": "x"}, {"to": "2026-02-30"}, {"from": ""}])
def test_day_that_is_none_is_422_and_named(query: dict[str, str]) -> None:
    answer = Api().call("GET", "/v1/usage", query=query)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, list(query))


def test_models_routes_say_how_they_fare() -> None:
    api = Api()
    for seconds in (3.0, 4.0, 5.0):
        api.scene.states.took(MULE, "g", seconds, api.scene.clock.now())
    for _ in range(5):
        api.scene.states.failed("pixeldojo/qwen-image-max", api.scene.clock.now())
    routes = api.call("GET", "/v1/models/qwen-image-max").body["routes"]
    health = {one["name"]: one["health"] for one in routes}
    assert health[MULE] == {
        "state": "ok", "failures_in_a_row": 0, "expected_seconds": {"typical": 4.0, "slow": 5.0}, "recent": 3,
    }  # fmt: skip
    assert (health["pixeldojo/qwen-image-max"]["state"], health["pixeldojo/qwen-image-max"]["recent"]) == (
        "failing", 0,
    )  # fmt: skip
    (listed,) = [one for one in api.call("GET", "/v1/models").body["data"] if one["id"] == "qwen-image-max"]
    assert {one["name"]: one["health"] for one in listed["routes"]} == health
