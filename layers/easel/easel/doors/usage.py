"""The HTTP API's call on the usage."""

from dataclasses import dataclass

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.domain.tenancy import Scope
from easel.doors.answers import json_answer
from easel.doors.http_input import caller_of, query_of
from easel.steps.gate import Gate
from easel.steps.usage import UsageReport


@dataclass(frozen=True, slots=True)
class UsageDoor:
    """Tells tenants what they used."""

    gate: Gate
    report: UsageReport

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """The call."""

        @app.get("/v1/usage")
        def usage() -> Response[str]:
            tenant = caller_of(app, self.gate, Scope.USAGE).tenant
            query = query_of(app, "from", "to", "cursor")
            return json_answer(
                200, self.report.of(tenant, query.get("from"), query.get("to"), query.get("cursor"))
            )
