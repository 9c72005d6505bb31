"""How the command ends: its exit statuses, and errors for programs."""

from collections.abc import Mapping
from typing import Any

from easel_client.errors import (
    BudgetError,
    EaselError,
    GenerationFailedError,
    ImageError,
    InputError,
    KeyRefusedError,
    RefusedError,
    ScopeError,
    ServerError,
    SettingsError,
    StillWorkingError,
    UnreachableError,
)

FAILED, USAGE, REFUSED, KEY, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 5, 130
# The first class that fits counts.
STATUSES: Mapping[type[EaselError], int] = {
    GenerationFailedError: FAILED,
    StillWorkingError: FAILED,
    InputError: USAGE,
    SettingsError: KEY,
    KeyRefusedError: KEY,
    ScopeError: KEY,
    BudgetError: KEY,
    ServerError: UNREACHABLE,
    UnreachableError: UNREACHABLE,
    ImageError: UNREACHABLE,
    RefusedError: REFUSED,
}
HELP = """\
[bold]Exit status[/bold]

0    it succeeded
1    a generation, or a row of a batch, failed
2    wrong usage, or a file that cannot be read or written
3    Easel refused the request
4    no key, a wrong one, one that may not do this, or no budget left
5    Easel cannot be reached, or is out of order; with --idempotency-key a repeat does not buy twice
130  Ctrl-C; what was begun goes on"""


def status_of(error: EaselError) -> int:
    """The exit status of an error."""
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), FAILED)


def json_of(error: EaselError) -> dict[str, Any]:
    """The error for programs."""
    told: dict[str, Any] = {"message": error.message, "advice": error.advice}
    if isinstance(error, RefusedError):
        told |= {
            "status": error.status,
            "code": error.code,
            "errors": [{"field": one.field, "message": one.message} for one in error.errors],
            "retry_after_seconds": error.retry_after_seconds,
        }
    if error.idempotency_key:
        told["idempotency_key"] = error.idempotency_key
    if error.generation_id:
        told["id"] = error.generation_id
    return {"error": told}
