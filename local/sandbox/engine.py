"""What all dialects share: tasks, the time they take, what they cost, their links and pictures.

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
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Any

from local.sandbox.drawing import Picture, draw
from local.sandbox.settings import Settings

KEPT_TASKS = 5000
KEPT_BYTES = 128 * 2**20
PENDING_SHARE = 0.2  # of a task's time before it is said to run

CENSORED_WORD = "forbidden-content"


class Phase(Enum):
    """Where a task stands; each dialect has its own words for it."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class Failure:
    """Why a task fails: code and text as the vendor puts them."""

    code: str
    message: str


@dataclass(frozen=True)
class Price:
    """What one image costs. `prepaid`: charged at acceptance and given back if the task fails."""

    per_image: Decimal
    unit: str
    prepaid: bool = False


@dataclass(frozen=True)
class Order:
    """What a dialect has understood and accepted of a request.

    `prompt` and `body` are as received, `applied` is what was made of the other fields; `picture` is the
    first image. A task with a `failure` comes to it when its time is over.
    """

    endpoint: str
    model: str
    prompt: str
    body: Mapping[str, Any]
    body_bytes: int
    picture: Picture
    price: Price
    images: int = 1
    applied: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    task_id: str = ""


@dataclass
class Task:
    """An accepted order. Times are seconds since the epoch; `delivered` is how many images it comes to."""

    order: Order
    id: str
    token: str
    accepted_at: float
    done_at: float
    delivered: int
    body: Mapping[str, Any] | None
    served: dict[int, str] = field(default_factory=dict)

    @property
    def started_at(self) -> float:
        """When it is said to run."""
        return self.accepted_at + (self.done_at - self.accepted_at) * PENDING_SHARE

    def phase(self, now: float) -> Phase:
        """Where it stands at `now`."""
        if now >= self.done_at:
            return Phase.FAILED if self.order.failure else Phase.SUCCEEDED
        return Phase.RUNNING if now >= self.started_at else Phase.PENDING

    def billed_images(self, now: float) -> int:
        """The images charged so far."""
        phase = self.phase(now)
        charged = phase is Phase.SUCCEEDED or (self.order.price.prepaid and phase is not Phase.FAILED)
        return self.delivered if charged else 0

    def name(self, index: int) -> str:
        """The file name of an image."""
        extension = "jpeg" if self.order.picture.media_type == "image/jpeg" else "png"
        return f"result_{index:02d}.{extension}"

    def link(self, base_url: str, index: int) -> str:
        """Where an image is fetched, below the server that was asked."""
        return f"{base_url}/files/{self.order.endpoint}/{self.token}/{self.name(index)}"

    def image(self, index: int) -> bytes:
        """The encoded file of an image, the same at each call."""
        data = draw(replace(self.order.picture, index=index, count=self.order.images))
        self.served[index] = hashlib.sha256(data).hexdigest()
        return data


@dataclass
class Bill:
    """Running totals of one endpoint."""

    tasks: int = 0
    images: int = 0
    amount: Decimal = Decimal(0)
    unit: str = ""


class Engine:
    """Accepts orders and keeps the tasks; safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._first_settings = settings
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.settings = settings
        self._forget_all()

    def _forget_all(self) -> None:
        self._tasks: dict[tuple[str, str], Task] = {}  # by endpoint and id, oldest first
        self._by_token: dict[str, Task] = {}
        self._with_body: deque[Task] = deque()
        self._body_bytes = self._input_bytes = 0
        self._forgotten: dict[str, Bill] = {}

    def reset(self) -> None:
        """Forgets all tasks and totals, and takes back every change of a setting."""
        with self._lock:
            self.settings = self._first_settings
            self._forget_all()

    def accept(self, order: Order) -> Task:
        """A new task for `order`; from now on it stands in the ledger."""
        now, settings = time.time(), self.settings
        short = settings.short_images and order.images > 1
        task = Task(
            order=order,
            id=order.task_id or str(uuid.uuid4()),
            token=secrets.token_urlsafe(24),
            accepted_at=now,
            done_at=now + _latency(order.picture, settings),
            delivered=order.images - 1 if short else order.images,
            body=order.body,
        )
        with self._lock:
            self._tasks[order.endpoint, task.id] = task
            self._by_token[task.token] = task
            self._with_body.append(task)
            self._body_bytes += order.body_bytes
            self._input_bytes += _input_bytes(task)
            self._forget_oldest(now)
        return task

    def _forget_oldest(self, now: float) -> None:
        while self._body_bytes > KEPT_BYTES and len(self._with_body) > 1:
            oldest = self._with_body.popleft()
            oldest.body = None
            self._body_bytes -= oldest.order.body_bytes
        while len(self._tasks) > KEPT_TASKS or (self._input_bytes > KEPT_BYTES and len(self._tasks) > 1):
            task = self._tasks.pop(next(iter(self._tasks)))
            del self._by_token[task.token]
            self._input_bytes -= _input_bytes(task)
            _add(self._forgotten.setdefault(task.order.endpoint, Bill()), task, now)
            if self._with_body and self._with_body[0] is task:
                self._with_body.popleft()
                self._body_bytes -= task.order.body_bytes

    def find(self, endpoint: str, task_id: str) -> Task | None:
        """The task that this endpoint accepted under this id."""
        with self._lock:
            return self._tasks.get((endpoint, task_id))

    def find_by_token(self, token: str) -> Task | None:
        """The task whose links hold `token`."""
        with self._lock:
            return self._by_token.get(token)

    def wait_for(self, task: Task) -> None:
        """Returns when the task is done, or when the server closes."""
        while (left := task.done_at - time.time()) > 0 and not self._closing.wait(left):
            pass

    def close(self) -> None:
        """Ends every wait."""
        self._closing.set()

    def tasks(self) -> list[Task]:
        """The tasks that are kept, oldest first."""
        with self._lock:
            return list(self._tasks.values())

    def bills(self) -> dict[str, Bill]:
        """What each endpoint accepted and billed since the start or the last reset."""
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
