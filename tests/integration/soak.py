"""The soak: many generations over all routes while the vendors misbehave, held against the vendors' books.

`make soak` runs 500 at concurrency 50 with 20 % faults of every kind and prints a table; the exit status is
0 only if every promise held. A smaller one is a test.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import urllib3

from easel.catalogue import CATALOGUE
from local.stack import LocalStack
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.integration.test_every_route import request_of

DEADLINE_SECONDS = 180
LOOK_SECONDS = 1.0
GRACE_SECONDS = 120  # for Reconcile, which looks once a minute
# Every fault that is over within the deadline; `stuck` and slow ones run into it on purpose.
SLOW = {"slow-submit": 3, "slow-task": 5, "slow-link": 3}


@dataclass
class Findings:
    """What went on, and what must not have: each list names generations."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    not_terminal: list[str] = field(default_factory=list)
    paid_twice: list[str] = field(default_factory=list)
    wrong_bytes: list[str] = field(default_factory=list)
    wrong_receipts: list[str] = field(default_factory=list)

    @property
    def broken(self) -> dict[str, list[str]]:
        """The promises that did not hold."""
        lists = {
            "not terminal by their deadline": self.not_terminal,
            "billed twice": self.paid_twice,
            "succeeded with other bytes than were served": self.wrong_bytes,
            "receipts that disagree with the vendors": self.wrong_receipts,
        }
        return {name: found for name, found in lists.items() if found}


def order_faults(sandbox_url: str, share: float, seed: int) -> None:
    """A share of all submits meets one of the faults that the sandbox has."""
    table = urllib3.request("GET", f"{sandbox_url}/_sandbox/faults", timeout=10.0).json()
    names = list(table["faults"])
    faults = [f"{name}={SLOW[name]}" if name in SLOW else name for name in names]
    plan = {"share": share, "faults": faults, "seed": seed}
    answer = urllib3.request("POST", f"{sandbox_url}/_sandbox/faults", json=plan, timeout=10.0)
    assert answer.status == 200, answer.data


def run(
    stack: LocalStack,
    count: int,
    concurrency: int,
    share: float = 0.2,
    seed: int = 1,
    deadline_seconds: int = DEADLINE_SECONDS,
) -> Findings:
    """Make the generations, wait for their ends, and compare."""
    order_faults(stack.sandbox_url, share, seed)
    caller = EaselCaller(stack.url, stack.api_key)
    routes = list(CATALOGUE.routes)

    def one(number: int) -> dict[str, Any]:
        body = request_of(routes[number % len(routes)])
        body |= {"prompt": f"soak {seed}-{number}", "deadline_seconds": deadline_seconds}
        return ended(caller, caller.create(body))

    with ThreadPoolExecutor(concurrency) as threads:
        generations = list(threads.map(one, range(count)))
    return compare(generations, sandbox_tasks(stack.sandbox_url))


def ended(caller: EaselCaller, generation: dict[str, Any]) -> dict[str, Any]:
    """The generation at its end, or as it is when its time is long over."""
    limit = time.monotonic() + DEADLINE_SECONDS + GRACE_SECONDS
    while generation["ended_at"] is None and time.monotonic() < limit:
        # Short waits: each holds one of the pool's few environments of the API function.
        time.sleep(LOOK_SECONDS)
        answer = caller.call("GET", f"/v1/generations/{generation['id']}?wait=2")
        if answer.status == 200:
            generation = answer.body
    return generation


def compare(generations: Sequence[dict[str, Any]], tasks: Sequence[dict[str, Any]]) -> Findings:
    """Easel's records against the vendors' books."""
    findings = Findings()
    by_prompt: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        by_prompt.setdefault(task["prompt"], []).append(task)
        findings.faults.update(text.split("=")[0] for text in task["faults"])
    for generation in generations:
        own = by_prompt.get(generation["request"]["prompt"], [])
        error = generation["error"]
        findings.ends[f"{generation['status']}{': ' + error['code'] if error else ''}"] += 1
        name = f"{generation['id']} ({generation['route']}, {[task['faults'] for task in own]})"
        if generation["ended_at"] is None:
            findings.not_terminal.append(name)
        if sum(task["billed"]["images"] > 0 for task in own) > 1:
            findings.paid_twice.append(name)
        served = {sha256 for task in own for sha256 in task["served"].values()}
        if not {image["sha256"] for image in generation["images"]} <= served:
            findings.wrong_bytes.append(name)
        if not receipt_agrees(generation["receipt"], own):
            findings.wrong_receipts.append(f"{name}: {json.dumps(generation['receipt'])[:400]}")
    return findings


def receipt_agrees(receipt: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> bool:
    """Certain and possible bills bracket what the vendor billed, in images' worth of the route's price."""
    billed = sum((Decimal(task["billed"]["amount"]) for task in tasks), Decimal(0))
    certain = possible = Decimal(0)
    for attempt in receipt["attempts"]:
        refunded = Decimal(attempt["refunded"]["amount"]) if attempt["refunded"] else Decimal(0)
        certain += (Decimal(attempt["billed"]["amount"]) if attempt["billed"] else Decimal(0)) - refunded
        if attempt["possibly_billed"]:
            possible += Decimal(attempt["possibly_billed"]["amount"])
    return certain <= billed <= certain + possible


def table(findings: Findings, count: int, seconds: float) -> str:
    """The figures as text."""
    rows = [f"{count} generations in {seconds:.0f} s"]
    rows += [f"  {number:5d}  {end}" for end, number in findings.ends.most_common()]
    rows += [f"faults met by jobs that were taken: {sum(findings.faults.values())}"]
    promises = (
        ("not terminal by their deadline", findings.not_terminal),
        ("billed twice", findings.paid_twice),
        ("succeeded with other bytes than were served", findings.wrong_bytes),
        ("receipts that disagree with the vendors", findings.wrong_receipts),
    )
    rows += [f"  {len(found):5d}  {name}" for name, found in promises]
    return "\n".join([*rows, *(f"! {one}" for _, found in promises for one in found)])


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="The soak on the local stack.")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, LocalStack(stack_settings(Path(folder))) as stack:
        findings = run(stack, given.count, given.concurrency, given.share, given.seed)
    print(table(findings, given.count, time.monotonic() - started))
    return 1 if findings.broken else 0


if __name__ == "__main__":
    sys.exit(main())
