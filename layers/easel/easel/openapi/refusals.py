"""The refusals of the native API: when there is one, and what one looks like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from easel.errors import (
    BudgetReachedError,
    ConflictError,
    FieldProblem,
    ForbiddenError,
    IdempotencyMismatchError,
    InternalError,
    InvalidRequestError,
    LimitReachedError,
    MalformedRequestError,
    NotFoundError,
    ReachedLimit,
    RequestError,
    UnauthorizedError,
    UnsupportedMediaError,
)
from easel.view import problem_view


@dataclass(frozen=True, slots=True)
class Refusal:
    """When a call is refused so, an example, and the headers that are always there."""

    about: str
    example: RequestError
    headers: tuple[str, ...] = ()

    @property
    def body(self) -> Mapping[str, Any]:
        """The example as it is answered."""
        request_id = {"request_id": "8f1c2a3b"} if self.example.status == InternalError.status else {}
        return problem_view(self.example) | request_id


BUDGET = ReachedLimit("usd_per_day", "key key_01K0ABCDEFGHJKMNPQRSTVWXYZ", "5", 3600)
RATE = ReachedLimit("requests_per_minute", "tenant shop", "60", 12)
N = FieldProblem("n", "Input should be less than or equal to 6", "6")
LIMIT_HEADERS = ("Retry-After", "RateLimit", "RateLimit-Policy")
REFUSALS: Mapping[type[RequestError], Refusal] = {
    type(one.example): one
    for one in (
        Refusal(
            "The body or a header cannot be read.",
            MalformedRequestError("The body is not JSON: EOF while parsing a value at line 1 column 9."),
        ),
        Refusal(
            "There is no API key, or one that is not known.",
            UnauthorizedError("The API key is not known."),
            ("WWW-Authenticate",),
        ),
        Refusal(
            "A budget would be overrun.",
            BudgetReachedError("The key's budget for the day does not hold 0.075 USD more.", (), BUDGET),
            LIMIT_HEADERS,
        ),
        Refusal(
            "The API key does not allow it.",
            ForbiddenError("The API key does not have the scope 'generate'."),
        ),
        Refusal(
            "There is nothing under this name, or it is somebody else's.",
            NotFoundError("There is no generation 'gen_01K0ABCDEFGHJKMNPQRSTVWXYZ'."),
        ),
        Refusal("Its state does not allow it.", ConflictError("The generation has ended as succeeded.")),
        Refusal(
            "The body is of a type that is not taken.",
            UnsupportedMediaError('Send JSON, with "Content-Type: application/json".'),
        ),
        Refusal(
            "Something in it is not valid; `errors` says what.",
            InvalidRequestError("The request is not valid; see: n.", [N]),
        ),
        Refusal(
            "The Idempotency-Key came before with another body.",
            IdempotencyMismatchError("This Idempotency-Key came before with another body."),
        ),
        Refusal(
            "A limit is reached: of requests a minute, or of generations at a time.",
            LimitReachedError("The tenant shop may ask 60 times a minute.", (), RATE),
            LIMIT_HEADERS,
        ),
        Refusal(
            "The fault is Easel's.",
            InternalError(
                "The fault is ours. The same request with the same Idempotency-Key may be sent again."
            ),
        ),
    )
}
