"""Settle: the one exit. Writes the terminal status and the receipt, and tells the bus."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from easel.domain.facts import Tell, ended
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import Attempt, AttemptState, Generation, GenerationError, Status
from easel.errors import BudgetReachedError, RequestError
from easel.ports import Clock, GenerationStore
from easel.steps.announce import Announcer, as_json, shortened
from easel.steps.base import load
from easel.view import generation_view, problem_view

# Step Functions takes no longer cause
# (https://docs.aws.amazon.com/step-functions/latest/apireference/API_ExecutionFailedEventDetails.html).
CAUSE_CHARACTERS_MAX = 32_768

# The workflow's own words for what it caught, in the words of a generation's error.
FAULT_CODES = {
    "ImageInvalidError": "image_invalid",
    "ImageUnavailableError": "image_unavailable",
    "AddressRefusedError": "result_host_refused",
    "AnswerLostError": "image_unavailable",
    "NotSentError": "image_unavailable",
}
FAULT_MESSAGES = {
    "image_invalid": "The vendor's result is not a whole image.",
    "image_unavailable": "The vendor's result could not be fetched.",
    "result_host_refused": "The vendor's result link points to a host that is not on its list.",
    "internal": "A step of Easel failed; the record and the logs show how far it came.",
}
CODE_MESSAGES = {
    AttemptState.UNKNOWN: "The vendor's answer was lost: it may have taken the job, and may bill it.",
    AttemptState.REJECTED: "The vendor refused the job.",
    AttemptState.FAILED: "The vendor took the job and did not deliver.",
}
CLASS_MESSAGES = {
    FailureClass.MODERATION: "The vendor refuses this prompt or image.",
    FailureClass.VALIDATION: "The vendor does not take the request's parameters.",
    FailureClass.RATE_LIMIT: "The vendor takes no more requests for now.",
    FailureClass.AUTH: "The vendor refuses the deployment's key.",
    FailureClass.BILLING: "The vendor refuses the deployment's account: its credit or billing.",
}
OUT_OF_ORDER = "The vendor is out of order."


@dataclass(slots=True, eq=False)
class Settler:
    """Ends generations. `uri` names an object of the image bucket."""

    store: GenerationStore
    uri: Callable[[str], str]
    announcer: Announcer
    clock: Clock
    tell: Tell

    def settle(self, generation_id: str, fault: str | None = None) -> dict[str, Any]:
        """End the generation if it has not ended, and tell the bus; run again, it does what is left.

        `fault` is the name of the error that the workflow caught on the way. Returns the state machine's
        last state: id, status, and the generation as callers see it, or error and cause where it failed.
        """
        return self.end(load(self.store, generation_id), fault)

    def end(self, generation: Generation, fault: str | None = None) -> dict[str, Any]:
        """The same for a record that was just read or written."""
        before = generation
        if not generation.terminal:
            generation = self._end(before, fault)
            self.store.save(generation)
            self.tell(ended(before, generation))
        self.announcer.announce(generation)
        view = generation_view(generation, self.uri)
        name = generation.status.value.capitalize()
        state = {"id": generation.id, "status": generation.status.value}
        if generation.status is Status.SUCCEEDED:
            return state | {"generation": view}
        cause = as_json(shortened(view, CAUSE_CHARACTERS_MAX))
        return state | {"error": f"Easel.{name}", "cause": cause}

    def _end(self, generation: Generation, fault: str | None) -> Generation:
        now = self.clock.now()
        if generation.images:
            return generation.settled(now, Status.SUCCEEDED, None)
        if generation.seconds_left(now) <= 0:
            attempt = generation.attempt
            last = f" {_words(attempt, attempt.failure)}" if attempt and attempt.failure else ""
            message = f"It did not end within its {generation.request.deadline_seconds} s.{last}"
            error = GenerationError(code="deadline_exceeded", message=message, retryable=True)
            return generation.settled(now, Status.EXPIRED, error)
        return generation.settled(now, Status.FAILED, error_of(generation, fault))


def refused_state(error: RequestError) -> dict[str, str]:
    """The state machine's last state for a request that was refused before there was a generation."""
    name = "Easel.BudgetReached" if isinstance(error, BudgetReachedError) else "Easel.InvalidRequest"
    return {"error": name, "cause": as_json(problem_view(error))[:CAUSE_CHARACTERS_MAX]}


def error_of(generation: Generation, fault: str | None) -> GenerationError:
    """Why it failed: what the vendor said last, or else what the workflow caught."""
    attempt = generation.attempt
    failure = attempt.failure if attempt else None
    if attempt is not None and attempt.state is AttemptState.INTENT:
        return GenerationError(code="submission_unknown", message=CODE_MESSAGES[AttemptState.UNKNOWN])
    if attempt is None or failure is None:
        code = FAULT_CODES.get(fault or "", "internal")
        return GenerationError(code=code, message=FAULT_MESSAGES[code])
    unknown = attempt.state is AttemptState.UNKNOWN
    return GenerationError(
        code="submission_unknown" if unknown else failure.failure_class.value,
        message=_words(attempt, failure),
        vendor_code=failure.code,
        vendor_message=failure.message,
        retryable=failure.retryable and not unknown,
    )


def _words(attempt: Attempt, failure: Failure) -> str:
    """What a vendor's failure means to the caller; the vendor's own words stand beside it."""
    if attempt.state is AttemptState.REJECTED and failure.failure_class is FailureClass.TRANSIENT:
        return OUT_OF_ORDER
    known = None if attempt.state is AttemptState.UNKNOWN else CLASS_MESSAGES.get(failure.failure_class)
    return known or CODE_MESSAGES[attempt.state]
