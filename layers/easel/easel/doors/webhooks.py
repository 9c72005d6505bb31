"""The HTTP API's call on the keys by which a tenant's webhooks are signed."""

from collections.abc import Callable
from dataclasses import dataclass

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.domain.tenancy import Scope
from easel.doors.answers import json_answer
from easel.doors.http_input import caller_of
from easel.signatures import SigningKeys
from easel.steps.gate import Gate


@dataclass(frozen=True, slots=True)
class WebhookDoor:
    """Tells tenants their keys, which `keys_of` gives."""

    gate: Gate
    keys_of: Callable[[str], SigningKeys]

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """The call."""

        @app.get("/v1/webhook-secret")
        def webhook_secret() -> Response[str]:
            keys = self.keys_of(caller_of(app, self.gate, Scope.WEBHOOK).tenant)
            return json_answer(200, {"secret": keys.secret, "public_key": keys.public_key})
