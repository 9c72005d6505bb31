"""Standing: what limits a key or a tenant has, and how much of each is used now."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from easel.domain.tenancy import Caller
from easel.domain.tenants import Limits, Owner, Tenant
from easel.ports import Clock, Quotas, Tenants, Usage
from easel.steps.gate import minute_of


@dataclass(frozen=True, slots=True)
class Standing:
    """An owner's limits, and what is used of each by its name; None of what is not limited, nor counted."""

    limits: Limits
    used: Mapping[str, Decimal | None]


@dataclass(frozen=True, slots=True)
class Standings:
    """Answers where keys and tenants stand."""

    tenants: Tenants
    usage: Usage
    quotas: Quotas
    clock: Clock

    def of(self, caller: Caller) -> tuple[Standing, Standing]:
        """Where the caller's key stands, and where its tenant stands."""
        of_tenant = self.tenants.get(caller.tenant).limits
        owners = caller.owners(of_tenant)
        return self._of(owners[0]), self._of(owners[-1])

    def of_tenant(self, tenant: Tenant) -> Standing:
        """Where a tenant stands that was read."""
        (owner,) = Caller(tenant=tenant.id).owners(tenant.limits)
        return self._of(owner)

    def _of(self, owner: Owner) -> Standing:
        limits, now = owner.limits, self.clock.now()
        used: dict[str, Decimal] = {}
        if limits.on_money or limits.concurrency is not None:
            used |= self.usage.spent(owner.name, now.date())
        if limits.per_minute is not None:
            used["per_minute"] = Decimal(self.quotas.made(owner.name, minute_of(now)))
        names = Limits.model_fields
        return Standing(
            limits, {name: None if getattr(limits, name) is None else used[name] for name in names}
        )
