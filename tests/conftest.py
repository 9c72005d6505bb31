"""Which tests run beside which, where they run two at a time."""

import pytest

# Those that start a stack of their own, the longest first; all others of the stack share one.
OWN_STACKS = ("test_restart", "test_batches", "test_soak", "test_kills", "test_burst")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first, and tests that share a stack in one process."""

    def place(item: pytest.Item) -> int:
        module = item.path.stem
        if module in OWN_STACKS:
            return OWN_STACKS.index(module)
        return len(OWN_STACKS) + ("integration" not in item.path.parts)

    items.sort(key=place)
    for item in items:
        if "integration" in item.path.parts:
            own = item.path.stem in OWN_STACKS
            item.add_marker(pytest.mark.xdist_group(item.path.stem if own else "the stack"))
