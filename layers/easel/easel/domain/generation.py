"""A generation's life: its statuses, its attempts, and the moves that are allowed.

Each move is a pure function of the record as it was read. The store writes the result only if the
record still has the version that was read, so a move is decided and written as one. A terminal status
never changes.

    queued ──► submitting ──► processing ──► persisting ──► succeeded
                   │              │              │
                   └──────────────┴──────────────┴────────► failed, canceled, expired
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from easel.domain.capabilities import ParameterReport
from easel.domain.failure import Failure
from easel.domain.latency import Expectation
from easel.domain.money import Amount, Money
from easel.domain.request import GenerationRequest


class Status(StrEnum):
    """Where a generation stands."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    PROCESSING = "processing"
    PERSISTING = "persisting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED})
AT_THE_VENDOR = frozenset({Status.SUBMITTING, Status.PROCESSING})


class AttemptState(StrEnum):
    """What is known of one ask of a vendor."""

    INTENT = "intent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Record(BaseModel):
    """Base of what is stored: never changed in place."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    def having(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        return self.model_copy(update=changes)


class ResultRef(Record):
    """Where a finished image lies until it is kept: the vendor's link, or an object of ours."""

    number: int = Field(description="its place among the images that were delivered")
    url: str | None = Field(default=None, repr=False)
    key: str | None = Field(default=None, description="S3 key in the image bucket, for inline results")


class Attempt(Record):
    """One ask of one vendor; a row of the ledger."""

    number: int
    route: str
    model: str = Field(description="the vendor's own name of the model")
    state: AttemptState
    quoted: Money
    usd_per_unit: Amount = Field(default=Decimal(1), description="of the route's currency, when it was asked")
    expected: Expectation | None = Field(default=None, description="how long the route lately took")
    asked_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    task_id: str | None = None
    request_id: str | None = None
    vendor_status: str | None = Field(default=None, description="the vendor's word, as it came last")
    blind_polls: int = Field(default=0, description="polls in a row that told nothing of the task")
    cost: Decimal | None = Field(default=None, description="as the vendor told it, in the price's unit")
    results: tuple[ResultRef, ...] = Field(default=(), repr=False)
    filtered: int = Field(default=0, description="images that the vendor's moderation withheld")
    failure: Failure | None = None
    because: str = Field(default="", description="why this route was asked")
    turn_taken_at: datetime | None = Field(default=None, description="when it got its turn at the route")
    billed: Money | None = None
    possibly_billed: Money | None = None
    refunded: Money | None = None

    @property
    def costs_nothing(self) -> bool:
        """Whether the vendor certainly takes no money for it."""
        return self.possibly_billed is None and (self.billed is None or self.billed == self.refunded)


class Slot(Record):
    """A turn at a route that was taken for this generation."""

    route: str
    at: datetime
    because: str
    failures: int = Field(default=0, description="of the route in a row, when the turn was given")
    expected: Expectation | None = Field(default=None, description="how long the route lately took")
    taken_at: datetime | None = None


class Origin(Record):
    """Where a generation comes from, where it is not a caller's single request over HTTP."""

    batch: str | None = None
    row: int | None = Field(default=None, description="its number in the batch's manifest")
    custom_id: str | None = None
    execution: str | None = Field(default=None, description="the caller's execution that carries it")
    correlation_id: str | None = Field(default=None, description="the caller's own, given back in events")
    reserved_usd: Amount = Field(default=Decimal(0), description="of its batch's cost cap")


class Reservation(Record):
    """What was taken of the limits of keys and tenants, to be exchanged for the cost at the end."""

    usd: Amount = Decimal(0)
    budgets: tuple[str, ...] = Field(default=(), description="the owners whose budgets count it")
    places: tuple[str, ...] = Field(default=(), description="the owners whose concurrency counts it")


class Image(Record):
    """A kept object and its verified facts."""

    key: str
    content_type: str
    width: int
    height: int
    bytes: int
    sha256: str


class GenerationError(Record):
    """Why a generation did not succeed. `code` is stable for programs."""

    code: str
    message: str
    vendor_code: str | None = None
    vendor_message: str | None = None
    retryable: bool = False


class IllegalMoveError(ValueError):
    """A move that the generation's status does not allow; a fault of ours, never of a caller."""


