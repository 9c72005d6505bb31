"""What an administrator sends: to make a key or change one, to rotate it, to set what holds for a tenant."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictInt

from easel.domain.batch_order import COUNT_MAX, Usd
from easel.domain.forms import told
from easel.domain.request import WHOLE, Number, RequestModel, WebhookLink
from easel.domain.tenancy import TENANT, USUAL_SCOPES, Scope, checked_tenant
from easel.domain.tenants import Limits
from easel.errors import InvalidRequestError

NAME_CHARACTERS_MAX = 100
LISTED_MAX = 100  # names in one list; a record's item has 400 KB
OVERLAP_HOURS = 24
DAYS_MIN, DAYS_MAX = 0.001, 36_600
HOURS_MAX = 24 * 366


def _known_tenant_form(name: str) -> str:
    try:
        return checked_tenant(name)
    except InvalidRequestError as error:
        raise ValueError(error.problems[0].message) from None


def _part(default: Any, about: str) -> Any:
    """A field that may be left out. The schema tells no default: what is there already is none."""
    return Field(default=default, description=about, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _limit(name: str) -> Any:
    return _part(None, str(Limits.model_fields[name].description))


Count = Annotated[StrictInt, Field(ge=1, le=COUNT_MAX), WHOLE]
Names = Annotated[tuple[str, ...], Field(min_length=1, max_length=LISTED_MAX)]  # of the catalogue's
TenantName = Annotated[str, AfterValidator(_known_tenant_form), told(TENANT.pattern)]
Scopes = Annotated[tuple[Scope, ...], Field(max_length=LISTED_MAX)]
Days = Annotated[Number, Field(ge=DAYS_MIN, le=DAYS_MAX)]


class Terms(RequestModel):
    """Base of what may be changed in part."""

    @property
    def named(self) -> dict[str, Any]:
        """What was named, null included."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class LimitTerms(Terms):
    """Limits. Those that are left out stay as they are; null lifts one."""

    concurrency: Count | None = _limit("concurrency")
    per_minute: Count | None = _limit("per_minute")
    usd_per_day: Usd | None = _limit("usd_per_day")
    usd_per_month: Usd | None = _limit("usd_per_month")

    def over(self, limits: Limits) -> Limits:
        """These limits with the changes."""
        return limits.model_copy(update=self.named)


class KeyTerms(Terms):
    """What a key may do. What is left out stays as it is."""

    name: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)] = _part("", "for people")
    scopes: Scopes = _part(
        tuple(sorted(USUAL_SCOPES)), "what it may be used for; of a new key all but `admin` unless named"
    )
    models: Names | None = _part(None, "the models that it may name; null for all")
    routes: Names | None = _part(None, "the routes that may serve it; null for all")
    limits: LimitTerms = _part(LimitTerms(), "how much it may use")
    expires_in_days: Days | None = _part(None, "days from now until it works no more; null for never")


class KeyOrder(KeyTerms):
    """A new key. What is left out is not limited."""

    tenant: TenantName = Field(description="whose key it is; a tenant needs nothing else to exist")


class Rotation(RequestModel):
    """How a key's secret is exchanged."""

    overlap_hours: Annotated[Number, Field(ge=0, le=HOURS_MAX)] = Field(
        default=OVERLAP_HOURS, description="hours that the former secret still works"
    )


class TenantTerms(Terms):
    """What holds for a tenant. What is left out stays as it is."""

    limits: LimitTerms = _part(LimitTerms(), "what its keys, and its requests without one, may use together")
    webhook: WebhookLink | None = _part(
        None,
        "where the ends of those generations are told whose request names nothing: a URL, or "
        '{"url", "secret", "events"}; null for nowhere',
    )
