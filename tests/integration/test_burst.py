"""A burst of generations against a vendor that takes only so many a second: each waits its turn."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import urllib3

from local.stack import LocalStack
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.integration.soak import compare

pytestmark = pytest.mark.stack

COUNT, PER_SECOND = 80, 2
ROUTE = "mulerouter/qwen-image-max"
# Of all asks: two neighbours may meet within the vendor's second where a busy machine was late with one.
REFUSED_SHARE_MAX = 0.05


def submits(sandbox_url: str) -> list[dict[str, Any]]:
    """Every ask that reached the vendor, the refused ones too."""
    answer = urllib3.request("GET", f"{sandbox_url}/_sandbox/submits", timeout=10.0, retries=False)
    found: list[dict[str, Any]] = answer.json()["submits"]
    return found


def test_burst_of_generations_waits_in_line_instead_of_storming_the_vendor(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    limits = f'{{"{ROUTE}": {{"per_second": {PER_SECOND}}}}}'
    settings = replace(stack_settings(tmp_path_factory.mktemp("burst")), vendor_limits=limits)
    with LocalStack(settings) as stack:
        url = f"{stack.sandbox_url}/_sandbox/settings"
        urllib3.request("POST", url, json={"submits_per_second": PER_SECOND}, timeout=10.0, retries=False)
        caller = EaselCaller(stack.url, stack.api_key)

        def create(number: int) -> dict[str, Any]:
            body = {"model": "qwen-image-max", "prompt": f"burst {number}", "route": ROUTE}
            return caller.create(body | {"deadline_seconds": 300})

        with ThreadPoolExecutor(16) as threads:
            made = list(threads.map(create, range(COUNT)))
        limit = time.monotonic() + 300
        generations = made
        while time.monotonic() < limit and not all(one["ended_at"] for one in generations):
            time.sleep(2)
            generations = [caller.call("GET", f"/v1/generations/{one['id']}").body for one in made]
        findings = compare(generations, sandbox_tasks(stack.sandbox_url))
        asks = submits(stack.sandbox_url)
    assert not findings.broken, findings
    assert findings.ends == {"succeeded": COUNT}
    refused = Counter(ask["status"] for ask in asks)[429]
    assert refused <= len(asks) * REFUSED_SHARE_MAX, f"{refused} of {len(asks)} asks were refused"
    waited = [
        one for one in generations if "is at its rate limit" in one["receipt"]["attempts"][0]["because"]
    ]
    assert len(waited) > COUNT / 2, "most had to wait, and say so"
