"""An HTTP request that an adapter builds, and the response that it reads."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

EMPTY: Mapping[str, str] = MappingProxyType({})


class HttpRequest(NamedTuple):
    """A request to a vendor. `path` follows the endpoint's base URL; `body` is JSON or nothing.

    The body holds the prompt, so it stays out of the repr.
    """

    method: str
    path: str
    headers: Mapping[str, str] = EMPTY
    body: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method!r}, {self.path!r}, ...)"


class HttpResponse(NamedTuple):
    """A complete answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = EMPTY
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, ...)"

    def json(self) -> Any:
        """The body as JSON, or None where it is not JSON (an HTML error page, nothing at all)."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is anything else."""
        value = self.json()
        return value if isinstance(value, dict) else {}
