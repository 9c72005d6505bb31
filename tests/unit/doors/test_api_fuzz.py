"""The whole API, in memory behind real HTTP, fuzzed by schemathesis with every check that there is.

The same against the local stack: `tests/integration/test_schemathesis.py`, and longer in `make soak`.
"""

from pathlib import Path

from easel.domain.tenancy import ALL_SCOPES
from easel.openapi.calls import CALLS
from tests.fakes.door_server import served
from tests.integration.api_fuzz import fuzz
from tests.unit.doors.calls import KEY, Api

EXAMPLES = 25


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    api = Api()
    api.keys.known = {"scopes": ALL_SCOPES}
    with served(api.app) as url:
        found = fuzz(url, KEY, tmp_path, examples=EXAMPLES)
    assert found.clean, found.told
    calls = len(CALLS) - 1  # but the description's own
    assert f"{calls} selected / {calls} total" in found.told
    assert len(api.scene.store.records) > 400, "and made generations in many ways"
    assert len(api.scene.key_book.secrets) > 20, "and keys"
    assert '"level":"ERROR"' not in api.log.getvalue()
