"""Tenants on the local stack: keys over HTTP, budgets, caps and rates under bursts, usage.

Functions remember keys and tenants for half a minute: limits are set before a key is used.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from easel.aws.key_book import DynamoKeyBook
from easel.aws.ledger import DynamoUsage
from easel.domain.tenancy import ALL_SCOPES, Scope
from easel.runtime import SystemClock
from local.build import REPOSITORY
from local.stack import LocalStack
from tests.integration.easel_caller import Answer, EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

SYNC = {"model": "qwen-image", "route": "aimlapi/qwen-image"}  # answers at once
SYNC_USD = Decimal("0.0455")
TASKS = {"model": "qwen-image-max", "route": "mulerouter/qwen-image-max"}
TASKS_USD = Decimal("0.075")
MINUTE_LEFT_SECONDS = 8  # that a test of a minute's rate begins before the minute is over


@dataclass(frozen=True)
class Team:
    """A tenant of its own with one key, and what is counted of it."""

    caller: EaselCaller
    tenant: str
    key_id: str
    usage: DynamoUsage

    def spent(self, owner: str | None = None) -> dict[str, Decimal]:
        """What the budgets of the key count now, or those of another owner."""
        return dict(self.usage.spent(owner or f"key {self.key_id}", datetime.now(UTC).date()))

    def ask(self, body: dict[str, Any], **headers: str) -> Answer:
        return self.caller.call("POST", "/v1/generations", body, headers=headers)

    def ask_at_once(self, count: int, body: Callable[[int], dict[str, Any]], **headers: str) -> list[Answer]:
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda number: self.ask(body(number), **headers), range(count)))

    def settled(self) -> list[dict[str, Any]]:
        """All of its generations, once they have ended."""
        ids = [one["id"] for one in self.caller.call("GET", "/v1/generations?limit=100").body["data"]]
        return [self.caller.ended(one) for one in ids]


@pytest.fixture(scope="module")
def book(stack: LocalStack) -> DynamoKeyBook:
    """The stack's keys."""
    return DynamoKeyBook(stack.aws.client("dynamodb"), stack.outputs["TableName"], SystemClock())


@pytest.fixture(scope="module")
def administrator(caller: EaselCaller) -> EaselCaller:
    """Who may administer: the stack's own key."""
    return caller


@pytest.fixture
def team(stack: LocalStack, administrator: EaselCaller) -> Callable[..., Team]:
    """Makes teams; their key has these limits."""

    def make(tenant: str | None = None, **limits: Any) -> Team:
        name = tenant or f"team-{uuid.uuid4().hex[:8]}"
        made = administrator.call("POST", "/v1/keys", {"tenant": name, "limits": limits})
        assert made.status == 201, made.body
        usage = DynamoUsage(stack.aws.client("dynamodb"), stack.outputs["TableName"])
        return Team(EaselCaller(stack.url, made.body["secret"]), name, made.body["id"], usage)

    return make


def prompts_bought(stack: LocalStack, words: str) -> int:
    """How many jobs the sandbox vendors took whose prompt has these words."""
    return sum(words in task["prompt"] for task in sandbox_tasks(stack.sandbox_url))


def usd(generations: list[dict[str, Any]]) -> Decimal:
    """What receipts say that all of it cost, or may have cost, less what came back."""
    total = Decimal(0)
    for one in generations:
        figures = one["receipt"]["usd"]
        for figure, sign in (("billed", 1), ("possibly_billed", 1), ("refunded", -1)):
            total += sign * Decimal(figures[figure]["amount"]) if figures[figure] else 0
    return total


