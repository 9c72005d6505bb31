"""The book of API keys: made, listed, rotated, changed and revoked by whoever may write the table."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from easel.aws.items import plain_values
from easel.aws.keys import VISIBLE_CHARACTERS, all_keys, put_api_key, put_key, put_tenant, tenant_row
from easel.domain.ids import new_key_id
from easel.domain.tenancy import ApiKey, Tenant
from easel.errors import NotFoundError

SECRET_PREFIX = "ezl_"
SECRET_BYTES = 32


class KeyBook:
    """Keys and tenants in one table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def create(self, tenant: str, **known: Any) -> tuple[str, ApiKey]:
        """A new key: its secret, which nobody can tell again, and what is known of it. `known` are fields of
        ApiKey."""
        now, secret = datetime.now(UTC), new_secret()
        key = ApiKey(id=new_key_id(now), tenant=tenant, prefix=_prefix(secret), created_at=now, **known)
        put_api_key(self._client, self._table, secret, key)
        return secret, key

    def list(self, tenant: str | None = None) -> list[ApiKey]:
        """Every secret's key, by tenant and key, oldest first; a rotated key stands there twice."""
        keys = [key for _, key in all_keys(self._client, self._table, tenant)]
        return sorted(keys, key=lambda key: (key.tenant, key.id, str(key.created_at)))

    def rotate(self, key_id: str, overlap: timedelta) -> tuple[str, ApiKey]:
        """A new secret of the key. The one before works for so long beside it; older ones end at once."""
        found = self._secrets_of(key_id)
        *older, (row, current) = found
        for old, _ in older:
            self._client.delete_item(TableName=self._table, Key=old)
        now, secret = datetime.now(UTC), new_secret()
        ends = min(filter(None, (current.expires_at, now + overlap)))
        put_key(self._client, self._table, row, current.model_copy(update={"expires_at": ends}))
        new = current.model_copy(update={"prefix": _prefix(secret), "created_at": now})
        put_api_key(self._client, self._table, secret, new)
        return secret, new

    def change(self, key_id: str, **known: Any) -> ApiKey:
        """Other limits, scopes, models or routes for all of a key's secrets; another end for the newest."""
        *older, (row, newest) = self._secrets_of(key_id)
        changed = ApiKey.model_validate(newest.model_dump() | known)
        for old, key in older:  # it ends when that was said
            own = {name: getattr(key, name) for name in ("prefix", "created_at", "expires_at")}
            put_key(self._client, self._table, old, changed.model_copy(update=own))
        put_key(self._client, self._table, row, changed)
        return changed

    def revoke(self, key_id: str) -> ApiKey:
        """None of its secrets works any more, as soon as the functions forget it."""
        found = self._secrets_of(key_id)
        for row, _ in found:
            self._client.delete_item(TableName=self._table, Key=row)
        return found[-1][1]

    def tenant(self, name: str) -> Tenant:
        """What is set for a tenant."""
        answer = self._client.get_item(TableName=self._table, Key=tenant_row(name), ConsistentRead=True)
        return Tenant.model_validate(plain_values(answer["Item"])) if "Item" in answer else Tenant(id=name)

    def set_tenant(self, name: str, **known: Any) -> Tenant:
        """Other limits or another webhook for a tenant."""
        changed = Tenant.model_validate(self.tenant(name).model_dump() | known)
        put_tenant(self._client, self._table, changed)
        return changed

    def _secrets_of(self, key_id: str) -> Sequence[tuple[dict[str, Any], ApiKey]]:
        found = [one for one in all_keys(self._client, self._table) if one[1].id == key_id]
        if not found:
            raise NotFoundError(f"There is no key {key_id!r}.")
        return sorted(found, key=lambda one: str(one[1].created_at))


def new_secret() -> str:
    """A secret of 256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def _prefix(secret: str) -> str:
    return secret[:VISIBLE_CHARACTERS]
