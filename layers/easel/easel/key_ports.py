"""What administering keys and tenants needs from the outside world, beside `ports.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from easel.domain.tenancy import ApiKey, BookedKey
from easel.domain.tenants import Tenant


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Some keys, and where the next ones begin; None after the last."""

    keys: Sequence[BookedKey]
    cursor: str | None


class KeysById(Protocol):
    """What holds now for a key that asked earlier."""

    def now(self, key: ApiKey) -> ApiKey | None:
        """The key as it is; None where it was revoked. Half a minute old at most."""


class KeyBook(Protocol):
    """The keys and what is set for tenants. A key has two secrets at most, its newest and its former one.

    Every change is all or nothing, of what was there when it was made: what meets another change raises
    ConflictError. A key that there is none of raises NotFoundError.
    """

    def create(self, tenant: str, **known: Any) -> tuple[str, ApiKey]:
        """A new key: its secret, which nobody can tell again, and what is known of it. `known` are fields of
        ApiKey."""

    def page(self, tenant: str | None = None, cursor: str | None = None) -> KeyPage:
        """A tenant's keys, or all, by tenant and by age, oldest first; what was made a moment ago may be
        missing."""

    def change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> BookedKey:
        """Make a key what `change` makes of it, for both of its secrets. Each keeps its own prefix and date;
        another end is the newest secret's."""

    def rotate(self, key_id: str, overlap: timedelta) -> tuple[str, BookedKey]:
        """A new secret of the key. The newest one before becomes the former one and works for so long, or to
        its own end if that is sooner.

        ConflictError where there is a former secret already that still works: it was promised that time.
        Without an overlap all secrets end at once.
        """

    def revoke(self, key_id: str) -> BookedKey:
        """End all of a key's secrets: what it was."""

    def tenant(self, name: str) -> Tenant:
        """What is set for a tenant, consistent with every write before it."""

    def change_tenant(self, name: str, change: Callable[[Tenant], Tenant]) -> Tenant:
        """Make a tenant what `change` makes of it."""
