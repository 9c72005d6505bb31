"""What a front door is: a wire format that callers speak, with its own calls and its own form of errors."""

from typing import Protocol

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.errors import RequestError


class FrontDoor(Protocol):
    """One wire format below one path."""

    @property
    def prefix(self) -> str:
        """The path that all its calls begin with, such as `/openai`."""

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """Add its calls to the router. They raise RequestErrors, which `refusal` answers."""

    def refusal(self, error: RequestError, request_id: str, path: str) -> Response[str]:
        """A refusal in the door's own form: also of a call that it does not have, and where we failed.

        Vendors' bodies repeat the `path` that was called.
        """
