"""What assistants are told: a short form of what the HTTP API answers, since every word costs them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from easel.catalogue import Route
from easel.domain.generation import Status
from easel.doors.models import parameter_schema

PROMPT_SHOWN = 100  # code points by which a generation is known again in a list


class Result(BaseModel):
    """Base of the results. Fields that are at their defaults are left out of what is told."""

    model_config = ConfigDict(frozen=True)

    def told(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Sum(Result):
    """An amount of money, exact, or of a vendor's credits."""

    amount: str
    currency: str


class ImageResult(Result):
    """One kept image."""

    url: str = Field(description="signed; works for an hour at most, get_generation signs a fresh one")
    content_type: str
    width: int = Field(description="pixels")
    height: int = Field(description="pixels")
    bytes: int


class ParametersResult(Result):
    """Which parameters were not sent as they were asked for."""

    mapped: dict[str, Any] = Field(default_factory=dict, description="sent in other words: from, to")
    dropped: dict[str, str] = Field(default_factory=dict, description="not sent: why")
    truncated: dict[str, Any] = Field(
        default_factory=dict, description="cut to the route's limit, in code points: from, to"
    )


class ErrorResult(Result):
    """Why a generation did not succeed."""

    code: str
    message: str
    vendor_message: str | None = None
    retryable: bool = Field(default=False, description="whether asking again may help")


class CostResult(Result):
    """What a generation costs."""

    quoted: Sum | None = Field(default=None, description="the price of what was asked for")
    billed: Sum | None = Field(default=None, description="certainly billed")
    possibly_billed: Sum | None = Field(default=None, description="may have been billed")
    refunded: Sum | None = None


class GenerationResult(Result):
    """A generation."""

    id: str = Field(description="for get_generation")
    status: Status = Field(description="succeeded, failed, canceled and expired are final")
    model: str
    route: str = Field(description="who makes it: vendor and model")
    created_at: str
    estimated_completion_at: str | None = Field(default=None, description="while it is at work")
    images: tuple[ImageResult, ...] = ()
    shortfall: int = Field(default=0, description="how many images fewer than asked for were delivered")
    seed: int | None = None
    parameters: ParametersResult = ParametersResult()
    error: ErrorResult | None = None
    receipt: CostResult = CostResult()


class ListedGeneration(Result):
    """A generation in a list."""

    id: str = Field(description="for get_generation, which has the links to its images")
    status: Status
    model: str
    prompt: str = Field(description=f"its first {PROMPT_SHOWN} code points")
    created_at: str


class GenerationList(Result):
    """A page of generations, newest first."""

    data: tuple[ListedGeneration, ...]
    next_cursor: str | None = Field(
        default=None, description="for the next page; none where this is the last"
    )


class RouteResult(Result):
    """Who can serve a model, and how."""

    name: str
    price: Sum = Field(description="of one image")
    typical_seconds: float
    sizes: tuple[str, ...] = Field(default=(), description="what `size` may be; none: it cannot be chosen")
    n_max: int = Field(description="images at a time, at most")
    images_min: int = Field(default=0, description="input images, at least")
    images_max: int = Field(default=0, description="input images, at most; none: this route does not edit")
    parameters: tuple[str, ...] = Field(description="the optional arguments that the route honours")


class ModelResult(Result):
    """A model with its routes."""

    id: str
    routes: tuple[RouteResult, ...]


class ModelList(Result):
    """What this API key may ask for."""

    data: tuple[ModelResult, ...]


def generation_result(view: Mapping[str, Any]) -> GenerationResult:
    """The short form of a generation's view, which has more and may have nulls."""
    return GenerationResult.model_validate({name: value for name, value in view.items() if value is not None})


def listed_generation(view: Mapping[str, Any]) -> ListedGeneration:
    """A generation's view as a line of a list."""
    return ListedGeneration.model_validate({**view, "prompt": view["request"]["prompt"][:PROMPT_SHOWN]})


def route_result(route: Route) -> RouteResult:
    """One route of the catalogue."""
    can = route.capabilities
    schema = parameter_schema(can)
    return RouteResult(
        name=route.name,
        price=Sum.model_validate(route.price.model_dump(mode="json")),
        typical_seconds=route.typical_seconds,
        sizes=can.sizes.allowed() if can.sizes else (),
        n_max=can.n_max,
        images_min=can.images[0],
        images_max=can.images[1],
        parameters=tuple(name for name in schema["properties"] if name not in schema["required"]),
    )
