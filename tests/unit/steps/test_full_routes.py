"""A queue at a route that takes few tasks at a time: it moves as places come free, and looks seldom."""

import heapq
from datetime import timedelta
from itertools import count
from random import Random

import pytest

from easel.domain.limits import RouteLimits
from tests.fakes.scene import Scene, said

PLUS = "dashscope-intl/qwen-image-plus"  # takes 24 s by the catalogue, till its own pace is known
PLACES, DEADLINE_SECONDS, COMERS = 2, 900, 120
TAKEN = said(200, {"output": {"task_id": "d-1", "task_status": "PENDING"}, "request_id": "r"})


class Queue:
    """All come at once, and are carried as the workflow carries them; tasks take so many seconds."""

    def __init__(self, quickest: float, slowest: float) -> None:
        self.scene = Scene(limits={PLUS: RouteLimits(per_second=2, running=PLACES)})
        self.chance, self.numbers = Random(3), count()
        self.quickest, self.slowest = quickest, slowest
        self.start = self.scene.clock.time
        self.due: list[tuple[float, int, str, bool]] = []
        self.looks: list[str] = []
        self.asked: list[str] = []
        made = [
            self.scene.create(model="qwen-image-plus", route=PLUS, deadline_seconds=DEADLINE_SECONDS)
            for _ in range(COMERS)
        ]
        self.comers = [one.id for one in made]
        for one in self.comers:
            self.push(0.0, one, runs=False)
        while self.due:
            self.step()

    def push(self, seconds: float, one: str, *, runs: bool) -> None:
        at = (self.scene.clock.time - self.start).total_seconds() + seconds
        heapq.heappush(self.due, (at, next(self.numbers), one, runs))

    def step(self) -> None:
        at, _, one, runs = heapq.heappop(self.due)
        clock = self.scene.clock
        clock.time = max(clock.time, self.start + timedelta(seconds=at))
        if runs:
            self.scene.states.free_place(PLUS, one)
            return
        self.looks.append(one)
        self.scene.script.answers = [TAKEN]
        after = self.scene.submitter.submit(one)
        if after.next == "submit":
            self.push(after.as_state()["wait_seconds"], one, runs=False)  # type: ignore[arg-type]
        elif after.next == "wait":
            self.asked.append(one)
            seconds = self.chance.uniform(self.quickest, self.slowest)
            self.scene.states.took(PLUS, one, seconds, clock.now())
            self.push(seconds, one, runs=True)


@pytest.mark.parametrize(("quickest", "slowest"), [(20, 28), (8, 60), (10, 14)])
def test_queue_moves_as_fast_as_places_are_free_and_looks_seldom(quickest: float, slowest: float) -> None:
    queue = Queue(quickest, slowest)
    possible = PLACES * DEADLINE_SECONDS / ((quickest + slowest) / 2)
    assert len(queue.asked) >= 0.9 * min(possible, COMERS)
    assert len(queue.looks) <= 15 * COMERS, "each takes three billed transitions; by fixed steps they are 100"
