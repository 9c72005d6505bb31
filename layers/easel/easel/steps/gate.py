"""Gate: who calls, whether the key allows it, and whether it is not too much at a time."""

from dataclasses import dataclass
from datetime import datetime

from easel.domain.tenancy import Caller, Quota, Scope
from easel.domain.tenants import Limits
from easel.errors import ForbiddenError, LimitReachedError, NoKeyError, ReachedLimit, UnauthorizedError
from easel.ports import ApiKeys, Clock, Quotas, Tenants

MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Gate:
    """Where every call of every front door comes in."""

    keys: ApiKeys
    tenants: Tenants
    quotas: Quotas
    clock: Clock

    def caller(self, authorization: str | None, scope: Scope) -> Caller:
        """Who sent this `Authorization` header. Raises UnauthorizedError or ForbiddenError.

        Who administers is looked up anew: what was revoked a moment ago makes no other key.
        """
        caller = self.known(authorization, anew=scope is Scope.ADMIN)
        if not caller.may(scope):
            raise ForbiddenError(f"The API key does not have the scope {scope.value!r}.")
        return caller

    def asking(self, authorization: str | None, scope: Scope = Scope.GENERATE) -> Caller:
        """The same for a request that asks for generations, which the request rates count.

        Raises LimitReachedError, too. The caller knows where it stands in the narrower of its rates.
        """
        caller = self.caller(authorization, scope)
        quotas = [
            quota
            for owner in caller.owners(self.tenants.get(caller.tenant).limits)
            if (quota := self._counted(owner.name, owner.limits)) is not None
        ]
        return caller.with_quota(min(quotas, key=lambda quota: quota.left, default=None))

    def known(self, authorization: str | None, *, anew: bool = False) -> Caller:
        """Who sent it, whatever the key may be used for. Raises UnauthorizedError."""
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise NoKeyError('Send the API key as "Authorization: Bearer KEY".')
        key = self.keys.find(secret.strip(), anew=anew)
        if key is None or not key.works_at(self.clock.now()):
            raise UnauthorizedError("The API key is not known.")
        return Caller(tenant=key.tenant, key=key)

    def _counted(self, owner: str, limits: Limits) -> Quota | None:
        if limits.per_minute is None:
            return None
        now = self.clock.now()
        minute = minute_of(now)
        resets = max(1, MINUTE_SECONDS - int((now - minute).total_seconds()))
        left = self.quotas.count(owner, minute, limits.per_minute)
        if left is None:
            reached = ReachedLimit("requests_per_minute", owner, str(limits.per_minute), resets)
            raise LimitReachedError(f"The {owner} may ask {limits.per_minute} times a minute.", (), reached)
        return Quota(owner=owner, per_minute=limits.per_minute, left=left, resets_in_seconds=resets)


def minute_of(moment: datetime) -> datetime:
    """When the minute began whose requests are counted together."""
    return moment.replace(second=0, microsecond=0)
