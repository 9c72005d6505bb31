"""A batch of many rows, some of them wrong, while processes die and its execution is stopped; then the books.

`python -m tests.integration.batch_run --rows 1000` runs it and prints the figures. It exits with 0 only if
every promise held. A smaller one is a test.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from easel.domain.ids import batch_id_of
from local.stack import LocalStack
from tests.integration.account_caller import AccountCaller, Inbox, sha256
from tests.integration.batch_file import BatchFile, batch_file
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.integration.test_kills import function_processes

TENANT = "default"
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 900.0
KILL_EVERY_SECONDS = 1.0
STOP_AT_SHARE, CALM_AT_SHARE = 0.3, 0.6  # of the rows that have ended
# What a vendor was asked for when the asking process died, nobody can know: that row would honestly fail.
SPARED = "SubmitFunction"


@dataclass
class Findings:
    """What went on, and what must not have: each list names rows."""

    batch: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)  # when a status was first seen, in seconds
    killed: Counter[str] = field(default_factory=Counter)
    executions: set[str] = field(default_factory=set)  # that carried the batch
    lost: list[str] = field(default_factory=list)
    wrong_lines: list[str] = field(default_factory=list)
    wrong_bytes: list[str] = field(default_factory=list)
    bought_twice: list[str] = field(default_factory=list)
    wrong_sums: list[str] = field(default_factory=list)

    @property
    def broken(self) -> dict[str, list[str]]:
        """The promises that did not hold."""
        lists = {
            "rows without one line, or with two": self.lost,
            "lines that say what is not so": self.wrong_lines,
            "images that are not what the vendor served": self.wrong_bytes,
            "prompts that were bought twice": self.bought_twice,
            "sums that disagree": self.wrong_sums,
        }
        return {name: found for name, found in lists.items() if found}


@dataclass
class Disturbance:
    """Kills function processes, and stops the batch's execution once; ends when most rows have ended."""

    stack: LocalStack
    batch_id: str
    killed: Counter[str] = field(default_factory=Counter)
    executions: set[str] = field(default_factory=set)
    stopped: bool = False
    calm: threading.Event = field(default_factory=threading.Event)

    def kill_at_random(self) -> None:
        """SIGKILL one process every second, as a machine failure at AWS would."""
        chance = random.Random(11)
        while not self.calm.wait(KILL_EVERY_SECONDS):
            running = {pid: function_of(pid) for pid in function_processes(self.stack)}
            victims = [pid for pid, name in running.items() if name and SPARED not in name]
            if not victims:
                continue
            victim = chance.choice(victims)
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.killed[plain_name(running[victim])] += 1

    def look(self, batch: dict[str, Any]) -> None:
        """Do what is to be done at this point of the batch."""
        rows = batch["rows"]
        share = (rows["succeeded"] + rows["failed"] + rows["refused"]) / max(1, rows["total"])
        # Now and not at the end: the emulator forgets executions that ended long ago.
        self.executions |= executions(self.stack, self.batch_id)
        if share >= STOP_AT_SHARE and not self.stopped:
            self.stopped = True
            machine = self.stack.outputs["BatchStateMachineArn"].replace(":stateMachine:", ":execution:")
            steps = self.stack.aws.client("stepfunctions")
            steps.stop_execution(executionArn=f"{machine}:{self.batch_id}", cause="stopped by a test")
        if share >= CALM_AT_SHARE:
            self.calm.set()


def function_of(pid: int) -> str:
    """The name of the function that a process runs; empty where it has ended."""
    environment = "-E" if sys.platform == "darwin" else "e"
    command = ["ps", environment, "-ww", "-o", "command=", "-p", str(pid)]
    words = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.split()
    names = [word.partition("=")[2] for word in words if word.startswith("AWS_LAMBDA_FUNCTION_NAME=")]
    return names[0] if names else ""


def plain_name(function: str) -> str:
    """The template's name in a function's name."""
    return next((part for part in function.split("-") if part.endswith("Function")), function)


