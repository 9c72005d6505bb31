"""What all dialects share: the tasks that are kept, the time they take, the bill, the log of submits.

All but the settings and the plan of faults can outlive the process: `memory` and `recall`.

Memory is bounded: the oldest tasks are forgotten beyond `KEPT_TASKS` tasks or `KEPT_BYTES` of input images,
and the oldest request bodies beyond `KEPT_BYTES`; the totals still count them. A picture is never kept.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from local.sandbox.drawing import Picture
from local.sandbox.fault_plan import FaultPlan
from local.sandbox.memory import Memory
from local.sandbox.settings import Settings
from local.sandbox.submits import Submits
from local.sandbox.tasks import Bill, Order, Task
from local.sandbox.wire import Answer, Request, Vendor

KEPT_TASKS = 5000
KEPT_BYTES = 128 * 2**20
PENDING_SHARE = 0.2  # of a task's time before it is said to run
LONGEST_WAIT_SECONDS = 900.0  # after which a call that waits for its task is given up

CENSORED_WORD = "forbidden-content"


class PollFault(Exception):  # noqa: N818  (it is ordered, nothing went wrong)
    """A poll that a fault strikes; `act` makes the answer to it."""

    def __init__(self, act: Callable[[Vendor, Request], Answer]) -> None:
        super().__init__()
        self.act = act


class Unanswered(Exception):  # noqa: N818  (nothing went wrong)
    """A call that gets no answer: its task was not done when its wait had to end, or the server closes."""


class Engine:
    """Accepts orders and keeps the tasks; safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._first_settings = settings
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.changed = threading.Event()  # set by every change of what `memory` returns
        self.settings = settings
        self.submits = Submits()
        self.plan: FaultPlan | None = None
        self._forget_all()

    def _forget_all(self) -> None:
        self._tasks: dict[tuple[str, str], Task] = {}  # by endpoint and id, oldest first
        self._by_token: dict[str, Task] = {}
        self._with_body: deque[Task] = deque()
        self._body_bytes = self._input_bytes = 0
        self._forgotten: dict[str, Bill] = {}
        self._taken: dict[str, deque[float]] = {}  # by endpoint: when it took its latest submits

    def reset(self) -> None:
        """Forgets all tasks, totals and submits, ends the plan of faults, takes back changed settings."""
        with self._lock:
            self.settings = self._first_settings
            self.plan = None
            self.submits.reset()
            self._forget_all()
        self.changed.set()

    def memory(self) -> Memory:
        """What is to outlive the process. After `close` no task is missing from it."""
        with self._lock:
            return Memory(
                tasks=list(self._tasks.values()),
                forgotten={endpoint: replace(bill) for endpoint, bill in self._forgotten.items()},
                log=self.submits.kept(),
                arrived=self.submits.arrived(),
                strikes=self.submits.struck(),
            )

    def recall(self, memory: Memory) -> None:
        """Takes up what an earlier process knew, before anything else happens."""
        now = time.time()
        with self._lock:
            self.submits.recall(memory.log, memory.arrived, memory.strikes)
            self._forgotten = memory.forgotten
            for task in memory.tasks:
                self._keep(task, now)

    def accept(self, order: Order) -> Task:
        """A new task for `order`; from now on it stands in the ledger. Raises Unanswered after `close`."""
        now, settings = time.time(), self.settings
        short = settings.short_images and order.images > 1
        seconds = _latency(order.picture, settings)
        task = Task(
            order=order,
            id=order.task_id or str(uuid.uuid4()),
            token=secrets.token_urlsafe(24),
            accepted_at=now,
            started_at=now + seconds * PENDING_SHARE,
            done_at=now + seconds,
            delivered=order.images - 1 if short else order.images,
            failure=order.failure,
        )
        for fault in order.submission.faults:
            if fault.kind.on_task is not None:
                fault.kind.on_task(task, fault.amount)
        with self._lock:
            if self._closing.is_set():
                raise Unanswered  # or the job would be taken, and nobody would remember
            order.submission.task_id = task.id
            self._keep(task, now)
        self.changed.set()
        return task

    def _keep(self, task: Task, now: float) -> None:
        self._tasks[task.order.endpoint, task.id] = task
        self._by_token[task.token] = task
        self._with_body.append(task)
        self._body_bytes += task.order.body_bytes
        self._input_bytes += _input_bytes(task)
        self._forget_oldest(now)

    def _forget_oldest(self, now: float) -> None:
        while self._body_bytes > KEPT_BYTES and len(self._with_body) > 1:
            oldest = self._with_body.popleft()
            oldest.order = replace(oldest.order, body=None)
            self._body_bytes -= oldest.order.body_bytes
        while len(self._tasks) > KEPT_TASKS or (self._input_bytes > KEPT_BYTES and len(self._tasks) > 1):
            task = self._tasks.pop(next(iter(self._tasks)))
            del self._by_token[task.token]
            self._input_bytes -= _input_bytes(task)
            _add(self._forgotten.setdefault(task.order.endpoint, Bill()), task, now)
            if self._with_body and self._with_body[0] is task:
                self._with_body.popleft()
                self._body_bytes -= task.order.body_bytes

    def takes_more(self, endpoint: str) -> bool:
        """Whether one more submit is within the endpoint's rate; it counts from then on."""
        most, now = self.settings.submits_per_second, time.time()
        with self._lock:
            times = self._taken.setdefault(endpoint, deque())
            while times and times[0] <= now - 1:
                times.popleft()
            if most and len(times) >= most:
                return False
            times.append(now)
            return True

    def poll(self, endpoint: str, task_id: str) -> Task | None:
        """The task that this endpoint accepted under this id, as a poll finds it. Raises PollFault."""
        with self._lock:
            task = self._tasks.get((endpoint, task_id))
            if task is None:
                return None
            task.polls += 1
            polls = task.polls
        for fault in task.order.submission.faults:
            if fault.kind.on_poll is not None and polls <= fault.amount:
                raise PollFault(fault.kind.on_poll)
        return task if polls <= task.known_polls else None

    def find_by_token(self, token: str) -> Task | None:
        """The task whose links hold `token`."""
        with self._lock:
            return self._by_token.get(token)

    def wait_for(self, task: Task) -> None:
        """Returns when the task is done. Raises Unanswered after `LONGEST_WAIT_SECONDS`, and at the close."""
        until = min(task.done_at, task.accepted_at + LONGEST_WAIT_SECONDS)
        while (left := until - time.time()) > 0:
            if self._closing.wait(left):
                raise Unanswered
        if until < task.done_at:
            raise Unanswered

    def pause(self, seconds: float) -> None:
        """Returns after `seconds`, or when the server closes."""
        self._closing.wait(seconds)

    def close(self) -> None:
        """Ends every wait; no task is accepted any more."""
        self._closing.set()

    def tasks(self) -> list[Task]:
        """The tasks that are kept, oldest first."""
        with self._lock:
            return list(self._tasks.values())

    def bills(self) -> dict[str, Bill]:
        """What each endpoint accepted and billed since the last reset."""
        now = time.time()
        with self._lock:
            bills = {endpoint: replace(bill) for endpoint, bill in self._forgotten.items()}
            tasks = list(self._tasks.values())
        for task in tasks:
            _add(bills.setdefault(task.order.endpoint, Bill()), task, now)
        return bills


def _add(bill: Bill, task: Task, now: float) -> None:
    billed = task.billed_images(now)
    bill.tasks += 1
    bill.images += billed
    bill.amount += billed * task.order.price.per_image
    bill.unit = task.order.price.unit


def _input_bytes(task: Task) -> int:
    return sum(len(encoded) for encoded in task.order.picture.inputs)


def _latency(picture: Picture, settings: Settings) -> float:
    """Seconds, log-uniform, and always the same for the same prompt, route and seed."""
    shortest, longest = settings.latency
    if shortest <= 0:
        return longest
    facts = f"{picture.route}\n{picture.seed}\n{picture.prompt}".encode("utf-8", "replace")
    share = int.from_bytes(hashlib.sha256(facts).digest()[:4], "big") / 2**32
    return shortest * math.exp(share * math.log(longest / shortest))


def is_censored(prompt: str) -> bool:
    """Whether the vendors' moderation refuses the prompt."""
    return CENSORED_WORD in prompt.lower()


def random_seed() -> int:
    """A seed for a request that names none."""
    return secrets.randbelow(2**31)
