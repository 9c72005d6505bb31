"""Which routes may serve a request, and in which order they are preferred.

The order is made once, when a generation is created, from what does not change: what a route can do, its
price, its usual time, its limits. How the routes fare now (health, turns, places) decides at each ask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from easel.catalogue import Catalogue, Route
from easel.domain.capabilities import Fit, fit
from easel.domain.request import GenerationRequest
from easel.errors import FieldProblem, ForbiddenError, InvalidRequestError

if TYPE_CHECKING:  # Submit, which fits requests to routes, knows no keys
    from easel.domain.tenancy import ApiKey


class Policy(StrEnum):
    """How routes are ordered where the caller names none, after what a request would lose on them."""

    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    BALANCED = "balanced"


SPACING_SHARE = 0.5
BY_CALLER = "caller"  # the caller's own order


class Choice(NamedTuple):
    """A route that can serve the request, and how the request fits it."""

    route: Route
    fit: Fit


def fit_route(request: GenerationRequest, route: Route) -> Fit:
    """Hold a request against one route. A LoRA request's model names the base, not the route's own."""
    return fit(request, route.capabilities, wire_model(request, route))


def wire_model(request: GenerationRequest, route: Route) -> str:
    """The vendor's own name of the model that the request means on this route."""
    return route.models.get(request.model) or next(iter(route.models.values()))


def choose(
    request: GenerationRequest,
    catalogue: Catalogue,
    configured: Collection[str],
    policy: Policy = Policy.BALANCED,
    *,
    key: ApiKey | None = None,
    prefer: Sequence[str] = (),
) -> tuple[Choice, ...]:
    """The routes that can serve the request, best first: the caller's own order, else those of the endpoints
    that a front door prefers, then fewest losses, then the policy's order.

    `configured` names the endpoints that the deployment has a key for. Raises InvalidRequestError,
    naming field, limit and what is allowed, where no route is left, or where a route that the caller
    named cannot do what is asked; ForbiddenError where the API key does not allow the model or any route.
    """
    named = request.route is not None
    choices = considered(request, catalogue, configured, key)
    capable = [choice for choice in choices if not choice.fit.problems]
    if not capable or (named and len(capable) < len(choices)):
        raise _refusal(choices)
    if named:
        return tuple(capable)
    rank = ranked([choice.route for choice in capable], policy)

    def place(one: Choice) -> tuple[bool, int, tuple[float, float]]:
        return one.route.endpoint.name not in prefer, one.fit.report.losses, rank[one.route.name]

    return tuple(sorted(capable, key=place))


def considered(
    request: GenerationRequest, catalogue: Catalogue, configured: Collection[str], key: ApiKey | None = None
) -> list[Choice]:
    """Every route that is asked about: those that the caller named, else all that serve the model; each with
    how the request fits it, which may be not at all. Raises as `choose` does where there is none."""
    if request.model not in catalogue.models:
        problem = FieldProblem("model", "is not a model of the catalogue", allowed=catalogue.models)
        raise InvalidRequestError(f"There is no model {request.model!r}.", [problem])
    named = request.route is not None
    candidates = _named(request, catalogue) if named else _serving(request, catalogue)
    candidates = _allowed(key, request, candidates)
    ready = [route for route in candidates if route.endpoint.name in configured]
    if not ready or (named and len(ready) < len(candidates)):
        lacking = sorted({route.endpoint.name for route in candidates} - set(configured))
        message = f"this deployment has no vendor key for {', '.join(lacking)}"
        raise InvalidRequestError(f"No route is ready: {message}.", [FieldProblem("route", message)])
    return [Choice(route, fit_route(request, route)) for route in ready]


def allowed(catalogue: Catalogue, key: ApiKey | None) -> dict[str, Sequence[Route]]:
    """The models and routes that an API key may use, configured or not."""
    models, routes = (key.models, key.routes) if key else (None, None)
    serving = {
        model: [route for route in catalogue.serving(model) if routes is None or route.name in routes]
        for model in catalogue.models
        if models is None or model in models
    }
    return {model: found for model, found in serving.items() if found}


def offered(
    catalogue: Catalogue, configured: Collection[str], key: ApiKey | None
) -> dict[str, Sequence[Route]]:
    """Those of them that can be asked now: `configured` names the endpoints that have a vendor key."""
    ready = {
        model: [route for route in routes if route.endpoint.name in configured]
        for model, routes in allowed(catalogue, key).items()
    }
    return {model: found for model, found in ready.items() if found}


def ranked(routes: Sequence[Route], policy: Policy) -> Mapping[str, tuple[float, float]]:
    """What each route is sorted by, lower first.

    `balanced` adds up how many times the best one's price and time a route takes; its time there includes
    half the spacing of its turns, so that a route that takes few requests is not everybody's first.
    """
    prices = {route.name: float(route.estimated_usd) for route in routes}
    times = {route.name: route.typical_seconds for route in routes}
    if policy is Policy.CHEAPEST:
        return {name: (prices[name], times[name]) for name in prices}
    if policy is Policy.FASTEST:
        return {name: (times[name], prices[name]) for name in prices}
    shared = {
        route.name: route.typical_seconds + route.limits.spacing_seconds * SPACING_SHARE for route in routes
    }
    best_price, best_time = min(prices.values()) or 1.0, min(shared.values())  # nothing is no yardstick
    return {name: (prices[name] / best_price + shared[name] / best_time, prices[name]) for name in prices}


def _allowed(key: ApiKey | None, request: GenerationRequest, candidates: list[Route]) -> list[Route]:
    """The candidates that the key allows: all that the caller named, or else at least one."""
    if key is None:
        return candidates
    if key.models is not None and request.model not in key.models:
        problem = FieldProblem("model", "is not allowed for this API key", allowed=key.models)
        raise ForbiddenError(f"The API key does not allow the model {request.model}.", [problem])
    if key.routes is None:
        return candidates
    allowed = [route for route in candidates if route.name in key.routes]
    if not allowed or (request.route is not None and len(allowed) < len(candidates)):
        problem = FieldProblem("route", "is not allowed for this API key", allowed=key.routes)
        raise ForbiddenError("The API key does not allow the route.", [problem])
    return allowed


def _serving(request: GenerationRequest, catalogue: Catalogue) -> list[Route]:
    lora, routes = request.lora is not None, catalogue.routes.values()
    return [route for route in routes if catalogue.serves(route, request.model, lora=lora)]


def _named(request: GenerationRequest, catalogue: Catalogue) -> list[Route]:
    serving = _serving(request, catalogue)
    allowed = tuple(route.name for route in serving)
    chosen = []
    for name in dict.fromkeys(request.route or ()):
        route = catalogue.routes.get(name)
        if route not in serving:
            what = "is not a route of the catalogue" if route is None else f"does not serve {request.model}"
            if route is not None and request.lora:
                what = "has no LoRA"
            problem = FieldProblem("route", f"{name} {what}", allowed=allowed)
            raise InvalidRequestError(f"The route {name!r} {what}.", [problem])
        chosen.append(route)
    return [route for route in chosen if route is not None]


def _refusal(choices: list[Choice]) -> InvalidRequestError:
    """One problem a field and route, so that a caller sees what each route would have taken."""
    problems = [
        FieldProblem(problem.field, f"{choice.route.name}: {problem.message}", problem.limit, problem.allowed)
        for choice in choices
        for problem in choice.fit.problems
    ]
    fields = ", ".join(dict.fromkeys(problem.field for problem in problems))
    return InvalidRequestError(f"No route can do what is asked; see: {fields}.", problems)
