"""Submit: get a turn, write the intent, ask the vendor, record the answer. Run twice, it asks once."""

from dataclasses import dataclass
from math import floor

from easel.catalogue import Route
from easel.domain.failover import remaining_routes
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import AttemptState, Generation, Slot
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
from easel.steps.base import Next, failed_charges, load, resume, until_first_question
from easel.steps.route_desk import Later, RouteDesk
from easel.steps.vendor_calls import VendorCalls
from easel.vendors.base import Failed, Finished, Pending, SubmitAnswer
from easel.wire import HttpRequest

# Above the slowest synchronous answer that was seen (under 60 s), below the function's own 300 s.
ANSWER_SECONDS_MAX = 280.0
BACKOFF_SECONDS_MAX = 60.0  # the workflow's longest pause: with less time left it would pass the deadline
LAST_WAIT_SECONDS = 5.0  # between two asks then
SOON_SECONDS = 1.0  # a turn that comes this soon is waited for here: a Wait state counts whole seconds


@dataclass(slots=True, eq=False)
class Submitter:
    """Asks a vendor for one generation."""

    store: GenerationStore
    calls: VendorCalls
    desk: RouteDesk
    clock: Clock

    def submit(self, generation_id: str) -> Next:
        """What comes next: `submit` again where a turn is waited for or the next route is to be asked.

        Raises VendorTransientError or VendorRateLimitedError where no route certainly took the job and one
        that was asked may take it later.

        intent written ──► vendor asked ──► answer written
              ▲ a run that finds an intent without an answer died in between: whether the
                vendor took the job is unknown, and it is not asked again
        """
        generation = load(self.store, generation_id)
        if generation.terminal or generation.seconds_left(self.clock.now()) <= 0:
            return Next(generation_id, "settle")
        attempt = generation.attempt
        if attempt is not None and attempt.state is AttemptState.INTENT:
            return self._unknown(generation, "the step ended between the ask and its answer")
        if generation.images or (attempt is not None and attempt.ended_at is None):
            return resume(generation)
        if generation.slot is not None and not self.desk.honours(generation.slot):
            generation = generation.holding(None, self.clock.now())
            self.store.save(generation)
        turn = generation.slot or self.desk.turn(generation)
        if turn is None:
            return Next(generation_id, "settle")
        if isinstance(turn, Later):
            return self._wait_for_a_turn(generation, (turn.at - self.clock.now()).total_seconds())
        return self._take_turn(generation, turn)

    def _take_turn(self, generation: Generation, slot: Slot) -> Next:
        now = self.clock.now()
        wait = (slot.at - now).total_seconds()
        if wait > SOON_SECONDS:
            if generation.slot is None:
                self.store.save(generation.holding(slot, now))
            return self._wait_for_a_turn(generation, floor(wait))
        if wait > 0:
            self.clock.sleep(wait)
        route = self.calls.catalogue.routes[slot.route]
        if not self.desk.take_place(generation, route):
            return self._wait_for_a_turn(generation, self.desk.until_next_look(slot, route))
        return self._ask(generation, slot, route)

    def _wait_for_a_turn(self, generation: Generation, seconds: float) -> Next:
        """Never beyond the deadline."""
        left = generation.seconds_left(self.clock.now())
        return Next(generation.id, "submit", max(0.0, min(seconds, left)))

    def _ask(self, generation: Generation, slot: Slot, route: Route) -> Next:
        fit = fit_route(generation.request, route)
        ask = self.calls.with_inputs(fit.ask, route.endpoint.adapter)
        request = route.endpoint.adapter.build_submit(ask)
        quoted = route.price.times(generation.request.n or 1)
        now, rate = self.clock.now(), route.endpoint.usd_per_unit
        intended = generation.intend(slot, ask.model, quoted, fit.report, now, rate)
        self.store.save(intended)
        self.desk.asks(intended)
        try:
            answer = self._send(intended, route, request)
        except (NotSentError, SettingsError) as error:
            return self._not_sent(intended, error)
        except (AnswerLostError, ResponseTooLargeError) as error:
            return self._unknown(intended, str(error))
        return self._record(intended, route, answer, slot.failures)

    def _send(self, generation: Generation, route: Route, request: HttpRequest) -> SubmitAnswer:
        timeout = min(ANSWER_SECONDS_MAX, max(1.0, generation.seconds_left(self.clock.now())))
        response = self.calls.send(route.endpoint, request, timeout)
        return route.endpoint.adapter.read_submit(response)

    def _record(self, generation: Generation, route: Route, answer: SubmitAnswer, failures: int) -> Next:
        now = self.clock.now()
        match answer:
            case Pending():
                taken = generation.accepted(
                    now,
                    task_id=answer.task_id,
                    request_id=answer.request_id,
                    vendor_status=answer.status,
                    cost=answer.cost,
                )
                self._save(taken, failures)
                left = max(0.0, generation.seconds_left(now))
                return Next(generation.id, "wait", min(floor(until_first_question(taken, route, now)), left))
            case Finished():
                self._save(self.calls.delivered(generation, route, answer, now), failures)
                return Next(generation.id, "persist")
            case Failed():
                return self._failed(generation, route, answer)

    def _failed(self, generation: Generation, route: Route, answer: Failed) -> Next:
        now, failure = self.clock.now(), answer.failure
        if certainly_rejected(failure):
            return self._go_on(generation.rejected(now, failure), failure)
        if failure.http_status is None or failure.http_status >= 300:
            return self._go_on(generation.unknown(now, failure), failure)
        # The vendor took the job and could not do it, or its success cannot be understood.
        charges = failed_charges(route.endpoint, generation.current_attempt, answer)
        return self._go_on(generation.attempt_failed(now, failure, charges, answer.task_id), failure)

    def _not_sent(self, generation: Generation, error: NotSentError | SettingsError) -> Next:
        transient = isinstance(error, NotSentError)
        failure_class = FailureClass.TRANSIENT if transient else FailureClass.CONFIG
        failure = Failure(failure_class=failure_class, message=str(error), vendor_body=False)
        return self._go_on(generation.rejected(self.clock.now(), failure), failure)

    def _unknown(self, generation: Generation, message: str) -> Next:
        failure = Failure(failure_class=FailureClass.TRANSIENT, message=message, vendor_body=False)
        return self._go_on(generation.unknown(self.clock.now(), failure), failure)

    def _go_on(self, generation: Generation, failure: Failure) -> Next:
        """The next route that may be asked, the same one after a while, or the end."""
        self._save(generation)
        left = remaining_routes(generation)
        asked = {attempt.route for attempt in generation.attempts}
        if left and failure.retryable and asked.issuperset(left):
            room = generation.seconds_left(self.clock.now())
            if room > BACKOFF_SECONDS_MAX:
                raise vendor_error(failure)
            return Next(generation.id, "submit", min(LAST_WAIT_SECONDS, max(0.0, room)))
        return Next(generation.id, "submit" if left else "settle")

    def _save(self, generation: Generation, failures_before: int = 0) -> None:
        self.store.save(generation)
        self.desk.report(generation, failures_before=failures_before)


def certainly_rejected(failure: Failure) -> bool:
    """Whether the vendor certainly did not take the job: any 4xx, or a 500 or 503 in its own words."""
    status = failure.http_status or 0
    return 400 <= status < 500 or (status in (500, 503) and failure.vendor_body)


def vendor_error(failure: Failure) -> VendorError:
    """The error by whose name the workflow repeats the step."""
    limited = failure.failure_class is FailureClass.RATE_LIMIT
    kind = VendorRateLimitedError if limited else VendorTransientError
    return kind(f"the vendor answered HTTP {failure.http_status}, code {failure.code}")
