"""A place of its own for each test: no profile, cache, variable or data folder of whoever runs them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.http_server import serving
from tests.unit.client.deployment import Deployment
from tests.unit.doors.office import office as office

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The current folder; pauses between tries are short."""
    for name in tuple(os.environ):
        if name.startswith(("EASEL_", "AWS_")) or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("easel_client.transport.FIRST_PAUSE_SECONDS", 0.01)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """A deployment whose answers the test decides; the environment has its address and a key."""
    made = Deployment()
    with serving(made.respond) as server:
        made.url = server.url
        monkeypatch.setenv("EASEL_URL", server.url)
        monkeypatch.setenv("EASEL_API_KEY", made.key)
        yield made
