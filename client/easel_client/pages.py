"""Lists that come in pages."""

from collections.abc import Iterator, Mapping
from typing import Any

from easel_client.answers import needed
from easel_client.transport import Call, Transport


def pages(transport: Transport, path: str, query: Mapping[str, Any]) -> Iterator[Any]:
    """Every entry of a list; a page is asked for when its first entry is wanted."""
    cursor = None
    while True:
        raw = needed(transport.ask(Call("GET", path, {**query, "cursor": cursor})).body, "data")
        yield from raw["data"]
        cursor = raw.get("next_cursor")
        if cursor is None or not raw["data"]:
            return
