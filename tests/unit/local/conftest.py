"""What is deployed to, and bought from: AWS as moto plays it, and the sandbox vendors."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from local.sandbox.server import SandboxServer
from tests.unit.local.sandbox_caller import QUICK


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with nothing in it, to which the shell's settings lead."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    """Sandbox vendors, started once for each file: that is slow."""
    with SandboxServer(settings=QUICK) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> SandboxServer:
    """They have sold nothing yet."""
    running.engine.reset()
    return running
