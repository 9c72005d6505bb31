"""One local stack for all integration tests, with sandbox vendors that answer at once.

Each event and asynchronous invocation comes twice there: no test of any way in may notice.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from easel.catalogue import CATALOGUE
from local.settings import SANDBOX_KEY, Settings, VendorAccess
from local.stack import LocalStack
from tests.integration.account_caller import AccountCaller, Inbox
from tests.integration.easel_caller import EaselCaller
from tests.integration.policy_calls import CallList, policies_of, unforeseen

SANDBOX_LATENCY_SECONDS = "0.2"
WEBHOOK_SCHEDULE = "1,1"  # seconds between attempts


def stack_settings(data: Path) -> Settings:
    """Settings of a stack on free ports, every vendor being its sandbox."""
    sandboxed = VendorAccess(SANDBOX_KEY, base_url=None, sandboxed=True)
    return Settings(
        port=0,
        aws_port=0,
        data=data,
        api_key=None,
        vendors=dict.fromkeys(CATALOGUE.endpoints, sandboxed),
        sandbox_latency=SANDBOX_LATENCY_SECONDS,
        webhook_schedule=WEBHOOK_SCHEDULE,
        keep_calls=True,
        duplicates=True,
    )


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The running stack. Whatever the tests did, no function made a call that its role does not allow."""
    settings = replace(stack_settings(tmp_path_factory.mktemp("stack")), sandbox_route=True)
    with LocalStack(settings) as running:
        policies = policies_of(running)
        yield running
        denied = unforeseen(CallList(running, policies).since())
        assert not denied, "\n".join(f"{one.role}: {one.action} {one.resource}" for one in denied)


@pytest.fixture(scope="session")
def caller(stack: LocalStack) -> EaselCaller:
    """A caller of its API with the default tenant's key."""
    return EaselCaller(stack.url, stack.api_key)


@pytest.fixture(scope="session")
def account(stack: LocalStack) -> AccountCaller:
    """A caller inside its account."""
    return AccountCaller(stack)


@pytest.fixture(scope="session")
def inbox(stack: LocalStack) -> Inbox:
    """Its inbox; it knows what the tests have put there."""
    return Inbox(stack)
