"""What the calls on keys answer."""

from typing import Annotated

from pydantic import Field

from easel.domain.tenancy import Scope
from easel.openapi.account_answers import AmountText
from easel.openapi.answers import Answer, Count, KeptWebhook, Time


class KeyLimits(Answer):
    """How much may be used; null where nothing limits it."""

    concurrency: Annotated[int, Field(ge=1)] | None = Field(description="generations at work at a time")
    per_minute: Annotated[int, Field(ge=1)] | None = Field(description="requests for generations a minute")
    usd_per_day: AmountText | None = Field(description="dollars a day (UTC)")
    usd_per_month: AmountText | None = Field(description="dollars a month (UTC)")


class Used(Answer):
    """How much of each limit is used now; null where there is none, as it is not counted then."""

    concurrency: Count | None
    per_minute: Count | None
    usd_per_day: AmountText | None = Field(description="spent, and reserved by generations at work")
    usd_per_month: AmountText | None = Field(description="likewise")


class Key(Answer):
    """An API key, without its secret: nobody can tell that again."""

    id: str = Field(examples=["key_01K0ABCDEFGHJKMNPQRSTVWXYZ"])
    name: str = Field(description="for people")
    tenant: str
    prefix: str = Field(description="the secret's first characters")
    scopes: list[Scope]
    models: list[str] | None = Field(description="those that it may name; null: all")
    routes: list[str] | None = Field(description="those that may serve it; null: all")
    limits: KeyLimits
    created_at: Time | None = Field(description="when this secret was made")
    expires_at: Time | None = Field(description="from when this secret works no more; null: never")


class FormerSecret(Answer):
    """The secret before the newest one."""

    prefix: str
    expires_at: Time | None


class BookedKey(Key):
    """An API key as its administrators see it."""

    former: FormerSecret | None = Field(description="the secret before, while it still works")


class NewSecret(BookedKey):
    """An API key and its new secret."""

    secret: str = Field(pattern="^ezl_", description="told this once: only its hash is kept")


class KeyList(Answer):
    """Keys by tenant and by age, oldest first."""

    data: list[BookedKey]
    next_cursor: str | None = Field(description="null on the last page; a page has 1,000 keys at most")


class Tenant(Answer):
    """What is set for a tenant."""

    tenant: str
    limits: KeyLimits
    used: Used
    webhook: KeptWebhook | None


class AskingKey(Key):
    """The key that asks, and where it and its tenant stand."""

    used: Used
    tenant_limits: KeyLimits = Field(description="what all of the tenant's keys may use together")
    tenant_used: Used
