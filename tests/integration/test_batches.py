"""Batches on a stack of their own: what bounds, stops and resumes them, and a large one amid failures."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from easel.domain.ids import batch_id_of
from local.stack import LocalStack
from tests.integration.account_caller import AccountCaller, Inbox
from tests.integration.batch_run import TENANT, followed, lines, run, table
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

ROWS = 300  # of the large one; `python -m tests.integration.batch_run` has a thousand
ROUTE = "aimlapi/qwen-image"
PRICE_USD = "0.0455"
REFUSED = "forbidden-content"  # by the sandbox vendors, as moderation does
PATIENCE_SECONDS = 120.0


@pytest.fixture(scope="module")
def batch_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack whose processes may be killed."""
    with LocalStack(stack_settings(tmp_path_factory.mktemp("batches"))) as running:
        yield running


@pytest.fixture(scope="module")
def caller(batch_stack: LocalStack) -> EaselCaller:
    """A caller of its API."""
    return EaselCaller(batch_stack.url, batch_stack.api_key)


@pytest.fixture(scope="module")
def account(batch_stack: LocalStack) -> AccountCaller:
    """A caller inside its account."""
    return AccountCaller(batch_stack)


def rows(tag: str, count: int) -> list[dict[str, Any]]:
    """Rows of one route."""
    return [
        {"custom_id": f"{n}", "model": "qwen-image", "route": ROUTE, "prompt": f"{tag} {n}"}
        for n in range(count)
    ]


def create(caller: EaselCaller, body: dict[str, Any]) -> str:
    """A batch; its id."""
    answer = caller.call("POST", "/v1/batches", body)
    assert answer.status == 202, answer.body
    batch_id: str = answer.body["id"]
    return batch_id


def bought(stack: LocalStack, tag: str) -> Counter[str]:
    """How often vendors took each prompt of a tag."""
    return Counter(
        task["prompt"] for task in sandbox_tasks(stack.sandbox_url) if task["prompt"].startswith(f"{tag} ")
    )


def until(caller: EaselCaller, batch_id: str, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Wait for the batch to come so far."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not wanted(batch := caller.call("GET", f"/v1/batches/{batch_id}").body):
        assert time.monotonic() < limit, batch
        time.sleep(0.3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty.jsonl", ""),
        ("blank.jsonl", "\n\n"),
        ("empty.csv", ""),
        ("header-only.csv", "custom_id,model,prompt\n"),
        ("broken.json", '{"model": '),
        ("utf-16.csv", "\ufeffmodel,prompt\n"),
    ],
)
def test_a_file_without_rows_is_a_failed_batch_with_one_error_line(
    name: str, text: str, batch_stack: LocalStack, account: AccountCaller
) -> None:
    inbox, key = Inbox(batch_stack), f"requests/{name}"
    etag = inbox.drop(key, text.encode("utf-16-le" if "utf-16" in name else "utf-8"))
    batch_id = batch_id_of(TENANT, inbox.bucket, key, etag)
    batch = followed(batch_stack, batch_id, {})
    assert (batch["status"], batch["stop_reason"]["code"]) == ("failed", "manifest_invalid")
    (line,) = lines(account, batch_id, "errors.jsonl")
    assert (line["row"], line["error"]["field"]) == (0, "file")
    assert line["error"]["message"]
    assert lines(account, batch_id, "results.jsonl") == []


def test_a_cost_cap_stops_exactly_and_a_higher_one_lets_the_rest_run(
    batch_stack: LocalStack, caller: EaselCaller, account: AccountCaller
) -> None:
    tag, count, allowed = f"capped {uuid.uuid4()}", 24, 9
    cap = f"{allowed * 455 / 10_000 + 0.02:.4f}"  # of which the last cents buy nothing
    batch_id = create(caller, {"rows": rows(tag, count), "max_cost_usd": cap, "max_concurrency": 4})
    batch = followed(batch_stack, batch_id, {})
    assert (batch["status"], batch["stop_reason"]["code"]) == ("stopped", "cost_cap")
    first = bought(batch_stack, tag)
    assert first.total() == allowed == batch["rows"]["succeeded"]
    told = {line["error"]["code"] for line in lines(account, batch_id, "errors.jsonl")}
    assert (told, batch["rows"]["queued"]) == ({"not_started"}, count - allowed)

    answer = caller.call("POST", f"/v1/batches/{batch_id}/resume", {"max_cost_usd": "50"})
    assert answer.status == 202, answer.body
    resumed = followed(batch_stack, batch_id, {})
    assert (resumed["status"], resumed["rows"]["succeeded"]) == ("completed", count)
    assert bought(batch_stack, tag) == {row["prompt"]: 1 for row in rows(tag, count)}
    assert len(lines(account, batch_id, "results.jsonl")) == count
    assert lines(account, batch_id, "errors.jsonl") == []
    assert caller.call("POST", f"/v1/batches/{batch_id}/resume", {}).status == 409


def test_a_canceled_batch_keeps_what_was_bought_and_can_be_resumed(
    batch_stack: LocalStack, caller: EaselCaller, account: AccountCaller
) -> None:
    tag, count = f"canceled {uuid.uuid4()}", 16
    batch_id = create(caller, {"rows": rows(tag, count), "max_concurrency": 3})
    until(caller, batch_id, lambda batch: batch["rows"]["succeeded"] > 0)
    for _ in range(2):
        assert caller.call("POST", f"/v1/batches/{batch_id}/cancel").status == 200
    batch = followed(batch_stack, batch_id, {})
    assert (batch["status"], batch["rows"]["running"]) == ("canceled", 0)
    assert bought(batch_stack, tag).total() == batch["rows"]["succeeded"] < count
    assert len(lines(account, batch_id, "results.jsonl")) == batch["rows"]["succeeded"]
    assert caller.call("POST", f"/v1/batches/{batch_id}/resume", {"max_concurrency": 20}).status == 202
    assert followed(batch_stack, batch_id, {})["status"] == "completed"
    assert bought(batch_stack, tag) == {row["prompt"]: 1 for row in rows(tag, count)}


