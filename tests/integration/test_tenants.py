"""Tenants on the local stack: keys by their command, budgets, caps and rates under bursts, usage.

Functions remember keys and tenants for half a minute: limits are set before a key is used.
"""

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

from easel.aws.key_book import KeyBook
from easel.aws.ledger import DynamoUsage
from easel.domain.tenancy import ApiKey, Limits, Scope
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
    key: ApiKey
    usage: DynamoUsage

    def spent(self, owner: str | None = None) -> dict[str, Decimal]:
        """What the budgets of the key count now, or those of another owner."""
        return dict(self.usage.spent(owner or f"key {self.key.id}", datetime.now(UTC).date()))

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
def book(stack: LocalStack) -> KeyBook:
    """The stack's keys."""
    return KeyBook(stack.aws.client("dynamodb"), stack.outputs["TableName"])


@pytest.fixture
def team(stack: LocalStack, book: KeyBook) -> Callable[..., Team]:
    """Makes teams; their key has these limits."""

    def make(tenant: str | None = None, **limits: Any) -> Team:
        name = tenant or f"team-{uuid.uuid4().hex[:8]}"
        secret, key = book.create(name, limits=Limits.model_validate(limits))
        usage = DynamoUsage(stack.aws.client("dynamodb"), stack.outputs["TableName"])
        return Team(EaselCaller(stack.url, secret), key, usage)

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
            assert_refused(answer, 402, "usd_per_day", f"key {shop.key.id}", allowed)
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
    assert {(row["tenant"], row["route"]) for row in usage["data"]} == {(shop.key.tenant, SYNC["route"])}
    assert_refused(shop.ask({**SYNC, "prompt": words}), 402, "usd_per_day", f"key {shop.key.id}", allowed)


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
            assert_refused(answer, 429, "concurrency", f"key {shop.key.id}", "2")
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
    book: KeyBook, team: Callable[..., Team]
) -> None:
    name = f"team-{uuid.uuid4().hex[:8]}"
    book.set_tenant(name, limits=Limits.model_validate({"usd_per_month": format(TASKS_USD, "f")}))
    one, two = team(name), team(name)
    made = one.ask({**TASKS, "prompt": "all keys"})
    assert made.status == 202
    refused = two.ask({**TASKS, "prompt": "all keys"})
    assert_refused(refused, 402, "usd_per_month", f"tenant {name}", "0.075")
    one.caller.ended(made.body["id"])
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
            assert_refused(answer, 429, "requests_per_minute", f"key {shop.key.id}", "3")
            assert int(answer.headers["retry-after"]) <= 60
        else:
            assert answer.headers["ratelimit-policy"] == '"requests";q=3;w=60'
            assert answer.body["dry_run"] is True
    assert shop.caller.call("GET", "/v1/generations").body["data"] == []


def command(stack: LocalStack, *words: str) -> list[str]:
    """What `make keys ARGS="..."` prints."""
    environment = {**os.environ, "EASEL_AWS_PORT": str(urlsplit(stack.aws.url).port)}
    done = subprocess.run(
        [sys.executable, "-m", "local.keys", *words],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_keys_are_made_rotated_and_revoked_by_the_command(stack: LocalStack) -> None:
    line, first = command(stack, "create", "--tenant", "shop", "--scopes", "read,usage", "--per-minute", "9")
    key_id = line.split()[0]
    second = command(stack, "rotate", key_id)[-1]
    for secret in (first, second):
        caller = EaselCaller(stack.url, secret)
        assert caller.call("GET", "/v1/usage").status == 200
        assert caller.call("POST", "/v1/generations", {**TASKS, "prompt": "p"}).status == 403
    third = command(stack, "rotate", key_id, "--overlap-hours", "0.01")[-1]
    assert EaselCaller(stack.url, third).call("GET", "/v1/models").status == 200
    (plain,) = command(stack, "create", "--plain", "--tenant", "shop")
    listed = command(stack, "list", "--tenant", "shop")
    assert len(listed) == 3
    told = "\n".join(listed)
    assert not [secret for secret in (first, second, third, plain) if secret in told]
    (revoked,) = [one.split()[0] for one in listed if key_id not in one]
    command(stack, "revoke", revoked)
    assert EaselCaller(stack.url, plain).call("GET", "/v1/models").status == 401


def test_key_never_has_a_third_secret_and_no_secret_after_its_end(stack: LocalStack, book: KeyBook) -> None:
    first, key = book.create("shop", scopes=frozenset({Scope.READ}))
    second, _ = book.rotate(key.id, timedelta(hours=1))
    third, _ = book.rotate(key.id, timedelta(hours=1))
    fourth, _ = book.create("shop", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    statuses = [
        EaselCaller(stack.url, secret).call("GET", "/v1/models").status
        for secret in (first, second, third, fourth)
    ]
    assert statuses == [401, 200, 200, 401]
