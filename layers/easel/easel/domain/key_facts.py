"""What an administrator did: each act is a line of the log with the id of the key that asked; see `facts.py`.

A tenant is named here, and here alone: it is what the act was done to. No secret and no part of one, no key's
name, no link and no limit's value is told.
"""

from collections.abc import Collection

from easel.domain.facts import Fact, Word
from easel.domain.tenancy import ApiKey, BookedKey, Caller


def key_created(asking: Caller, key: ApiKey, named: Collection[str]) -> Fact:
    """A key was made."""
    return Fact("key created", _of(asking, key) | _changed(named) | _scopes(key))


def key_changed(asking: Caller, booked: BookedKey, named: Collection[str]) -> Fact:
    """What a key may do was changed, in what was named."""
    return Fact("key changed", _of(asking, booked.key) | _changed(named) | _scopes(booked.key))


def key_rotated(asking: Caller, booked: BookedKey, overlap_hours: float) -> Fact:
    """A key has a new secret; the former one works on for so long."""
    return Fact("key rotated", _of(asking, booked.key) | {"overlap_hours": overlap_hours})


def key_revoked(asking: Caller, booked: BookedKey) -> Fact:
    """A key was ended."""
    return Fact("key revoked", _of(asking, booked.key))


def tenant_changed(asking: Caller, tenant: str, named: Collection[str]) -> Fact:
    """What holds for a tenant was changed, in what was named."""
    return Fact("tenant changed", _by(asking) | {"tenant": tenant} | _changed(named))


def _by(asking: Caller) -> dict[str, Word]:
    return {"by_key_id": asking.key.id if asking.key else None}


def _of(asking: Caller, key: ApiKey) -> dict[str, Word]:
    return _by(asking) | {"key_id": key.id, "tenant": key.tenant}


def _changed(named: Collection[str]) -> dict[str, Word]:
    return {"changed": " ".join(sorted(named))}


def _scopes(key: ApiKey) -> dict[str, Word]:
    return {"scopes": " ".join(sorted(key.scopes))}
