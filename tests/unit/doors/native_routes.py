"""Which calls the native API has, read from its router."""

import re

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.logging import Logger

from easel.doors.native import native_api
from tests.fakes.door import native_door
from tests.fakes.memory import KnownKeys
from tests.fakes.scene import Scene

Call = tuple[str, str]  # method, and path with {} for what varies


def native_calls() -> set[Call]:
    """All of them, without those of the front doors."""
    door = native_door(Scene(), KnownKeys({}), Logger(service="routes"))
    app = native_api(door)
    for prefix in door.doors:
        app.open(prefix)
    return calls_of(app)


def calls_of(app: APIGatewayHttpResolver) -> set[Call]:
    """The calls that a router has by now."""
    found = set()
    for route in [*app._static_routes, *app._dynamic_routes]:
        path = re.sub(r"<[^>]+>", "{}", str(route.path))
        methods = [route.method] if isinstance(route.method, str) else route.method
        found |= {(method, path) for method in methods}
    return found
