"""The catalogue as callers see it: models, their routes, and each route's parameters as JSON Schema."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from easel.catalogue import Route
from easel.domain.capabilities import SWITCHES, Capabilities
from easel.domain.request import DEADLINE_SECONDS_MAX, DEADLINE_SECONDS_MIN, GenerationRequest, Lora
from easel.errors import NotFoundError

Health = Callable[[Sequence[Route]], Mapping[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Models:
    """The models that a caller may use, with their routes. `configured` names the endpoints that this
    deployment has a key for; `health` says how routes fare."""

    routes: Mapping[str, Sequence[Route]]
    configured: Collection[str]
    health: Health

    def all(self) -> dict[str, Any]:
        """Every one of them."""
        shared = {route.name: route for routes in self.routes.values() for route in routes}
        fares = self.health(list(shared.values()))
        return {"data": [self._model(model, fares) for model in self.routes], "next_cursor": None}

    def one(self, model: str) -> dict[str, Any]:
        """One of them. Raises NotFoundError."""
        if model not in self.routes:
            raise NotFoundError(f"There is no model {model[:64]!r}.")
        return self._model(model, self.health(self.routes[model]))

    def _model(self, model: str, fares: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": model,
            "routes": [
                {**_route(route, route.endpoint.name in self.configured), "health": fares[route.name]}
                for route in self.routes[model]
            ],
        }


def _route(route: Route, ready: bool) -> dict[str, Any]:
    return {
        "name": route.name,
        "vendor": route.endpoint.vendor,
        "ready": ready,
        "price": route.price.model_dump(mode="json"),
        "estimated_usd": format(route.estimated_usd.normalize(), "f"),
        "typical_seconds": route.typical_seconds,
        "sizes": list(route.capabilities.sizes.allowed()) if route.capabilities.sizes else [],
        "parameters": parameter_schema(route.capabilities),
    }


def parameter_schema(can: Capabilities) -> dict[str, Any]:
    """The parameters that a route honours, as JSON Schema (2020-12)."""
    general = GenerationRequest.model_json_schema()["properties"]
    prompt = {"type": "string", "minLength": 1} | _max_length(can.prompt_max)
    low, high = can.seed_range
    properties: dict[str, Any] = {
        "prompt": prompt,
        "negative_prompt": {"type": "string"} | _max_length(can.negative_prompt_max),
        "n": {"type": "integer", "minimum": 1, "maximum": can.n_max},
        "seed": {"type": "integer", "minimum": low} | ({} if high is None else {"maximum": high}),
        **{name: {"type": "boolean"} for name in SWITCHES if name in can.switches},
        "deadline_seconds": {
            "type": "integer",
            "minimum": DEADLINE_SECONDS_MIN,
            "maximum": DEADLINE_SECONDS_MAX,
        },
    }
    if can.sizes:
        free = can.sizes.free_side is not None
        properties["size"] = {"type": "string"} | ({} if free else {"enum": list(can.sizes.allowed())})
    required = ["prompt"]
    fewest, most = can.images
    if most:
        items = {"type": "string", "description": general["images"]["description"]}
        properties["images"] = {"type": "array", "items": items, "minItems": fewest, "maxItems": most}
        required.append("images")
    if can.lora:
        properties["lora"] = Lora.model_json_schema()
        required.append("lora")
    if can.output_formats:
        properties["output_format"] = {"enum": list(can.output_formats)}
    if can.guidance_scale:
        properties["guidance_scale"] = {"type": "number", "minimum": 1, "maximum": 20}
    return {"type": "object", "properties": properties, "required": required}


def _max_length(limit: int | None) -> dict[str, int]:
    return {} if limit is None else {"maxLength": limit}
