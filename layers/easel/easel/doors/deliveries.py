"""The HTTP API's calls on webhooks' deliveries: what was delivered, deliver it again."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.domain.tenancy import Scope
from easel.domain.webhooks import Delivery
from easel.doors.answers import json_answer
from easel.doors.http_input import caller_of
from easel.plain import time_view
from easel.steps.gate import Gate
from easel.steps.read import Reader
from easel.steps.webhooks import Webhooks


def add_deliveries(app: APIGatewayHttpResolver, gate: Gate, reader: Reader, webhooks: Webhooks) -> None:
    """Add the calls to the router."""

    @app.get("/v1/generations/<generation_id>/deliveries")
    def deliveries(generation_id: str) -> Response[str]:
        generation = reader.get(caller_of(app, gate, Scope.READ).tenant, generation_id)
        views = [delivery_view(one) for one in webhooks.told(generation)]
        return json_answer(200, {"data": views, "next_cursor": None})

    @app.post("/v1/generations/<generation_id>/deliveries")
    def deliver_again(generation_id: str) -> Response[str]:
        generation = reader.get(caller_of(app, gate, Scope.WEBHOOK).tenant, generation_id)
        return json_answer(202, delivery_view(webhooks.tell_again(generation)))


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """A delivery as its tenant sees it; of the receiver's URL without the query, which may hold a secret."""
    return {
        "id": delivery.id,
        "type": delivery.type.value,
        "status": delivery.status.value,
        "url": urlunsplit(urlsplit(delivery.url)._replace(query="", fragment="")),
        "created_at": time_view(delivery.created_at),
        "next_attempt_at": time_view(delivery.next_attempt_at),
        "attempts": [
            {
                "number": one.number,
                "at": time_view(one.at),
                "duration_ms": one.duration_ms,
                "http_status": one.http_status,
                "error": one.error.value if one.error else None,
            }
            for one in delivery.attempts
        ],
    }
