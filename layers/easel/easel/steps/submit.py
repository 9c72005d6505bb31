"""Submit: write the intent, ask the vendor, record the answer. Run twice, it asks once."""

from dataclasses import dataclass, replace

from easel.catalogue import Route
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import AttemptState, Generation
from easel.domain.polling import Pace
from easel.errors import (
    AnswerLostError,
    NotSentError,
    ResponseTooLargeError,
    SettingsError,
    VendorError,
    VendorRateLimitedError,
    VendorTransientError,
)
from easel.ports import Clock, GenerationStore
from easel.routing import fit_route
from easel.steps.base import Next, failed_charges, load, resume
from easel.steps.vendor_calls import VendorCalls
from easel.vendors.base import Failed, Finished, Pending, SubmitAnswer

# Above the slowest synchronous answer that was seen (under 60 s), below the function's own 300 s.
ANSWER_SECONDS_MAX = 280.0


@dataclass(frozen=True, slots=True)
class Submitter:
    """Asks a vendor for one generation."""

    store: GenerationStore
    calls: VendorCalls
    clock: Clock

    def submit(self, generation_id: str) -> Next:
        """What comes next. Raises VendorTransientError or VendorRateLimitedError where the vendor certainly
        did not take the job and may take it later.

        intent written ──► vendor asked ──► answer written
              ▲ a run that finds an intent without an answer died in between: whether the
                vendor took the job is unknown, and it is not asked again
        """
        generation = load(self.store, generation_id)
        if generation.terminal or generation.seconds_left(self.clock.now()) <= 0:
            return Next(generation_id, "settle")
        if not generation.may_ask():
            return self._resume(generation)
        route = self.calls.catalogue.routes[generation.routes[0]]
        fit = fit_route(generation.request, route)
        prefix = self.calls.images.uri("")
        ask = replace(fit.ask, images=self.calls.inline_inputs(fit.ask, prefix))
        request = route.endpoint.adapter.build_submit(ask)
        quoted = route.price.times(generation.request.n or 1)
        intended = generation.intend(route.name, ask.model, quoted, fit.report, self.clock.now())
        self.store.save(intended)
        timeout = min(ANSWER_SECONDS_MAX, max(1.0, intended.seconds_left(self.clock.now())))
        try:
            response = self.calls.send(route.endpoint, request, timeout)
        except (NotSentError, SettingsError) as error:
            return self._not_sent(intended, error)
        except (AnswerLostError, ResponseTooLargeError) as error:
            failure = Failure(failure_class=FailureClass.TRANSIENT, message=str(error), vendor_body=False)
            return self._ended(intended.unknown(self.clock.now(), failure))
        return self._record(intended, route, route.endpoint.adapter.read_submit(response))

    def _record(self, generation: Generation, route: Route, answer: SubmitAnswer) -> Next:
        now = self.clock.now()
        match answer:
            case Pending():
                self.store.save(
                    generation.accepted(
                        now,
                        task_id=answer.task_id,
                        request_id=answer.request_id,
                        vendor_status=answer.status,
                        cost=answer.cost,
                    )
                )
                left = max(0.0, generation.seconds_left(now))
                return Next(generation.id, "wait", min(Pace(route.typical_seconds).first_wait(), left))
            case Finished():
                self.store.save(self.calls.delivered(generation, route, answer, now))
                return Next(generation.id, "persist")
            case Failed():
                return self._failed(generation, route, answer)

    def _failed(self, generation: Generation, route: Route, answer: Failed) -> Next:
        now, failure = self.clock.now(), answer.failure
        if certainly_rejected(failure):
            self.store.save(generation.rejected(now, failure))
            if failure.retryable:
                raise vendor_error(failure)
            return Next(generation.id, "settle")
        if failure.http_status is None or failure.http_status >= 300:
            return self._ended(generation.unknown(now, failure))
        # The vendor took the job and could not do it, or its success cannot be understood.
        charges = failed_charges(route.endpoint, generation.current_attempt, answer)
        return self._ended(generation.attempt_failed(now, failure, charges, answer.task_id))

    def _not_sent(self, generation: Generation, error: NotSentError | SettingsError) -> Next:
        transient = isinstance(error, NotSentError)
        failure_class = FailureClass.TRANSIENT if transient else FailureClass.CONFIG
        failure = Failure(failure_class=failure_class, message=str(error), vendor_body=False)
        self.store.save(generation.rejected(self.clock.now(), failure))
        if transient:
            raise VendorTransientError(str(error)) from error
        return Next(generation.id, "settle")

    def _resume(self, generation: Generation) -> Next:
        attempt = generation.attempt
        if attempt is not None and attempt.state is AttemptState.INTENT:
            message = "the step ended between the ask and its answer"
            failure = Failure(failure_class=FailureClass.TRANSIENT, message=message, vendor_body=False)
            return self._ended(generation.unknown(self.clock.now(), failure))
        return resume(generation)

    def _ended(self, generation: Generation) -> Next:
        self.store.save(generation)
        return Next(generation.id, "settle")


def certainly_rejected(failure: Failure) -> bool:
    """Whether the vendor certainly did not take the job: any 4xx, or a 500 or 503 in its own words."""
    status = failure.http_status or 0
    return 400 <= status < 500 or (status in (500, 503) and failure.vendor_body)


def vendor_error(failure: Failure) -> VendorError:
    """The error by whose name the workflow repeats the step."""
    limited = failure.failure_class is FailureClass.RATE_LIMIT
    kind = VendorRateLimitedError if limited else VendorTransientError
    return kind(f"the vendor answered HTTP {failure.http_status}, code {failure.code}")
