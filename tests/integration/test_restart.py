"""The stack is stopped with generations in flight: Reconcile brings each to its end after the next start.

The vendors outlive the stack here, as they do in life: one sandbox server of the test's own.
"""

import time
from pathlib import Path

import pytest

from easel.catalogue import CATALOGUE
from local.sandbox.server import SandboxServer
from local.sandbox.settings import Settings as SandboxSettings
from local.settings import SANDBOX_KEY, Settings, VendorAccess
from local.stack import LocalStack
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.integration.soak import compare

pytestmark = pytest.mark.stack

COUNT = 30
TASK_SECONDS = (12.0, 14.0)
SUBMITTED_SECONDS = 8.0  # by when most are at their vendors, and none is finished
PATIENCE_SECONDS = 240.0  # Reconcile looks once a minute, at what has been quiet for a minute
ROUTES = ("mulerouter/qwen-image-max", "pixeldojo/qwen-image-max", "dashscope-intl/qwen-image-max")


def settings(data: Path, sandbox_url: str) -> Settings:
    """A stack whose vendors live elsewhere."""
    vendors = {
        name: VendorAccess(SANDBOX_KEY, base_url=f"{sandbox_url}/{name}", sandboxed=False)
        for name in CATALOGUE.endpoints
    }
    return Settings(port=0, aws_port=0, data=data, api_key=None, vendors=vendors)


def test_what_was_in_flight_when_the_stack_stopped_ends_rightly_after_the_next_start(tmp_path: Path) -> None:
    with SandboxServer(port=0, settings=SandboxSettings(latency=TASK_SECONDS)) as sandbox:
        with LocalStack(settings(tmp_path, sandbox.url)) as stack:
            caller = EaselCaller(stack.url, stack.api_key)
            ids = [
                caller.create(
                    {"model": "qwen-image-max", "prompt": f"restart {n}", "route": ROUTES[n % len(ROUTES)]}
                )["id"]
                for n in range(COUNT)
            ]
            time.sleep(SUBMITTED_SECONDS)
            limit = time.monotonic() + PATIENCE_SECONDS
            while any(
                caller.call("GET", f"/v1/generations/{one}").body["status"] in ("queued", "submitting")
                for n, one in enumerate(ids)
                if n % len(ROUTES) != 2  # that one's vendor is waited for within the ask
            ):
                assert time.monotonic() < limit, "not submitted"
                time.sleep(0.2)
        with LocalStack(settings(tmp_path, sandbox.url)) as stack:
            caller = EaselCaller(stack.url, stack.api_key)
            limit = time.monotonic() + PATIENCE_SECONDS
            while True:
                generations = [caller.call("GET", f"/v1/generations/{one}").body for one in ids]
                if all(one["ended_at"] for one in generations) or time.monotonic() > limit:
                    break
                time.sleep(2)
        findings = compare(generations, sandbox_tasks(sandbox.url))
    assert not findings.broken, findings
    # A synchronous ask that was cut off in the middle is the one thing that nobody can know.
    for one in generations:
        lost = one["error"] is not None and one["error"]["code"] == "submission_unknown"
        assert one["status"] == "succeeded" or (lost and one["route"] == ROUTES[2]), one
    assert findings.ends["succeeded"] >= COUNT / 2