def run(stack: LocalStack, rows: int, *, disturbed: bool = True) -> tuple[Findings, BatchFile, str]:
    """Drop a file, wait for its batch's end, compare; the findings, the file and the batch's id."""
    file, key = batch_file(rows, f"run {uuid.uuid4().hex[:8]}"), f"requests/{rows}.jsonl"
    inbox = Inbox(stack)
    etag = inbox.drop(key, file.data)
    batch_id = batch_id_of(TENANT, inbox.bucket, key, etag)
    disturbance = Disturbance(stack, batch_id)
    killer = threading.Thread(target=disturbance.kill_at_random)
    findings = Findings(killed=disturbance.killed, executions=disturbance.executions)
    if disturbed:
        killer.start()
    try:
        findings.batch = followed(stack, batch_id, findings.phases, disturbance if disturbed else None)
    finally:
        disturbance.calm.set()
        if disturbed:
            killer.join()
    compare(stack, file, findings)
    return findings, file, batch_id


def executions(stack: LocalStack, batch_id: str) -> set[str]:
    """The executions that carried the batch, of those that are known still."""
    machine = {"stateMachineArn": stack.outputs["BatchStateMachineArn"]}
    pages = stack.aws.client("stepfunctions").get_paginator("list_executions").paginate(**machine)
    names = {one["name"] for page in pages for one in page["executions"]}
    return {name for name in names if name.startswith(batch_id)}


def followed(
    stack: LocalStack, batch_id: str, phases: dict[str, float], disturbance: Disturbance | None = None
) -> dict[str, Any]:
    """The batch at its end, as the API tells it."""
    caller, started = EaselCaller(stack.url, stack.api_key), time.monotonic()
    while True:
        answer = caller.call("GET", f"/v1/batches/{batch_id}")
        if answer.status == 200:  # not yet made, or the function that answers was just killed
            batch: dict[str, Any] = answer.body
            phases.setdefault(batch["status"], time.monotonic() - started)
            if batch["ended_at"]:
                return batch
            if disturbance:
                disturbance.look(batch)
        assert time.monotonic() < started + PATIENCE_SECONDS, answer.body
        time.sleep(LOOK_SECONDS)


def compare(stack: LocalStack, file: BatchFile, findings: Findings) -> None:
    """The batch's files against the rows that were asked for and the vendors' books."""
    account, batch_id = AccountCaller(stack), findings.batch["id"]
    tasks = sandbox_tasks(stack.sandbox_url)
    results, errors = (lines(account, batch_id, name) for name in ("results.jsonl", "errors.jsonl"))
    told = Counter(line["row"] for line in (*results, *errors))
    findings.lost += [f"row {row}" for row in range(1, file.rows + 1) if told.pop(row, 0) != 1]
    findings.lost += [f"row {row} is none" for row in told]
    won = {line["row"] for line in results}
    expected = {row: named for row, named in file.wrong.items() if row not in file.twins}
    # Of two rows with one custom id it may be either.
    expected |= {row: "custom_id" for row, twin in file.twins.items() if row not in won and twin in won}
    named = {line["row"]: line["error"]["field"] for line in errors}
    rows = expected.keys() | named.keys()
    findings.wrong_lines += [
        f"row {row}: {named.get(row)} for {expected.get(row)}"
        for row in sorted(rows)
        if named.get(row) != expected.get(row)
    ]
    compare_results(account, file, results, tasks, findings)
    compare_sums(account, results, errors, tasks, findings)


def lines(account: AccountCaller, batch_id: str, name: str) -> list[dict[str, Any]]:
    """A file's lines as pandas reads them: cut at LF, each an object with the same keys."""
    text = account.batch_file(batch_id, name).decode()
    read: list[dict[str, Any]] = [json.loads(line) for line in text.split("\n") if line]
    assert len({tuple(line) for line in read}) <= 1, f"{name}: lines with different keys"
    return read


