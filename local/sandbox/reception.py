"""What stands before the dialects: it writes down each submit, orders its faults and lets them strike.

submit --> log --> faults of the prompt or by chance --> [before_submit] --> dialect --> [after_submit]
poll   ------------------------------------------------> dialect, which may raise PollFault --> [on_poll]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from local.sandbox.engine import Engine, PollFault, Unanswered
from local.sandbox.fault_acts import hang_up, own
from local.sandbox.faults import Fault, FaultError, read_prompt
from local.sandbox.submits import Submission
from local.sandbox.wire import Answer, Ask, Request, Vendor

TOO_MANY = own(429)


class Reception:
    """Answers for one endpoint."""

    def __init__(self, endpoint: str, vendors: Mapping[str, Vendor], engine: Engine) -> None:
        self._endpoint, self._vendors, self._engine = endpoint, vendors, engine

    def answer(self, request: Request) -> Answer:
        """The vendor's answer to any request, or what a fault makes of it."""
        vendor = self._vendors[self._endpoint]
        ask = vendor.ask(request)
        if ask is not None:
            return self._log_submit(vendor, request, ask)
        try:
            return vendor.answer(request)
        except PollFault as struck:
            return struck.act(vendor, request)

    def _log_submit(self, vendor: Vendor, request: Request, ask: Ask) -> Answer:
        submission = Submission(self._endpoint, ask.prompt)
        self._engine.submits.add(submission)
        try:
            answer = self._submit(vendor, replace(request, submission=submission), ask)
            submission.status = None if answer.manner and answer.manner.hang_up else answer.status
        finally:
            submission.ended = True
        return answer

    def _submit(self, vendor: Vendor, request: Request, ask: Ask) -> Answer:
        submission = request.submission
        if not self._engine.takes_more(self._endpoint):
            return TOO_MANY(vendor, request)
        try:
            submission.faults = self._faults(ask)
        except FaultError as error:
            return vendor.refuse(request, 400, f"sandbox: {error}")
        for fault in submission.faults:
            before = fault.kind.before_submit
            if before is not None and self._engine.submits.strikes(submission, fault):
                return before(vendor, request)
        try:
            answer = vendor.answer(request)
        except Unanswered:
            return hang_up(vendor, request)
        if submission.task_id is None:
            return answer
        for fault in submission.faults:
            after = fault.kind.after_submit
            if after is not None and self._engine.submits.strikes(submission, fault):
                answer = after(answer, fault.amount)
        return answer

    def _faults(self, ask: Ask) -> tuple[Fault, ...]:
        """What the prompt orders; else, what chance brings to a submit that has a prompt at all."""
        if ask.prompt is None:
            return ()
        ordered = read_prompt(ask.prompt, self._endpoint, self._vendors, polled=ask.polled)
        plan = self._engine.plan
        if ordered or plan is None:
            return ordered
        return plan.draw(self._endpoint, polled=ask.polled)
