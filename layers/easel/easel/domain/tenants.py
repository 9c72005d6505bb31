"""What holds for tenants and their keys: limits, and where the ends of generations are told."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from easel.domain.money import Amount
from easel.domain.request import Webhook

Usd = Annotated[Amount, Field(ge=0, max_digits=18, decimal_places=6)]


class Limits(BaseModel):
    """How much a key or a tenant may use; None means that nothing limits it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: Annotated[int, Field(ge=1, le=10**9)] | None = Field(
        default=None, description="generations that have not ended, at a time"
    )
    per_minute: Annotated[int, Field(ge=1, le=10**9)] | None = Field(
        default=None, description="requests a minute over HTTP that ask for generations"
    )
    usd_per_day: Usd | None = Field(default=None, description="what generations made on a day (UTC) may cost")
    usd_per_month: Usd | None = Field(
        default=None, description="what generations made in a month (UTC) may cost"
    )

    @property
    def on_money(self) -> bool:
        """Whether there is a budget."""
        return self.usd_per_day is not None or self.usd_per_month is not None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose limits they are: `key NAME` or `tenant NAME`."""

    name: str
    limits: Limits


class Tenant(BaseModel):
    """What holds for a whole tenant, whichever key is used, and for requests without one."""

    model_config = ConfigDict(frozen=True)

    id: str
    limits: Limits = NO_LIMITS
    webhook: Webhook | None = Field(default=None, description="for generations whose request names none")
