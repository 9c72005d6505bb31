"""Example asks for every route that a deployment may offer: what must be, and everything that can be."""

from dataclasses import dataclass

from easel.catalogue import Route
from easel.domain.ask import Ask, LoraAsk
from easel.domain.sizes import Geometry
from easel.sandbox import WITH_SANDBOX

PROMPT = "PLANTED-PROMPT of a lighthouse"
NEGATIVE_PROMPT = "PLANTED-NEGATIVE blur"
LORA_WEIGHTS = "https://example.com/PLANTED-LORA.safetensors"
SEED = 4242


@dataclass(frozen=True)
class RouteAsk:
    """One ask of one route."""

    route: Route
    kind: str
    ask: Ask

    def __str__(self) -> str:
        return f"{self.route.name} {self.ask.model} {self.kind}"


def images_of(route: Route, count: int) -> tuple[str, ...]:
    """Input images, as many as asked."""
    return tuple(f"https://example.com/PLANTED-IMAGE-{route.label}-{index}.png" for index in range(count))


def geometry_of(route: Route) -> Geometry | None:
    """The last size that the route's table names."""
    sizes = route.capabilities.sizes
    return sizes.resolve(list(sizes.by_ratio)[-1]) if sizes else None


def minimal(route: Route, model: str) -> Ask:
    """Only what the route cannot do without."""
    can = route.capabilities
    return Ask(
        model=model,
        prompt=PROMPT,
        images=images_of(route, can.images[0]),
        lora=LoraAsk(LORA_WEIGHTS) if can.lora else None,
    )


def full(route: Route, model: str) -> Ask:
    """Every parameter that the route offers."""
    can = route.capabilities
    return Ask(
        model=model,
        prompt=PROMPT,
        negative_prompt=NEGATIVE_PROMPT,
        geometry=geometry_of(route),
        n=can.n_max,
        seed=SEED,
        prompt_extend=False if "prompt_extend" in can.switches else None,
        safety_filter=False if "safety_filter" in can.switches else None,
        watermark=True if "watermark" in can.switches else None,
        images=images_of(route, can.images[1]),
        lora=LoraAsk(LORA_WEIGHTS, scale=0.5, steps=30, guidance=2.5, go_fast=True) if can.lora else None,
        output_format=can.output_formats[0] if can.output_formats else None,
        guidance_scale=3.5 if can.guidance_scale else None,
    )


def blank(route: Route, model: str) -> Ask:
    """A caller's negative prompt that says nothing."""
    can = route.capabilities
    return Ask(model=model, prompt=PROMPT, negative_prompt="  ", images=images_of(route, can.images[0]))


def asks(*kinds: str) -> list[RouteAsk]:
    """The asks of these kinds for every route and every vendor model of it."""
    makers = {"minimal": minimal, "full": full, "blank": blank}
    return [
        RouteAsk(route, kind, makers[kind](route, model))
        for route in WITH_SANDBOX.routes.values()
        for model in route.models.values()
        for kind in kinds
    ]
