"""API keys in DynamoDB, as hashes, and who they belong to."""

import hashlib
import time
from datetime import UTC, datetime
from typing import Any

CACHE_SECONDS = 30.0  # how long a revoked key may still work
CACHE_KEYS_MAX = 1000
VISIBLE_CHARACTERS = 10


def key_row(key: str) -> dict[str, Any]:
    """The primary key of an API key's item. A key is 256 random bits: a plain hash of it needs no salt."""
    return {"pk": {"S": "key#" + hashlib.sha256(key.encode()).hexdigest()}, "sk": {"S": "key"}}


def put_api_key(client: Any, table_name: str, key: str, tenant: str) -> None:
    """Record an API key of a tenant; recording it again changes nothing that matters."""
    item = key_row(key) | {
        "tenant": {"S": tenant},
        "prefix": {"S": key[:VISIBLE_CHARACTERS]},
        "created_at": {"S": datetime.now(UTC).isoformat()},
    }
    client.put_item(TableName=table_name, Item=item)


class DynamoApiKeys:
    """The port `ApiKeys`: one key read, then from memory for a short while."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table
        self._cache: dict[str, tuple[float, str]] = {}

    def tenant_of(self, key: str) -> str | None:
        """The tenant of a key; unknown keys are not remembered, so that a new key works at once."""
        row = key_row(key)
        digest = row["pk"]["S"]
        known = self._cache.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        item = self._client.get_item(TableName=self._table, Key=row).get("Item")
        if item is None:
            self._cache.pop(digest, None)
            return None
        tenant = str(item["tenant"]["S"])
        if len(self._cache) >= CACHE_KEYS_MAX:
            self._cache.clear()
        self._cache[digest] = (time.monotonic() + CACHE_SECONDS, tenant)
        return tenant
