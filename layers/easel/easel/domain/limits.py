"""What a vendor account may be asked: how often, and how many tasks at a time."""

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from easel.errors import SettingsError

LATE_SECONDS = 0.1  # by which one submit may be later than another on its way to the vendor
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RouteLimits(BaseModel):
    """A route's limits; None means that none is known. They count per vendor account, over all keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_second: Rate | None = Field(default=None, description="submits a second")
    per_minute: Rate | None = Field(default=None, description="submits a minute")
    running: Annotated[int, Field(gt=0)] | None = Field(default=None, description="tasks at a time")

    @property
    def spacing_seconds(self) -> float:
        """Between two submits. Evenly spaced, no window of a minute or second ever holds too many, also where
        one of them is a little late and the next is not."""
        second = 1 / self.per_second if self.per_second else 0.0
        minute = 60 / self.per_minute if self.per_minute else 0.0
        exact = max(second, minute)
        return exact + LATE_SECONDS if exact else 0.0


NO_LIMITS = RouteLimits()


def configured_limits(text: str, catalogue: Mapping[str, RouteLimits]) -> Mapping[str, RouteLimits]:
    """The limits that hold: `catalogue`, `off`, or JSON, route name to limits, over the catalogue's.

    Raises SettingsError naming the setting.
    """
    if text in ("", "catalogue"):
        return catalogue
    if text == "off":
        return dict.fromkeys(catalogue, NO_LIMITS)
    try:
        own = TypeAdapter(dict[str, RouteLimits]).validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        told = f": {where}: {fault['msg']}" if where else f" must be catalogue, off, or JSON ({fault['msg']})"
        raise SettingsError(f"EASEL_VENDOR_LIMITS{told}") from error
    if unknown := sorted(set(own) - set(catalogue)):
        raise SettingsError(f"EASEL_VENDOR_LIMITS names no such routes: {json.dumps(unknown)}")
    return {**catalogue, **own}