def compare_results(
    account: AccountCaller,
    file: BatchFile,
    results: Sequence[dict[str, Any]],
    tasks: Sequence[dict[str, Any]],
    findings: Findings,
) -> None:
    """Each image is the one that was served for its row's prompt, and was bought once."""
    by_prompt: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        by_prompt.setdefault(task["prompt"], []).append(task)
    for line in results:
        generation, row = line["response"]["body"], line["row"]
        prompt = generation["request"]["prompt"]
        if prompt != file.prompts.get(row) and row not in file.twins:
            findings.wrong_lines.append(f"row {row} has another row's prompt")
        served = [sha for task in by_prompt[prompt] for sha in task["served"].values()]
        kept = [sha256(account.kept(image["s3_uri"])) for image in generation["images"]]
        if kept != served or kept != [image["sha256"] for image in generation["images"]]:
            findings.wrong_bytes.append(f"row {row}")
    prompts = {line["response"]["body"]["request"]["prompt"] for line in results}
    findings.bought_twice += [prompt for prompt in prompts if len(by_prompt[prompt]) > 1]
    unasked = [prompt for prompt in by_prompt if prompt.startswith("wrong ") and prompt not in prompts]
    findings.bought_twice += [f"{prompt!r} was not to be bought" for prompt in unasked]


def compare_sums(
    account: AccountCaller,
    results: Sequence[dict[str, Any]],
    errors: Sequence[dict[str, Any]],
    tasks: Sequence[dict[str, Any]],
    findings: Findings,
) -> None:
    """The API's answer, `manifest.json`, the gallery and the vendors' bill say the same."""
    batch = findings.batch
    manifest = json.loads(account.batch_file(batch["id"], "manifest.json"))
    prompts = {line["response"]["body"]["request"]["prompt"] for line in results}
    billed = sum(
        (Decimal(task["billed"]["amount"]) for task in tasks if task["prompt"] in prompts), Decimal(0)
    )
    page = account.batch_file(batch["id"], "gallery.html").decode()
    data = page.partition('id="pictures">')[2].partition("</script>")[0]
    pictures = [json.loads(line) for line in data.splitlines() if line]
    shown = {f"batches/{batch['id']}/{picture['image']}" for picture in pictures}
    images = {
        image["s3_uri"].split("/", 3)[3] for line in results for image in line["response"]["body"]["images"]
    }
    sums = {
        "the manifest and the API's answer": manifest == {**batch, "files": {}, "tenant": manifest["tenant"]},
        "rows": batch["rows"]["total"] == len(results) + len(errors),
        "succeeded": batch["rows"]["succeeded"] == len(results) == batch["images"],
        "refused and failed": batch["rows"]["refused"] + batch["rows"]["failed"] == len(errors),
        "nothing left over": batch["rows"]["queued"] == batch["rows"]["running"] == 0,
        "cost": sum(Decimal(money["amount"]) for money in batch["cost"]) == billed,
        "the gallery": shown == images and len(pictures) == len(images),
    }
    findings.wrong_sums += [name for name, right in sums.items() if not right]


def table(findings: Findings) -> str:
    """The figures as text."""
    batch = findings.batch
    rows = [f"{batch['rows']}"]
    rows += [f"  {seen:6.1f} s  {status}" for status, seen in findings.phases.items()]
    rows += [f"cost {batch['cost']}, {batch['rows_at_a_time']} at a time"]
    rows += [f"killed {dict(findings.killed)}; {len(findings.executions)} executions carried it"]
    rows += [f"! {name}: {found[:10]}" for name, found in findings.broken.items()]
    return "\n".join(rows)


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="A batch of many rows on the local stack.")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--calm", action="store_true", help="kill and stop nothing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalStack(stack_settings(Path(folder))) as stack:
        started = time.monotonic()
        findings, *_ = run(stack, given.rows, disturbed=not given.calm)
        print(table(findings))
        print(f"all in all {time.monotonic() - started:.0f} s, with the comparison")
    return 1 if findings.broken else 0


if __name__ == "__main__":
    sys.exit(main())
