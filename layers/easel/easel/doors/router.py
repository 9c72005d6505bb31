"""The router of the HTTP API, whose rarer doors are opened by the first request that comes to them."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.typing import LambdaContext

from easel.doors.front import Door


class Router(APIGatewayHttpResolver):
    """Powertools' router. `doors` are makers by the paths that their doors' calls begin with.

    A door's code, its models and its routes are a tenth of a second at full speed: no start pays for one that
    is not asked for.
    """

    def __init__(self, doors: Mapping[str, Callable[[], Door]]) -> None:
        super().__init__()
        self.closed = dict(doors)

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """One request, after the door that it comes to was opened."""
        self.open(APIGatewayProxyEventV2(dict(event)).path)
        return super().resolve(event, context)

    def open(self, path: str) -> None:
        """Add the calls of the door that this path belongs to, unless they were."""
        for prefix, make in self.closed.items():
            if f"{path}/".startswith(f"{prefix}/"):
                make().add_calls(self)
                # Only now: one that could not be made is tried again.
                self.closed = {other: kept for other, kept in self.closed.items() if kept is not make}
                return
