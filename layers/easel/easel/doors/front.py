"""What doors are: calls that belong together; of a front door, in a wire format of its own."""

from typing import Protocol

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.errors import RequestError


class Door(Protocol):
    """Calls below one path."""

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """Add its calls to the router. They raise RequestErrors."""


class FrontDoor(Door, Protocol):
    """One wire format below one path."""

    def refusal(self, error: RequestError, request_id: str, path: str) -> Response[str]:
        """A refusal in the door's own form: also of a call that it does not have, and where we failed.

        Vendors' bodies repeat the `path` that was called.
        """