def test_more_failures_than_are_tolerated_stop_the_batch(
    batch_stack: LocalStack, caller: EaselCaller, account: AccountCaller
) -> None:
    tag, count, tolerated, at_once = f"failing {uuid.uuid4()}", 30, 3, 2
    given = [{**row, "prompt": f"{row['prompt']} {REFUSED}"} for row in rows(tag, count)]
    bounds = {"tolerated_failures": tolerated, "max_concurrency": at_once}
    batch_id = create(caller, {"rows": given, **bounds})
    batch = followed(batch_stack, batch_id, {})
    assert (batch["status"], batch["stop_reason"]["code"]) == ("stopped", "too_many_failures")
    # Those at work come to their end, and a look at a chunk starts rows before it counts.
    assert tolerated < batch["rows"]["failed"] <= tolerated + 2 * at_once
    told = Counter(line["error"]["code"] for line in lines(account, batch_id, "errors.jsonl"))
    assert told == {"moderation": batch["rows"]["failed"], "not_started": count - batch["rows"]["failed"]}


def test_the_same_rows_with_the_same_key_and_the_same_file_over_http_are_the_same_batch(
    batch_stack: LocalStack, caller: EaselCaller
) -> None:
    tag, key = f"told twice {uuid.uuid4()}", {"Idempotency-Key": str(uuid.uuid4())}
    answers = [caller.call("POST", "/v1/batches", {"rows": rows(tag, 2)}, headers=key) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body["id"] == answers[1].body["id"]
    inbox = Inbox(batch_stack)
    text = "".join(json.dumps(row) + "\n" for row in rows(f"{tag} in a file", 2))
    etag = inbox.drop("requests/told-twice.jsonl", text)
    manifest = {"manifest": f"s3://{inbox.bucket}/requests/told-twice.jsonl"}
    file_batch = batch_id_of(TENANT, inbox.bucket, "requests/told-twice.jsonl", etag)
    assert create(caller, manifest) == file_batch
    for batch_id in (answers[0].body["id"], file_batch):
        assert followed(batch_stack, batch_id, {})["rows"]["succeeded"] == 2
    assert set(bought(batch_stack, tag).values()) == {1}


def test_files_in_bodies_are_tried_run_and_listed(batch_stack: LocalStack, caller: EaselCaller) -> None:
    tag = f"in a body {uuid.uuid4()}"
    table = (
        f'\ufeffcustom_id,model,route,prompt\na,qwen-image,{ROUTE},"{tag} 1, \u72d0"\nb,qwen-image,{ROUTE},\n'
    )
    lines = "".join(json.dumps(row) + "\n" for row in rows(tag, 2))
    made = []
    for media, text, good in (("text/csv; charset=utf-8", table, 1), ("application/jsonl", lines, 2)):
        headers = {"Content-Type": media}
        plan = caller.call("POST", "/v1/batches?dry_run=true&max_concurrency=2", text, headers=headers)
        assert (plan.status, plan.body["rows"]["valid"]) == (200, good), plan.body
        answer = caller.call("POST", "/v1/batches?max_concurrency=2", text, headers=headers)
        assert (answer.status, answer.body["max_concurrency"]) == (202, 2), answer.body
        made.append((answer.body["id"], good, plan.body["rows"]["refused"]))
    for batch_id, *counts in made:
        batch = followed(batch_stack, batch_id, {})
        assert [batch["rows"]["succeeded"], batch["rows"]["refused"]] == counts
    assert bought(batch_stack, tag) == {f"{tag} 1, \u72d0": 1, f"{tag} 0": 1, f"{tag} 1": 1}
    page = caller.call("GET", "/v1/batches?limit=1").body
    rest = caller.call("GET", f"/v1/batches?limit=1&cursor={page['next_cursor']}").body
    listed = [batch for one in (page, rest) for batch in one["data"]]
    assert [batch["id"] for batch in listed] == [batch_id for batch_id, *_ in made[::-1]]
    assert [batch["rows"]["succeeded"] for batch in listed] == [2, 1]


def test_a_large_batch_with_wrong_rows_amid_kills_and_a_stop_loses_nothing_and_buys_nothing_twice(
    batch_stack: LocalStack, caller: EaselCaller, account: AccountCaller
) -> None:
    findings, file, batch_id = run(batch_stack, ROWS)
    batch = findings.batch
    assert not findings.broken, table(findings)
    assert (batch["status"], batch["images"]) == ("completed", len(file.prompts)), table(findings)
    assert (batch["rows"]["refused"], len(file.wrong)) == (50, 50)
    assert findings.killed.total() > 0, "nothing was killed"
    assert findings.executions == {batch_id, f"{batch_id}-1"}, "the stopped execution had one successor"

    tasks = len(sandbox_tasks(batch_stack.sandbox_url))
    inbox, marker = Inbox(batch_stack), f"after {uuid.uuid4()}"
    inbox.drop(batch["source"].split("/", 3)[3], file.data)
    inbox.drop("requests/after.jsonl", json.dumps(rows(marker, 1)[0]))
    until(caller, batch_id, lambda _: bought(batch_stack, marker).total() == 1)
    again = caller.call("GET", f"/v1/batches/{batch_id}").body
    assert {**again, "files": {}} == {**batch, "files": {}}
    assert len(sandbox_tasks(batch_stack.sandbox_url)) == tasks + 1
