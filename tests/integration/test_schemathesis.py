"""The real API fuzzed by schemathesis with every check that there is; more of it runs in memory
(`tests/unit/doors/test_api_fuzz.py`), and at length in `make soak`."""

from pathlib import Path

import pytest

from easel.openapi.calls import CALLS
from local.stack import LocalStack
from tests.integration.api_fuzz import fuzz, fuzzing_key

pytestmark = pytest.mark.stack

EXAMPLES = 6


def test_schemathesis_finds_nothing(stack: LocalStack, tmp_path: Path) -> None:
    found = fuzz(stack.url, fuzzing_key(stack), tmp_path, examples=EXAMPLES, few_generations=True)
    assert found.clean, found.told
    calls = len(CALLS) - 1  # but the description's own
    assert f"{calls} selected / {calls} total" in found.told
