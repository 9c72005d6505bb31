"""Every error that Easel raises, one reason per class.

    EaselError
    ├── RequestError                 the caller's request cannot be served; carries its HTTP status
    │   ├── MalformedRequestError    400
    │   ├── UnauthorizedError        401
    │   │   └── NoKeyError
    │   ├── ForbiddenError           403
    │   ├── NotFoundError            404
    │   ├── MethodNotAllowedError    405, says which methods there are
    │   ├── ConflictError            409
    │   ├── StillWorkingError        409, says when to come again
    │   ├── UnsupportedMediaError    415
    │   ├── InvalidRequestError      422, names the fields
    │   ├── IdempotencyMismatchError 422
    │   ├── BudgetReachedError       402, names the limit and whose it is
    │   ├── LimitReachedError        429, likewise
    │   └── InternalError            500, the fault is ours
    ├── VendorError                  a vendor did not take the job; the workflow repeats the step
    │   ├── VendorTransientError
    │   └── VendorRateLimitedError
    ├── TransportError               no complete answer came over the network
    │   ├── NotSentError             certainly never reached the other side
    │   ├── AnswerLostError          may have reached the other side
    │   ├── ResponseTooLargeError
    │   └── AddressRefusedError      the link is not on the vendor's list of result hosts
    ├── ImageInvalidError            the bytes are not the image that was promised
    ├── ImageUnavailableError        the bytes could not be fetched
    ├── NothingToKeepError           the vendor has no image yet; the step before said what comes next
    ├── NotDeliveredError            the generation has ended without an image; Settle says how
    ├── VersionConflictError         somebody else wrote the record first
    ├── AlreadyExistsError           the record, or the idempotency key, is there already
    ├── TableBusyError               the table put reads off, again and again
    ├── WorkflowBusyError            Step Functions takes no more calls for now
    ├── FileChangedError             the manifest is not the object any more that the batch was made from
    ├── CostCapError                 the batch may not cost any more
    └── SettingsError                the deployment's own settings are wrong

Class names are a contract with `functions/generate.asl.yaml`, which retries by name.
"""

from collections.abc import Sequence
from typing import NamedTuple


class EaselError(Exception):
    """Base of all of Easel's errors."""


class FieldProblem(NamedTuple):
    """One field of a request that is wrong: which, why, and what would be right."""

    field: str
    message: str
    limit: str | int | None = None
    allowed: tuple[str, ...] | None = None


class ReachedLimit(NamedTuple):
    """A limit of ours that a caller has reached: which, whose, how much it allows, when to come again."""

    name: str
    owner: str
    allowed: str
    retry_after_seconds: int


class RequestError(EaselError):
    """The caller's request cannot be served. `status` is HTTP's, `code` is stable for programs."""

    status = 400
    code = "request_error"
    title = "The request cannot be served"

    def __init__(
        self,
        detail: str,
        problems: Sequence[FieldProblem] = (),
        reached: ReachedLimit | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = tuple(problems)
        self.reached = reached
        self.retry_after_seconds = reached.retry_after_seconds if reached else retry_after_seconds


class MalformedRequestError(RequestError):
    """The body or a header cannot be read at all."""

    status, code, title = 400, "malformed_request", "The request cannot be read"


class UnauthorizedError(RequestError):
    """No API key, or one that is not known."""

    status, code, title = 401, "unauthorized", "A valid API key is needed"


class NoKeyError(UnauthorizedError):
    """No API key was sent."""


class ForbiddenError(RequestError):
    """The API key does not allow this."""

    status, code, title = 403, "forbidden", "The API key does not allow this"


class NotFoundError(RequestError):
    """There is nothing under this address, or it belongs to somebody else."""

    status, code, title = 404, "not_found", "Not found"


class MethodNotAllowedError(RequestError):
    """There is something under this address, but not with this method."""

    status, code, title = 405, "method_not_allowed", "There is no such method"

    def __init__(self, detail: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.allowed = tuple(allowed)


class ConflictError(RequestError):
    """The state of what is asked about does not allow this."""

    status, code, title = 409, "conflict", "Conflict"


class StillWorkingError(RequestError):
    """The generation has not ended in the time that an answer may take; the same request again resumes it."""

    status, code, title = 409, "still_working", "Still working on it"


class UnsupportedMediaError(RequestError):
    """The body is of a type that is not taken."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class InvalidRequestError(RequestError):
    """Well-formed but invalid; `problems` names the fields."""

    status, code, title = 422, "invalid_request", "The request is not valid"


class IdempotencyMismatchError(RequestError):
    """The idempotency key was used before, with another body."""

    status, code, title = 422, "idempotency_mismatch", "Idempotency key reused with another body"


class BudgetReachedError(RequestError):
    """What the generation may cost does not fit into a budget any more."""

    status, code, title = 402, "budget_reached", "A budget is used up"


class LimitReachedError(RequestError):
    """The caller's key or tenant may not ask for more right now."""

    status, code, title = 429, "limit_reached", "A limit is reached"


class InternalError(RequestError):
    """The fault is ours; what failed is in the log."""

    status, code, title = 500, "internal", "Easel failed"


class VendorError(EaselError):
    """The vendor certainly did not take the job, and asking again later may help."""


class VendorTransientError(VendorError):
    """The vendor is out of order for the moment."""


class VendorRateLimitedError(VendorError):
    """The vendor asks us to slow down."""


class TransportError(EaselError):
    """No complete answer came over the network."""


class NotSentError(TransportError):
    """The connection never opened: the request certainly did not reach the other side."""


class AnswerLostError(TransportError):
    """The request may have reached the other side; its answer did not reach us."""


class ResponseTooLargeError(TransportError):
    """The answer is larger than the limit set for it."""


class AddressRefusedError(TransportError):
    """The address is not one that Easel fetches from."""


class ImageInvalidError(EaselError):
    """The bytes are not a complete image of a kind that Easel keeps."""


class ImageUnavailableError(EaselError):
    """The image could not be fetched from where the vendor said it is."""


class NothingToKeepError(EaselError):
    """The vendor has no image yet, or will have none: the step before said what comes next."""


class NotDeliveredError(EaselError):
    """The generation has ended, and not with an image: the workflow's other exit says how."""


class VersionConflictError(EaselError):
    """The record changed since it was read."""


class AlreadyExistsError(EaselError):
    """A record with this key exists already."""


class TableBusyError(EaselError):
    """The table put reads off for so long that somebody should come again later."""


class WorkflowBusyError(EaselError):
    """Step Functions takes no more calls for now: what was to be started is found by Reconcile."""


class FileChangedError(EaselError):
    """The manifest was changed or removed while its batch was being prepared."""


class CostCapError(EaselError):
    """What a row may cost does not fit under its batch's cost cap any more."""


class SettingsError(EaselError):
    """The deployment's settings are missing or wrong; the message names the setting."""
