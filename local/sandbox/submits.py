"""Every POST that arrived where jobs are taken: what it asked for, which faults it got, how it was answered.

Memory is bounded: the log keeps the last `KEPT_SUBMITS` submits, fewer where their prompts are longer than
`KEPT_CHARACTERS` together, and as many counts of how often a fault has struck a prompt.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.sandbox.faults import Fault

KEPT_SUBMITS = 20_000
KEPT_CHARACTERS = 32 * 2**20


@dataclass
class Submission:
    """One submit. `prompt` is None where the body holds none.

    `status` is None until the answer is known, and stays None where the connection is closed without one;
    `task_id` is None where no job was taken.
    """

    endpoint: str = ""
    prompt: str | None = None
    arrived_at: float = field(default_factory=time.time)  # seconds since the epoch
    faults: tuple[Fault, ...] = ()
    status: int | None = None
    ended: bool = False
    task_id: str | None = None


class Submits:
    """The log; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._log: deque[Submission] = deque()
            self._characters = 0
            self._arrived: Counter[str] = Counter()
            self._strikes: OrderedDict[str, int] = OrderedDict()  # by `_strike_key`

    def add(self, submission: Submission) -> None:
        """Writes down that a submit has arrived."""
        with self._lock:
            self._log.append(submission)
            self._characters += len(submission.prompt or "")
            self._arrived[submission.endpoint] += 1
            while len(self._log) > KEPT_SUBMITS or (
                self._characters > KEPT_CHARACTERS and len(self._log) > 1
            ):
                self._characters -= len(self._log.popleft().prompt or "")

    def strikes(self, submission: Submission, fault: Fault) -> bool:
        """Whether `fault` has yet to strike this endpoint and prompt once more; if so, that counts."""
        if fault.kind.unit != "submits" or math.isinf(fault.amount):
            return True
        key = _strike_key(submission, fault)
        with self._lock:
            struck = self._strikes.get(key, 0)
            if struck >= fault.amount:
                return False
            self._strikes[key] = struck + 1
            self._strikes.move_to_end(key)
            if len(self._strikes) > KEPT_SUBMITS:
                self._strikes.popitem(last=False)
        return True

    def kept(self) -> list[Submission]:
        """The submits that are kept, oldest first."""
        with self._lock:
            return list(self._log)

    def arrived(self) -> dict[str, int]:
        """How many submits arrived per endpoint since the last reset, kept or not."""
        with self._lock:
            return dict(self._arrived)

    def struck(self) -> dict[str, int]:
        """How often each fault has struck each endpoint and prompt; `recall` takes it up again."""
        with self._lock:
            return dict(self._strikes)

    def recall(
        self, log: Iterable[Submission], arrived: Mapping[str, int], strikes: Mapping[str, int]
    ) -> None:
        """Takes up what an earlier process knew; what was at work when it ended was never answered."""
        for submission in log:
            submission.ended = True
            self.add(submission)
        with self._lock:
            self._arrived = Counter(arrived)
            self._strikes = OrderedDict(strikes)


def _strike_key(submission: Submission, fault: Fault) -> str:
    facts = f"{submission.endpoint}\n{fault.kind.name}\n{submission.prompt or ''}"
    return hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()
