"""What was set for tenants, in DynamoDB.

pk "tenant#NAME" sk "tenant"  what was set for a tenant; version
"""

import time
from typing import Any

from easel.aws.items import plain_values
from easel.domain.tenants import Tenant

CACHE_SECONDS = 30.0  # how long a changed limit is not seen
CACHED_MAX = 1000


def tenant_row(tenant: str) -> dict[str, Any]:
    """The primary key of what was set for a tenant."""
    return {"pk": {"S": f"tenant#{tenant}"}, "sk": {"S": "tenant"}}


class DynamoTenants:
    """The port `Tenants`: one key read, then from memory for a short while."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table
        self._cache: dict[str, tuple[float, Tenant]] = {}

    def get(self, tenant: str) -> Tenant:
        """What was set."""
        known = self._cache.get(tenant)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        item = self._client.get_item(TableName=self._table, Key=tenant_row(tenant)).get("Item")
        found = Tenant.model_validate(plain_values(item)) if item else Tenant(id=tenant)
        if len(self._cache) >= CACHED_MAX:
            self._cache.clear()
        self._cache[tenant] = (time.monotonic() + CACHE_SECONDS, found)
        return found
