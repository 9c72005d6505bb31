"""Plan: what would be done with a request, without doing it. Buys nothing, writes nothing."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from easel.domain.completion import STEPS_SECONDS
from easel.domain.failover import RouteState
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.plain import money_view, time_view
from easel.routing import Choice, considered
from easel.steps.create import Creator, most_usd
from easel.steps.forecast import health_view
from easel.view import field_view


@dataclass(frozen=True, slots=True)
class Planner:
    """Says what a request would come to."""

    creator: Creator

    def plan(self, caller: Caller, request: GenerationRequest) -> dict[str, Any]:
        """The routes in the order in which they would be asked, each with the reason for its place, what
        becomes of the parameters, price and time; and those that cannot do it, each with why.

        Raises what making the generation would raise, but for budgets, places and rates.
        """
        creator, now = self.creator, self.creator.clock.now()
        choices = creator.choose(caller, request)
        creator.inputs.checked(caller, request)
        every = considered(request, creator.catalogue, creator.vendor_keys.get(), caller.key)
        states = creator.forecast.states_of([choice.route for choice in choices])
        routes = [self._route(*one, request) for one in zip(choices, states, strict=True)]
        seconds = min(routes[0]["expected_seconds"]["typical"] + STEPS_SECONDS, request.deadline_seconds)
        usd = most_usd(request, [choice.route for choice in choices])
        return {
            "dry_run": True,
            "model": request.model,
            "routes": routes,
            "refused": [
                {"route": one.route.name, "errors": [field_view(problem) for problem in one.fit.problems]}
                for one in every
                if one.fit.problems
            ],
            "reserves": money_view(_dollars(usd)),
            "estimated_completion_at": time_view(now + timedelta(seconds=seconds)),
        }

    def _route(self, choice: Choice, state: RouteState, request: GenerationRequest) -> dict[str, Any]:
        route, count = choice.route, request.n or 1
        health = health_view(route, state, self.creator.clock.now())
        return {
            "route": route.name,
            "vendor": route.endpoint.vendor,
            "because": self._reason(choice, request),
            "price": money_view(route.price.times(count)),
            "estimated_usd": money_view(_dollars(route.estimated_usd * count)),
            "expected_seconds": health["expected_seconds"],
            "health": health["state"],
            "parameters": choice.fit.report.model_dump(mode="json"),
        }

    def _reason(self, choice: Choice, request: GenerationRequest) -> str:
        if request.route is not None:
            return "the caller's order"
        losses = choice.fit.report.losses
        kept = "keeps every parameter" if not losses else f"loses {losses} of the parameters"
        return f"{kept}, then by the policy {self.creator.policy.value}"


def _dollars(amount: Decimal) -> Money:
    return Money(amount=amount, currency="USD")
