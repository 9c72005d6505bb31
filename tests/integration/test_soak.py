"""A small soak: the promises hold while the vendors misbehave in every way that the sandbox knows."""

import time

import pytest

from local.stack import LocalStack
from tests.integration.conftest import stack_settings
from tests.integration.soak import run, table

pytestmark = pytest.mark.stack

COUNT, CONCURRENCY = 66, 22
DEADLINE_SECONDS = 90  # a stuck task takes all of it


def test_no_promise_breaks_while_vendors_misbehave(tmp_path_factory: pytest.TempPathFactory) -> None:
    started = time.monotonic()
    with LocalStack(stack_settings(tmp_path_factory.mktemp("soak"))) as stack:
        findings = run(stack, COUNT, CONCURRENCY, share=0.3, seed=7, deadline_seconds=DEADLINE_SECONDS)
    assert not findings.broken, table(findings, COUNT, time.monotonic() - started)
    assert sum(findings.ends.values()) == COUNT
    assert findings.ends["succeeded"] > COUNT / 2, "most of them meet no fault"
