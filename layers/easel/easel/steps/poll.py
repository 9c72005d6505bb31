"""Poll: ask how the task stands, and stay to ask again for a bounded while."""

from dataclasses import dataclass

from easel.domain.failure import Failure
from easel.domain.generation import Generation, Status
from easel.domain.polling import BLIND_POLLS_MAX, BLIND_SECONDS_MIN, leaves
from easel.errors import AnswerLostError, NotSentError, ResponseTooLargeError
from easel.ports import Clock, GenerationStore
from easel.steps.base import Next, failed_charges, load, pace_of, resume, until_first_question
from easel.steps.route_desk import RouteDesk
from easel.steps.vendor_calls import VendorCalls
from easel.vendors.base import Failed, Finished, Missing, Pending, PollAnswer, VendorTask

ANSWER_SECONDS = 15.0  # a status answer is small and quick; it is asked for again anyway
LOOK_SECONDS = 15.0  # after which a stay looks at the record again: it may have been canceled


@dataclass(slots=True, eq=False)
class Poller:
    """Asks a vendor about a task until there is something to do, for a while."""

    store: GenerationStore
    calls: VendorCalls
    desk: RouteDesk
    clock: Clock

    def poll(self, generation_id: str) -> Next:
        """What comes next. A question without an answer is asked again, up to the deadline."""
        generation = load(self.store, generation_id)
        came_at = looked_at = self.clock.now()
        in_vain = 0  # questions in a row that the vendor did not answer
        self._await_first_question(generation)
        while generation.status is Status.PROCESSING and generation.current_attempt.ended_at is None:
            if generation.seconds_left(self.clock.now()) <= 0:
                return Next(generation_id, "settle")
            asked_later = 0.0
            answer = self._ask(generation)
            if answer is not None:
                moved = self._moved(generation, answer)
                if moved is not generation:
                    self.store.save(moved)
                    generation = moved
                    if moved.current_attempt.ended_at or moved.status is not Status.PROCESSING:
                        self.desk.report(moved)
                asked_later = _retry_after(answer)
            in_vain = in_vain + 1 if _is_in_vain(answer) else 0
            if generation.status is not Status.PROCESSING or generation.current_attempt.ended_at:
                break
            left = max(0.0, generation.seconds_left(self.clock.now()))
            gap = min(max(self._gap(generation, in_vain), asked_later), left)
            if leaves((self.clock.now() - came_at).total_seconds(), gap):
                return Next(generation_id, "wait", gap)
            self.clock.sleep(gap)
            if (self.clock.now() - looked_at).total_seconds() >= LOOK_SECONDS:
                generation, looked_at = load(self.store, generation_id), self.clock.now()
        return resume(generation)

    def _await_first_question(self, generation: Generation) -> None:
        """What is left of the first wait: a Wait state counts whole seconds, and a short wait needs none."""
        if generation.status is Status.PROCESSING:
            now = self.clock.now()
            seconds = until_first_question(generation, self.calls.route_of(generation), now)
            seconds = min(seconds, generation.seconds_left(now))
            if seconds > 0:
                self.clock.sleep(seconds)

    def _ask(self, generation: Generation) -> PollAnswer | None:
        """The vendor's answer; None where none came, which says nothing of the task."""
        route = self.calls.route_of(generation)
        adapter = route.endpoint.adapter
        attempt = generation.current_attempt
        request = adapter.build_poll(VendorTask(attempt.model, attempt.task_id or ""))
        timeout = min(ANSWER_SECONDS, max(1.0, generation.seconds_left(self.clock.now())))
        try:
            response = self.calls.send(route.endpoint, request, timeout)
        except (NotSentError, AnswerLostError, ResponseTooLargeError):
            return None
        return adapter.read_poll(response)

    def _moved(self, generation: Generation, answer: PollAnswer) -> Generation:
        now = self.clock.now()
        match answer:
            case Pending():
                told = {"vendor_status": answer.status, "blind_polls": 0}
                attempt = generation.current_attempt
                news = any(getattr(attempt, name) != value for name, value in told.items())
                return generation.told(now, **told) if news else generation
            case Finished():
                return self.calls.delivered(generation, self.calls.route_of(generation), answer, now)
            case Missing():
                return self._blind(generation, answer.status, None)
            case Failed(failure=failure):
                if (failure.http_status or 0) < 300:
                    endpoint = self.calls.route_of(generation).endpoint
                    charges = failed_charges(endpoint, generation.current_attempt, answer)
                    return generation.attempt_failed(now, failure, charges)
                self.desk.report_question(generation, failure)
                return generation if failure.retryable else self._blind(generation, None, failure)

    def _blind(self, generation: Generation, word: str | None, failure: Failure | None) -> Generation:
        """An answer that tells nothing of the task: given up only when it is repeated."""
        blind = generation.current_attempt.blind_polls + 1
        status = word or generation.current_attempt.vendor_status
        told = generation.told(self.clock.now(), blind_polls=blind, vendor_status=status)
        age = (self.clock.now() - generation.current_attempt.asked_at).total_seconds()
        if blind < BLIND_POLLS_MAX or age < BLIND_SECONDS_MIN:
            return told
        lost = failure or Failure.lost_task(word)
        charges = {"possibly_billed": generation.current_attempt.quoted}
        return generation.attempt_failed(self.clock.now(), lost, charges)

    def _gap(self, generation: Generation, in_vain: int) -> float:
        since = generation.current_attempt.asked_at
        pace = pace_of(generation.current_attempt, self.calls.route_of(generation))
        return pace.gap((self.clock.now() - since).total_seconds(), in_vain)


def _is_in_vain(answer: PollAnswer | None) -> bool:
    """Whether nothing was learned of the task because the vendor was out of reach, or asked too often."""
    return answer is None or (isinstance(answer, Failed) and (answer.failure.http_status or 0) >= 300)


def _retry_after(answer: PollAnswer) -> float:
    return (answer.failure.retry_after_seconds or 0.0) if isinstance(answer, Failed) else 0.0
