"""Which tests run beside which, where they run three at a time."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Those that start a stack of their own or need none, the longest first; all others share one, and are longer.
OWN_STACKS = (
    "test_restart", "test_batches", "test_readme", "test_soak", "test_kills", "test_burst", "test_cold_start",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first."""

    def place(item: pytest.Item) -> int:
        module = item.path.stem
        if module in OWN_STACKS:
            return 1 + OWN_STACKS.index(module)
        return 0 if {"browser", "integration"} & set(item.path.parts) else 1 + len(OWN_STACKS)

    items.sort(key=place)


class OneStackEach(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests stay in one process, and so do all those that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = nodeid.partition("::")[0]
        module = file.rpartition("/")[2].removesuffix(".py")
        if "browser/" in file:
            return "the browser's stack"
        return "the stack" if "integration/" in file and module not in OWN_STACKS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStackEach:
    """How the tests are shared out."""
    return OneStackEach(config, log)