def assert_refused(answer: Answer, status: int, name: str, owner: str, allowed: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    seconds = int(answer.headers["retry-after"])
    assert seconds > 0
    assert answer.body["limit"] == {
        "name": name, "owner": owner, "allowed": allowed, "retry_after_seconds": seconds,
    }  # fmt: skip
    policy = "requests" if name == "requests_per_minute" else name
    assert answer.headers["ratelimit"] == f'"{policy}";r=0;t={seconds}'


def test_burst_against_a_budget_for_ten_buys_ten_and_the_counters_are_the_receipts(
    stack: LocalStack, team: Callable[..., Team]
) -> None:
    allowed = format(10 * SYNC_USD, "f")
    shop = team(usd_per_day=allowed, usd_per_month="100")
    words = f"burst {uuid.uuid4()}"
    answers = shop.ask_at_once(100, lambda number: {**SYNC, "prompt": f"{words} {number}"})
    assert Counter(answer.status for answer in answers) == {202: 10, 402: 90}
    for answer in answers:
        if answer.status == 402:
            assert_refused(answer, 402, "usd_per_day", f"key {shop.key_id}", allowed)
    generations = shop.settled()
    assert [one["status"] for one in generations] == ["succeeded"] * 10
    assert prompts_bought(stack, words) == 10
    assert usd(generations) == 10 * SYNC_USD
    assert shop.spent() == {
        "usd_per_day": 10 * SYNC_USD, "usd_per_month": 10 * SYNC_USD, "concurrency": 0,
    }  # fmt: skip
    usage = shop.caller.call("GET", "/v1/usage").body
    assert Decimal(usage["totals"]["usd"]["billed"]["amount"]) == usd(generations)
    assert (usage["totals"]["generations"], usage["totals"]["images"], usage["totals"]["asks"]) == (
        10,
        10,
        10,
    )
    own = sum(Decimal(one["receipt"]["aws_estimate"]["amount"]) for one in generations)
    assert Decimal(usage["totals"]["aws_estimate"]["amount"]) == own
    assert {(row["tenant"], row["route"]) for row in usage["data"]} == {(shop.tenant, SYNC["route"])}
    assert_refused(shop.ask({**SYNC, "prompt": words}), 402, "usd_per_day", f"key {shop.key_id}", allowed)


def test_twenty_posts_with_one_key_take_one_place_reserve_once_and_buy_once(
    stack: LocalStack, team: Callable[..., Team]
) -> None:
    shop = team(usd_per_day="1", concurrency=1)
    body = {**SYNC, "prompt": f"once {uuid.uuid4()}"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = shop.ask_at_once(20, lambda _: body, **key)
    assert {answer.status for answer in answers} <= {200, 202}
    assert len({answer.body["id"] for answer in answers}) == 1
    (generation,) = shop.settled()
    assert generation["status"] == "succeeded"
    assert prompts_bought(stack, body["prompt"]) == 1
    other = shop.ask({**body, "seed": 7}, **key)
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")
    assert shop.spent() == {"usd_per_day": SYNC_USD, "usd_per_month": SYNC_USD, "concurrency": 0}


def test_cap_on_what_is_at_work_holds_in_a_burst_and_frees_at_every_end(
    stack: LocalStack, team: Callable[..., Team]
) -> None:
    shop = team(concurrency=2, usd_per_day="1")
    words = f"cap {uuid.uuid4()}"
    answers = shop.ask_at_once(12, lambda _: {**TASKS, "prompt": f"{words} [sandbox: stuck]"})
    assert Counter(answer.status for answer in answers) == {202: 2, 429: 10}
    for answer in answers:
        if answer.status == 429:
            assert_refused(answer, 429, "concurrency", f"key {shop.key_id}", "2")
    assert shop.spent()["concurrency"] == 2
    taken = [answer.body["id"] for answer in answers if answer.status == 202]
    assert shop.caller.call("POST", f"/v1/generations/{taken[0]}/cancel").status == 200
    failing = shop.ask({**TASKS, "prompt": f"{words} [sandbox: submit-400]"})
    assert failing.status == 202
    assert shop.caller.ended(failing.body["id"])["status"] == "failed"
    assert shop.ask({**TASKS, "prompt": words}).status == 202
    assert shop.caller.call("POST", f"/v1/generations/{taken[1]}/cancel").status == 200
    generations = shop.settled()
    assert shop.spent()["concurrency"] == 0
    assert shop.spent()["usd_per_day"] == usd(generations)
    totals = shop.caller.call("GET", "/v1/usage").body["totals"]
    assert (totals["generations"], totals["canceled"], totals["failed"], totals["succeeded"]) == (4, 2, 1, 1)


def test_limits_of_the_whole_tenant_hold_for_all_of_its_keys(
    administrator: EaselCaller, team: Callable[..., Team]
) -> None:
    name = f"team-{uuid.uuid4().hex[:8]}"
    limits = {"usd_per_month": format(TASKS_USD, "f")}
    assert administrator.call("PATCH", f"/v1/tenants/{name}", {"limits": limits}).status == 200
    one, two = team(name), team(name)
    made = one.ask({**TASKS, "prompt": "all keys"})
    assert made.status == 202
    refused = two.ask({**TASKS, "prompt": "all keys"})
    assert_refused(refused, 402, "usd_per_month", f"tenant {name}", "0.075")
    one.caller.ended(made.body["id"])
    assert administrator.call("GET", f"/v1/tenants/{name}").body["used"]["usd_per_month"] == "0.075"
    assert one.spent(f"tenant {name}")["usd_per_month"] == TASKS_USD
    assert [row["tenant"] for row in two.caller.call("GET", "/v1/usage").body["data"]] == [name]


def test_rate_is_held_in_a_burst_and_told(team: Callable[..., Team]) -> None:
    shop = team(per_minute=3)
    left = 60 - datetime.now(UTC).second
    time.sleep(left if left < MINUTE_LEFT_SECONDS else 0)
    answers = shop.ask_at_once(8, lambda _: {**TASKS, "prompt": "rate", "dry_run": True})
    assert Counter(answer.status for answer in answers) == {200: 3, 429: 5}
    for answer in answers:
        if answer.status == 429:
            assert_refused(answer, 429, "requests_per_minute", f"key {shop.key_id}", "3")
            assert int(answer.headers["retry-after"]) <= 60
        else:
            assert answer.headers["ratelimit-policy"] == '"requests";q=3;w=60'
            assert answer.body["dry_run"] is True
    assert shop.caller.call("GET", "/v1/generations").body["data"] == []


def test_keys_are_made_rotated_changed_and_revoked_over_http(
    stack: LocalStack, administrator: EaselCaller
) -> None:
    said = {"tenant": "shop", "name": "till", "scopes": ["read", "usage"], "limits": {"per_minute": 9}}
    made = administrator.call("POST", "/v1/keys", said)
    assert made.status == 201, made.body
    path, first = f"/v1/keys/{made.body['id']}", made.body["secret"]
    rotated = administrator.call("POST", f"{path}/rotate", {"overlap_hours": 1})
    second = rotated.body["secret"]
    for secret in (first, second):
        caller = EaselCaller(stack.url, secret)
        assert caller.call("GET", "/v1/usage").status == 200
        assert caller.call("POST", "/v1/generations", {**TASKS, "prompt": "p"}).status == 403
        assert caller.call("GET", "/v1/keys").status == 403
    assert administrator.call("POST", f"{path}/rotate", {"overlap_hours": 1}).status == 409
    third = administrator.call("POST", f"{path}/rotate", {"overlap_hours": 0}).body["secret"]
    own = EaselCaller(stack.url, third).call("GET", "/v1/key").body
    assert (own["prefix"], own["name"], own["used"]["per_minute"]) == (third[:12], "till", 0)
    listed = administrator.call("GET", "/v1/keys?tenant=shop")
    (key,) = listed.body["data"]
    assert (key["id"], key["former"]) == (own["id"], None)
    assert not [secret for secret in (first, second, third) if secret in json.dumps(listed.body)]
    renamed = administrator.call("PATCH", path, {"name": "tills", "expires_in_days": 1})
    assert (renamed.status, renamed.body["name"]) == (200, "tills")
    assert administrator.call("DELETE", path).status == 200
    assert administrator.call("GET", "/v1/keys?tenant=shop").body["data"] == []
    assert administrator.call("DELETE", path).status == 404


def test_secret_that_ended_works_no_more_and_the_one_before_the_last_does(
    stack: LocalStack, administrator: EaselCaller, book: DynamoKeyBook
) -> None:
    first, key = book.create("shop", scopes=frozenset({Scope.READ}))
    second = administrator.call("POST", f"/v1/keys/{key.id}/rotate", {"overlap_hours": 0}).body["secret"]
    third = administrator.call("POST", f"/v1/keys/{key.id}/rotate").body["secret"]
    fourth, _ = book.create("shop", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    fifth, revoked = book.create("shop")
    administrator.call("DELETE", f"/v1/keys/{revoked.id}")
    statuses = [
        EaselCaller(stack.url, secret).call("GET", "/v1/models").status
        for secret in (first, second, third, fourth, fifth)
    ]
    assert statuses == [401, 200, 200, 401, 401]


def test_of_rotations_at_once_one_is_made(administrator: EaselCaller, book: DynamoKeyBook) -> None:
    _, key = book.create("shop")
    with ThreadPoolExecutor(6) as threads:
        answers = list(
            threads.map(lambda _: administrator.call("POST", f"/v1/keys/{key.id}/rotate"), range(6))
        )
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 5}


def test_key_that_comes_with_the_stack_administers_and_cannot_end_itself(
    stack: LocalStack, administrator: EaselCaller
) -> None:
    own = administrator.call("GET", "/v1/key").body
    assert (own["tenant"], own["scopes"]) == ("default", sorted(ALL_SCOPES))
    assert administrator.call("DELETE", f"/v1/keys/{own['id']}").status == 409
    assert administrator.call("PATCH", f"/v1/keys/{own['id']}", {"name": "local"}).status == 200


@pytest.mark.parametrize(("more", "status"), [([], 403), (["--admin"], 200)])
def test_first_key_is_made_with_aws_rights(stack: LocalStack, more: list[str], status: int) -> None:
    environment = {**os.environ, "EASEL_AWS_PORT": str(urlsplit(stack.aws.url).port)}
    done = subprocess.run(
        [sys.executable, "-m", "local.keys", "--tenant", "shop", *more],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    (secret,) = done.stdout.splitlines()
    assert EaselCaller(stack.url, secret).call("GET", "/v1/tenants/shop").status == status