class Generation(Record):
    """One request, one id, one terminal state."""

    id: str
    tenant: str
    version: int = 0
    status: Status = Status.QUEUED
    request: GenerationRequest
    routes: tuple[str, ...]
    routed_by: str = Field(default="caller", description="whose order the routes are in")
    quoted: Money
    quoted_usd: Amount = Decimal(0)
    reservation: Reservation = Reservation()
    expected: Expectation | None = Field(default=None, description="how long its first route lately took")
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    ended_at: datetime | None = None
    announced: bool = Field(default=False, description="whether its end was told")
    route: str | None = None
    slot: Slot | None = None
    origin: Origin = Origin()
    carrier: int = Field(default=0, description="which execution carries it: 0 is the first")
    parameters: ParameterReport | None = None
    attempts: tuple[Attempt, ...] = ()
    images: tuple[Image, ...] = ()
    seed: int | None = None
    actual_prompt: str | None = Field(default=None, repr=False)
    error: GenerationError | None = None

    @classmethod
    def create(
        cls,
        generation_id: str,
        tenant: str,
        request: GenerationRequest,
        routes: tuple[str, ...],
        quoted: Money,
        now: datetime,
        routed_by: str = "caller",
        origin: Origin | None = None,
        quoted_usd: Decimal = Decimal(0),
        reservation: Reservation | None = None,
        expected: Expectation | None = None,
    ) -> Self:
        """A queued generation."""
        deadline = now + timedelta(seconds=request.deadline_seconds)
        return cls(
            id=generation_id, tenant=tenant, request=request, routes=routes, routed_by=routed_by,
            origin=origin or Origin(), quoted=quoted, quoted_usd=quoted_usd,
            reservation=reservation or Reservation(),
            expected=expected, created_at=now, updated_at=now, deadline_at=deadline,
        )  # fmt: skip

    @property
    def terminal(self) -> bool:
        """Whether the generation has ended."""
        return self.status in TERMINAL

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def current_attempt(self) -> Attempt:
        """The latest attempt, where there must be one."""
        if not self.attempts:
            raise IllegalMoveError(f"{self.id} has no attempt")
        return self.attempts[-1]

    @property
    def folder(self) -> str:
        """Where its images lie in the bucket: those of a batch lie beside the batch's results."""
        batch = self.origin.batch
        return f"batches/{batch}/images/{self.id}" if batch else f"images/{self.id}"

    def seconds_left(self, now: datetime) -> float:
        """Until the deadline; negative after it."""
        return (self.deadline_at - now).total_seconds()

    def holding(self, slot: Slot | None, now: datetime) -> Self:
        """A turn was taken for it, or is given back."""
        return self._moved(now, slot=slot)

    def carried_by(self, carrier: int, now: datetime) -> Self:
        """Another execution carries it from here on."""
        return self._moved(now, carrier=carrier)

    def intend(
        self,
        slot: Slot,
        model: str,
        quoted: Money,
        parameters: ParameterReport,
        now: datetime,
        usd_per_unit: Decimal = Decimal(1),
    ) -> Self:
        """About to ask a vendor: the ledger's row is written before the ask.

        Never while an earlier ask stands, and where one may be billed only if the caller opted into that.
        """
        last = self.attempt
        if last is not None and (
            last.ended_at is None or not (last.costs_nothing or self.request.on_unknown == "resubmit")
        ):
            raise IllegalMoveError(f"{self.id} must not ask a vendor now")
        if self.status not in (Status.QUEUED, *AT_THE_VENDOR):
            raise IllegalMoveError(f"{self.id} is {self.status}")
        attempt = Attempt(
            number=len(self.attempts) + 1, route=slot.route, model=model, because=slot.because,
            turn_taken_at=slot.taken_at, state=AttemptState.INTENT, quoted=quoted, asked_at=now,
            usd_per_unit=usd_per_unit, expected=slot.expected,
        )  # fmt: skip
        return self._moved(
            now, status=Status.SUBMITTING, route=slot.route, slot=None, parameters=parameters,
            attempts=(*self.attempts, attempt),
        )  # fmt: skip

    def accepted(self, now: datetime, *, task_id: str, **told: Any) -> Self:
        """The vendor took the job and works on it."""
        changes = {"state": AttemptState.ACCEPTED, "task_id": task_id, "answered_at": now, **told}
        return self._attempt_moved(now, {Status.SUBMITTING}, changes, status=Status.PROCESSING)

    def told(self, now: datetime, **told: Any) -> Self:
        """The vendor said something that changes no status: another word, an unknown task."""
        return self._attempt_moved(now, {Status.PROCESSING}, told)

    def finished(
        self, now: datetime, results: tuple[ResultRef, ...], *, billed: Money,
        seed: int | None, actual_prompt: str | None, **told: Any,
    ) -> Self:  # fmt: skip
        """The vendor delivered, and bills it; the images are not kept yet."""
        answered = self.current_attempt.answered_at or now
        attempt = {
            "state": AttemptState.ACCEPTED, "results": results, "answered_at": answered, "billed": billed,
            **told,
        }  # fmt: skip
        return self._attempt_moved(
            now, AT_THE_VENDOR, attempt, status=Status.PERSISTING,
            seed=self.request.seed if seed is None else seed, actual_prompt=actual_prompt,
        )  # fmt: skip

    def rejected(self, now: datetime, failure: Failure) -> Self:
        """The vendor certainly did not take the job."""
        changes = {
            "state": AttemptState.REJECTED, "failure": failure, "answered_at": now, "ended_at": now,
            "request_id": self._request_id(failure),
        }  # fmt: skip
        return self._attempt_moved(now, {Status.SUBMITTING}, changes)

    def unknown(self, now: datetime, failure: Failure) -> Self:
        """Whether the vendor took the job cannot be told: it may be billed."""
        changes = {
            "state": AttemptState.UNKNOWN, "failure": failure, "ended_at": now,
            "possibly_billed": self.current_attempt.quoted, "request_id": self._request_id(failure),
        }  # fmt: skip
        return self._attempt_moved(now, {Status.SUBMITTING}, changes)

    def attempt_failed(
        self, now: datetime, failure: Failure, charges: Mapping[str, Money], task_id: str | None = None
    ) -> Self:
        """The vendor took the job and did not deliver. `charges` are figures of the receipt, by name."""
        changes = {
            "state": AttemptState.FAILED, "failure": failure, "ended_at": now, "results": (),
            "answered_at": self.current_attempt.answered_at or now,
            "task_id": task_id or self.current_attempt.task_id,
            "request_id": self._request_id(failure), **charges,
        }  # fmt: skip
        return self._attempt_moved(now, AT_THE_VENDOR, changes)

    def kept(self, now: datetime, images: tuple[Image, ...]) -> Self:
        """The images are in the bucket, verified. Their links are forgotten: they are bearer secrets."""
        changes = {"state": AttemptState.SUCCEEDED, "ended_at": now, "results": ()}
        return self._attempt_moved(now, {Status.PERSISTING}, changes, images=images)

    def succeeded(self, now: datetime, images: tuple[Image, ...]) -> Self:
        """The images are kept and the generation has ended: both in one move."""
        whole = self.kept(now, images)
        return whole.settled(now, Status.SUCCEEDED, None).having(version=whole.version)

    def partly_kept(self, now: datetime, images: tuple[Image, ...], left: tuple[ResultRef, ...]) -> Self:
        """Some images are in the bucket; the others are still to be fetched."""
        return self._attempt_moved(now, {Status.PERSISTING}, {"results": left}, images=images)

    def settled(self, now: datetime, status: Status, error: GenerationError | None) -> Self:
        """The end. What an open attempt may have cost is said."""
        if status not in TERMINAL or (status is Status.SUCCEEDED) is not (error is None):
            raise IllegalMoveError(f"{self.id} cannot end as {status}")
        if status is Status.SUCCEEDED and not self.images:
            raise IllegalMoveError(f"{self.id} has no image to succeed with")
        return self._moved(now, status=status, error=error, ended_at=now, attempts=self._closed_attempts(now))

    def _closed_attempts(self, now: datetime) -> tuple[Attempt, ...]:
        attempt = self.attempt
        if attempt is None or attempt.ended_at is not None:
            return self.attempts
        state = AttemptState.SUCCEEDED if self.images else AttemptState.FAILED
        if attempt.state is AttemptState.INTENT:
            state = AttemptState.UNKNOWN
        possibly = attempt.quoted if attempt.billed is None else None
        closed = attempt.having(state=state, ended_at=now, results=(), possibly_billed=possibly)
        return (*self.attempts[:-1], closed)

    def _request_id(self, failure: Failure) -> str | None:
        """The vendor's trace id of the attempt: of the ask, or else of the answer that failed it."""
        return self.current_attempt.request_id or failure.request_id

    def _attempt_moved(
        self, now: datetime, within: Collection[Status], attempt: Mapping[str, Any], **changes: Any
    ) -> Self:
        """A move of the open attempt, allowed `within` these statuses only."""
        if self.status not in within or self.current_attempt.ended_at is not None:
            raise IllegalMoveError(f"{self.id} is {self.status}, its attempt {self.current_attempt.state}")
        moved = self.current_attempt.having(**attempt)
        return self._moved(now, attempts=(*self.attempts[:-1], moved), **changes)

    def _moved(self, now: datetime, **changes: Any) -> Self:
        if self.terminal:
            raise IllegalMoveError(f"{self.id} has ended as {self.status}")
        return self.having(updated_at=now, version=self.version + 1, **changes)
