"""An answer that is no success, as the error that says what it means and what to do about it."""

from collections.abc import Mapping
from typing import Any

from easel_client.durations import in_words
from easel_client.errors import (
    BudgetError,
    ConflictError,
    FieldProblem,
    InvalidRequestError,
    KeyRefusedError,
    NotFoundError,
    RateLimitError,
    RefusedError,
    ScopeError,
    ServerError,
)

CLASSES: Mapping[int, type[RefusedError]] = {
    400: InvalidRequestError,
    401: KeyRefusedError,
    402: BudgetError,
    403: ScopeError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}
ADVICE: Mapping[type[RefusedError], str] = {
    KeyRefusedError: "`easel login` keeps another one.",
    ScopeError: "`easel keys whoami` shows what the key may do; an admin key can allow more.",
    BudgetError: "`easel keys whoami` shows the budgets; an admin key can raise them.",
    ServerError: "Try again a little later.",
}
# Lambda takes 6 MB, and API Gateway gives it .jsonl, which it knows for no text, as base64.
TOO_LARGE = "Over HTTP about 6 MB are taken, of .jsonl 4.4 MB; put a larger batch into the inbox bucket."
MISMATCH = "idempotency_mismatch"
MISMATCH_ADVICE = (
    "A repeat must be the very same request. A file of over 256 KB is uploaded anew: name its upload:ID."
)


def refusal(status: int, body: Any, retry_after: str | None, base_url: str) -> RefusedError:
    """The error for an answer of this status; `body` is its JSON, or None where it has none."""
    seconds = seconds_of(retry_after)
    kind = CLASSES.get(status, ServerError)
    problem = body if isinstance(body, dict) and "code" in body else {}
    if not problem:
        return _of_gateway(status, kind, seconds, base_url)
    errors = [FieldProblem.of(one) for one in problem.get("errors") or () if isinstance(one, dict)]
    said = str(problem.get("detail") or problem.get("title") or f"Easel answered {status}.")
    return kind(
        f"{errors[0]}." if len(errors) == 1 else said,
        _advice(kind, problem, seconds),
        status=status,
        code=str(problem["code"]),
        errors=errors,
        retry_after_seconds=seconds,
    )


def seconds_of(retry_after: str | None) -> float | None:
    """What a `Retry-After` of seconds says; None where there is none."""
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None


def _of_gateway(status: int, kind: type[RefusedError], seconds: float | None, base_url: str) -> RefusedError:
    """What stands before Easel answered by itself, or it is no Easel."""
    if status == 413:
        return kind("The request is too large.", TOO_LARGE, status=status)
    if status == 429:
        return kind("Too many requests at a time.", status=status, retry_after_seconds=seconds)
    said = f"{base_url} answered {status}"
    if status >= 500:
        return kind(f"{said}.", ADVICE[ServerError], status=status, retry_after_seconds=seconds)
    return ServerError(f"{said}, and not as Easel does.", "Is the address right?", status=status)


def _advice(kind: type[RefusedError], problem: Mapping[str, Any], seconds: float | None) -> str:
    again = f"It may go through in {in_words(seconds)}." if seconds else ""
    if kind is ServerError and (request_id := problem.get("request_id")):
        return f"Try again a little later; the log has it as {request_id}."
    what = MISMATCH_ADVICE if problem["code"] == MISMATCH else ADVICE.get(kind, "")
    return " ".join(filter(None, (again, what)))
