"""Who calls, what they may do, and how much of it."""

import re
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from easel.domain.tenants import NO_LIMITS, Limits, Owner
from easel.errors import FieldProblem, InvalidRequestError

# What a tenant may be called: its name stands in keys of objects and records.
TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")


SECRET_PREFIX, SECRET_BYTES = "ezl_", 32
VISIBLE_CHARACTERS = 12  # of a secret, its prefix included: 48 of its bits


def new_secret() -> str:
    """An API key's secret: 256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def visible(secret: str) -> str:
    """The part of a secret by which a person knows it."""
    return secret[:VISIBLE_CHARACTERS]


def checked_tenant(name: object) -> str:
    """The name, where it is one. Raises InvalidRequestError."""
    if isinstance(name, str) and TENANT.fullmatch(name):
        return name
    what = "must be 1 to 64 of A-Z, a-z, 0-9, _ and -"
    raise InvalidRequestError(f"tenant {what}.", [FieldProblem("tenant", what, limit=64)])


class Scope(StrEnum):
    """What a key may be used for."""

    GENERATE = "generate"
    READ = "read"
    BATCH = "batch"
    USAGE = "usage"
    WEBHOOK = "webhook"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)
USUAL_SCOPES = ALL_SCOPES - {Scope.ADMIN}  # a key has these unless it is told others


class ApiKey(BaseModel):
    """What is known of an API key: never its secret. None for models or routes means all of them."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="`key_` and a ULID; a rotated key keeps it")
    tenant: str
    prefix: str = Field(description="the secret's first characters, by which a person knows it")
    name: str = ""
    scopes: frozenset[Scope] = USUAL_SCOPES
    models: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    limits: Limits = NO_LIMITS
    created_at: datetime | None = None
    expires_at: datetime | None = Field(default=None, description="from when the secret works no more")

    def like(self, other: Self) -> Self:
        """What is known of the other one, with this secret's own prefix and date, and the earlier end."""
        ends = min(filter(None, (self.expires_at, other.expires_at)), default=None)
        own = {"prefix": self.prefix, "created_at": self.created_at, "expires_at": ends}
        return other.model_copy(update=own)

    def works_at(self, now: datetime) -> bool:
        """Whether the secret has not expired."""
        return self.expires_at is None or now < self.expires_at


class BookedKey(BaseModel):
    """A key as its newest secret has it, and its former secret, which may work on for a while."""

    model_config = ConfigDict(frozen=True)

    key: ApiKey
    former: ApiKey | None = None


class Quota(BaseModel):
    """Where a caller stands within its request rate."""

    model_config = ConfigDict(frozen=True)

    owner: str = Field(description="whose limit it is: `key NAME` or `tenant NAME`")
    per_minute: int
    left: int
    resets_in_seconds: int


class Caller(BaseModel):
    """Who asks: a tenant, by one of its keys, or from inside the account without one."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    key: ApiKey | None = None
    quota: Quota | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the key allows this; who comes without one is trusted."""
        return self.key is None or scope in self.key.scopes

    def owners(self, of_tenant: Limits) -> tuple[Owner, ...]:
        """Whose limits hold: the key's, where there is one, and the tenant's."""
        tenant = Owner(f"tenant {self.tenant}", of_tenant)
        return (Owner(f"key {self.key.id}", self.key.limits), tenant) if self.key else (tenant,)

    def on_behalf_of(self, tenant: str) -> "Caller":
        """Who asks for what a trusted caller wants for this tenant; a key is its own tenant's alone."""
        return self if tenant == self.tenant else Caller(tenant=tenant)

    def with_quota(self, quota: Quota | None) -> Self:
        """The same caller, with where it stands."""
        return self.model_copy(update={"quota": quota})
