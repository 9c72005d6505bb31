"""Key desk: keys made, changed, rotated and revoked, and what is set for tenants, by an administrator."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from easel.catalogue import Catalogue
from easel.domain.addresses import closed_webhook
from easel.domain.facts import Tell
from easel.domain.ids import is_key_id
from easel.domain.key_facts import key_changed, key_created, key_revoked, key_rotated, tenant_changed
from easel.domain.key_orders import KeyOrder, KeyTerms, Rotation, TenantTerms
from easel.domain.tenancy import TENANT, ApiKey, BookedKey, Caller, Scope, checked_tenant
from easel.domain.tenants import NO_LIMITS, Tenant
from easel.errors import ConflictError, FieldProblem, InvalidRequestError, NotFoundError
from easel.key_ports import KeyBook, KeyPage
from easel.ports import Clock

OWN_OVERLAP_MIN = timedelta(hours=1)  # in which to take the new secret into use


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """Serves administrators, of which none can end the secret that it asks with, or soon. Webhooks to
    this machine are taken on the local stack only, where `loopback_webhooks` is set. What was done is told,
    and who did it.

    Changes raise ConflictError where they would, or where somebody else changed the same at that moment.
    """

    book: KeyBook
    catalogue: Catalogue
    clock: Clock
    tell: Tell
    loopback_webhooks: bool = False

    def create(self, asking: Caller, order: KeyOrder) -> tuple[str, BookedKey]:
        """A new key and its secret. Raises InvalidRequestError."""
        known = self._known(order) | {"limits": order.limits.over(NO_LIMITS)}
        secret, key = self.book.create(order.tenant, **known)
        self.tell(key_created(asking, key, order.named.keys() - {"tenant"}))
        return secret, BookedKey(key=key)

    def page(self, tenant: str | None, cursor: str | None) -> KeyPage:
        """A tenant's keys, or all. Raises InvalidRequestError."""
        if tenant is not None:
            checked_tenant(tenant)
        if cursor is not None and not _is_cursor(cursor):
            raise InvalidRequestError("There is no such page.", [FieldProblem("cursor", "is no next_cursor")])
        page = self.book.page(tenant, cursor)
        return KeyPage([self._now(key) for key in page.keys], page.cursor)

    def change(self, asking: Caller, key_id: str, terms: KeyTerms) -> BookedKey:
        """The key as it is then. Raises NotFoundError, InvalidRequestError or ConflictError."""
        known = self._known(terms)
        if _is_own(asking, key_id) and Scope.ADMIN not in known.get("scopes", {Scope.ADMIN}):
            raise ConflictError("A key cannot take the scope 'admin' from itself; ask with another one.")
        if _is_own(asking, key_id) and known.get("expires_at") is not None:
            raise ConflictError("A key cannot set an end to itself; ask with another one.")

        def changed(key: ApiKey) -> ApiKey:
            return key.model_copy(update=known | {"limits": terms.limits.over(key.limits)})

        key = self.book.change(_checked_id(key_id), changed)
        self.tell(key_changed(asking, key, terms.named))
        return self._now(key)

    def rotate(self, asking: Caller, key_id: str, rotation: Rotation) -> tuple[str, BookedKey]:
        """The key and its new secret. Raises NotFoundError or ConflictError."""
        overlap = timedelta(hours=rotation.overlap_hours)
        if _is_own(asking, key_id) and overlap < OWN_OVERLAP_MIN:
            raise ConflictError(
                "A key cannot end its own secret within the hour; ask with another one, or with an overlap."
            )
        secret, key = self.book.rotate(_checked_id(key_id), overlap)
        self.tell(key_rotated(asking, key, rotation.overlap_hours))
        return secret, self._now(key)

    def revoke(self, asking: Caller, key_id: str) -> BookedKey:
        """The key as it was. Raises NotFoundError or ConflictError."""
        if _is_own(asking, key_id):
            raise ConflictError("A key cannot revoke itself; ask with another one.")
        key = self.book.revoke(_checked_id(key_id))
        self.tell(key_revoked(asking, key))
        return self._now(key)

    def tenant(self, name: str) -> Tenant:
        """What is set for a tenant; each name is one. Raises InvalidRequestError."""
        return self.book.tenant(checked_tenant(name))

    def change_tenant(self, asking: Caller, name: str, terms: TenantTerms) -> Tenant:
        """The tenant as it is then. Raises InvalidRequestError or ConflictError."""
        known = {field: value for field, value in terms.named.items() if field == "webhook"}
        if problems := closed_webhook(known.get("webhook"), loopback=self.loopback_webhooks):
            raise InvalidRequestError("The webhook's URL is not valid.", problems)

        def changed(tenant: Tenant) -> Tenant:
            return tenant.model_copy(update=known | {"limits": terms.limits.over(tenant.limits)})

        tenant = self.book.change_tenant(checked_tenant(name), changed)
        self.tell(tenant_changed(asking, tenant.id, terms.named))
        return tenant

    def _known(self, terms: KeyTerms) -> dict[str, Any]:
        """What is said of a key but for its limits, as fields of ApiKey."""
        named = terms.named
        problems = [
            *_unknown("models", named.get("models"), self.catalogue.models),
            *_unknown("routes", named.get("routes"), self.catalogue.routes),
        ]
        if problems:
            raise InvalidRequestError("The key names models or routes that are not known.", problems)
        known: dict[str, Any] = {name: named[name] for name in ("name", "models", "routes") if name in named}
        if "scopes" in named:
            known["scopes"] = frozenset(named["scopes"])
        if "expires_in_days" in named:
            days = named["expires_in_days"]
            known["expires_at"] = None if days is None else self.clock.now() + timedelta(days=days)
        return known

    def _now(self, key: BookedKey) -> BookedKey:
        """Without a former secret that has ended."""
        over = key.former is not None and not key.former.works_at(self.clock.now())
        return BookedKey(key=key.key) if over else key


def _is_own(asking: Caller, key_id: str) -> bool:
    return asking.key is not None and asking.key.id == key_id


def _unknown(field: str, names: Sequence[str] | None, known: Collection[str]) -> list[FieldProblem]:
    return [
        FieldProblem(f"{field}.{place}", "is not known", None, tuple(known))
        for place, name in enumerate(names or ())
        if name not in known
    ]


def _checked_id(key_id: str) -> str:
    if not is_key_id(key_id):
        raise NotFoundError(f"There is no key {key_id[:64]!r}.")
    return key_id


def _is_cursor(text: str) -> bool:
    tenant, _, key_id = text.partition("/")
    return TENANT.fullmatch(tenant) is not None and is_key_id(key_id)
