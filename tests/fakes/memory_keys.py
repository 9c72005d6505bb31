"""The book of keys in memory."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from easel.domain.ids import new_key_id
from easel.domain.tenancy import ApiKey, BookedKey, new_secret, visible
from easel.domain.tenants import Tenant
from easel.errors import ConflictError, NotFoundError
from easel.key_ports import KeyPage
from easel.ports import Clock
from tests.fakes.memory import SetTenants


class ChangedKeys:
    """The port `KeysById`: keys are as they were, but for those that were `changed`; None where revoked."""

    def __init__(self) -> None:
        self.changed: dict[str, ApiKey | None] = {}

    def now(self, key: ApiKey) -> ApiKey | None:
        return self.changed.get(key.id, key)


class MemoryKeyBook:
    """The port `KeyBook`, and `ApiKeys` of what is in it. Secrets are by key, oldest first."""

    def __init__(self, clock: Clock, tenants: SetTenants) -> None:
        self.clock = clock
        self.tenants = tenants
        self.lock = threading.RLock()
        self.secrets: dict[str, list[tuple[str, ApiKey]]] = {}
        self.page_keys_max = 1000

    def find(self, secret: str, *, anew: bool = False) -> ApiKey | None:
        known = [pair for pairs in self.secrets.values() for pair in pairs]
        return next((key for one, key in known if one == secret), None)

    def create(self, tenant: str, **known: Any) -> tuple[str, ApiKey]:
        now, secret = self.clock.now(), new_secret()
        key = ApiKey(id=new_key_id(now), tenant=tenant, prefix=visible(secret), created_at=now, **known)
        self.secrets[key.id] = [(secret, key)]
        return secret, key

    def page(self, tenant: str | None = None, cursor: str | None = None) -> KeyPage:
        keys = [self._booked(key_id) for key_id in self.secrets]
        after = tuple(cursor.split("/")) if cursor else ("",)
        wanted = sorted(
            (key for key in keys if tenant in (None, key.key.tenant) and _place(key) > after), key=_place
        )
        page = wanted[: self.page_keys_max]
        return KeyPage(page, "/".join(_place(page[-1])) if len(wanted) > len(page) else None)

    def change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> BookedKey:
        with self.lock:
            *former, (secret, newest) = self._of(key_id)
            changed = change(newest)
            self.secrets[key_id] = [*((one, key.like(changed)) for one, key in former), (secret, changed)]
            return self._booked(key_id)

    def rotate(self, key_id: str, overlap: timedelta) -> tuple[str, BookedKey]:
        with self.lock:
            *older, (before, key) = self._of(key_id)
            now, secret = self.clock.now(), new_secret()
            if overlap and older and older[-1][1].works_at(now):
                raise ConflictError("A former secret still works.")
            if not key.works_at(now):
                raise ConflictError("The key has ended.")
            ends = min(filter(None, (key.expires_at, now + overlap)))
            kept = [(before, key.model_copy(update={"expires_at": ends}))] if overlap else []
            new = key.model_copy(update={"prefix": visible(secret), "created_at": now})
            self.secrets[key_id] = [*kept, (secret, new)]
            return secret, self._booked(key_id)

    def revoke(self, key_id: str) -> BookedKey:
        with self.lock:
            self._of(key_id)
            booked = self._booked(key_id)
            del self.secrets[key_id]
            return booked

    def tenant(self, name: str) -> Tenant:
        return self.tenants.get(name)

    def change_tenant(self, name: str, change: Callable[[Tenant], Tenant]) -> Tenant:
        with self.lock:
            self.tenants.set[name] = change(self.tenant(name))
            return self.tenants.set[name]

    def _of(self, key_id: str) -> list[tuple[str, ApiKey]]:
        assert len(key_id) < 2000, "DynamoDB takes no longer ones"
        if key_id not in self.secrets:
            raise NotFoundError(f"There is no key {key_id!r}.")
        return self.secrets[key_id]

    def _booked(self, key_id: str) -> BookedKey:
        keys = [key for _, key in self.secrets[key_id]]
        return BookedKey(key=keys[-1], former=keys[-2] if len(keys) > 1 else None)


def _place(booked: BookedKey) -> tuple[str, ...]:
    return booked.key.tenant, booked.key.id
