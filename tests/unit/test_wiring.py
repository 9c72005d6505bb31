"""What each function needs is in its own environment: its parts can be made with that, and nothing else."""

import importlib
import os
from collections.abc import Iterator
from functools import _lru_cache_wrapper

import pytest

from easel import runtime
from easel.aws import clients
from easel.errors import SettingsError
from tests.template import RESOURCES, TEMPLATE

FUNCTIONS = sorted(name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function")
# Settings that are more than names.
VALUES = {
    "EASEL_VENDOR_BASE_URLS": "{}", "EASEL_VENDOR_LIMITS": "catalogue", "EASEL_ROUTING_POLICY": "balanced",
    "EASEL_RECORD_RETENTION_DAYS": "90", "EASEL_BATCH_CONCURRENCY": "50", "POWERTOOLS_LOG_LEVEL": "INFO",
}  # fmt: skip


def forget() -> None:
    """What was made before, with other settings."""
    for module in (runtime, clients):
        for made in vars(module).values():
            if isinstance(made, _lru_cache_wrapper):
                made.cache_clear()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment without a setting of ours."""
    for name in os.environ:
        if name.startswith(("EASEL_", "POWERTOOLS_", "AWS_")):
            monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    forget()
    yield
    forget()


def environment(function: str) -> set[str]:
    """The names of a function's environment variables."""
    own = RESOURCES[function]["Properties"].get("Environment", {"Variables": {}})
    return {*TEMPLATE["Globals"]["Function"]["Environment"]["Variables"], *own["Variables"]}


def make(function: str) -> object:
    """What the function's handler makes when it starts."""
    module = importlib.import_module(f"functions.{function.removesuffix('Function').lower()}.handler")
    (provided,) = (one for one in vars(module).values() if isinstance(one, runtime.Provided))
    return provided.make()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_own_environment_is_all_that_it_needs(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment(function):
        monkeypatch.setenv(name, VALUES.get(name, "some-name"))
    assert make(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_setting_that_is_missing_is_named(function: str) -> None:
    with pytest.raises(SettingsError, match="EASEL_"):
        make(function)
