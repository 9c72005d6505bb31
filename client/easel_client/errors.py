"""Every error that the client raises, one reason per class.

EaselError                    says what happened, and in `advice` what to do about it
├── SettingsError             no key or address is known, or the profile file is wrong; nothing was sent
├── InputError                a file that was named cannot be taken; nothing was sent
├── UnreachableError          no whole answer came over the network
├── RefusedError              Easel refused; carries its status, code and wrong fields
│   ├── InvalidRequestError   400, 413, 415, 422
│   ├── KeyRefusedError       401
│   ├── BudgetError           402
│   ├── ScopeError            403
│   ├── NotFoundError         404
│   ├── ConflictError         409
│   ├── RateLimitError        429
│   └── ServerError           any other: the fault is not the caller's
├── GenerationFailedError     the generation ended without a picture; carries it
├── StillWorkingError         the generation, or batch, goes on, but the patience is over
└── ImageError                the picture's bytes cannot be had, or are not those that were announced
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from easel_client.answers import Generation


ERRORS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A field of a request that is wrong: which, why, and where that helps what it may be."""

    field: str
    message: str
    allowed: tuple[str, ...] = ()

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "FieldProblem":
        """From an answer."""
        allowed = tuple(str(one) for one in raw.get("allowed") or ())
        return cls(str(raw.get("field", "")), str(raw.get("message", "")), allowed)

    def __str__(self) -> str:
        choices = f" (allowed: {', '.join(self.allowed)})" if self.allowed else ""
        return f"{self.field}: {self.message}{choices}"


class EaselError(Exception):
    """Base of all errors. `generation_id` is that of a generation that goes on all the same.

    `idempotency_key` is None, unless what costs money may have been accepted, though no answer says so: with
    this key the very same request may be repeated without buying twice.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.generation_id: str | None = None
        self.idempotency_key: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.message, self.advice)))


class SettingsError(EaselError):
    """No key or address is known, or the profile file is wrong."""


class InputError(EaselError):
    """A file that was named cannot be taken."""


class UnreachableError(EaselError):
    """No whole answer came. `sent` says whether the request may have arrived."""

    def __init__(self, message: str, advice: str = "", *, sent: bool = True) -> None:
        super().__init__(message, advice)
        self.sent = sent


class RefusedError(EaselError):
    """Easel refused. `code` is stable, for programs; `errors` are the fields that are wrong."""

    def __init__(
        self,
        message: str,
        advice: str = "",
        *,
        status: int,
        code: str = "",
        errors: Sequence[FieldProblem] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, advice)
        self.status = status
        self.code = code
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        if len(self.errors) < 2:
            return super().__str__()
        return "\n".join((super().__str__(), *(f"  {one}" for one in self.errors[:ERRORS_SHOWN])))


class InvalidRequestError(RefusedError):
    """What was sent is not valid."""


class KeyRefusedError(RefusedError):
    """The key is not known, not valid any more, or missing."""


class BudgetError(RefusedError):
    """A budget does not hold what it may cost."""


class ScopeError(RefusedError):
    """The key does not allow it."""


class NotFoundError(RefusedError):
    """There is nothing of that name, or it is somebody else's."""


class ConflictError(RefusedError):
    """Its state does not allow it."""


class RateLimitError(RefusedError):
    """Too much at a time."""


class ServerError(RefusedError):
    """Easel, or what stands in front of it, failed."""


class GenerationFailedError(EaselError):
    """The generation ended as failed, canceled or expired. `generation` tells the rest."""

    def __init__(self, message: str, advice: str, generation: "Generation") -> None:
        super().__init__(message, advice)
        self.generation = generation
        self.generation_id = generation.id


class StillWorkingError(EaselError):
    """It has not ended in the time that it was waited for."""


class ImageError(EaselError):
    """The picture's bytes cannot be had, or are not those that were announced."""
