"""The deployed design as a discrete-event simulation under AWS's quotas: each image from its request.

Real are: the workflow's Retry (functions/generate.asl.yaml), the waiting (`Pace`, `leaves`, `expectation`, as
in tests/bench/waiting.py), botocore's back-off and that of `write_all`, the units that each step takes of
which key (tests/bench/table_load.py), and over how many keys they are spread. Assumed are the seconds of
easel/domain/own_cost.py for steps that wait for nobody, and vendors without limits that take 10 to 20 s.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from itertools import count
from math import inf
from statistics import quantiles
from types import MappingProxyType
from typing import Any

import yaml
from botocore.retries.standard import ExponentialBackoff, RetryContext

from easel.aws import ledger, open_index, transactions
from easel.aws.clients import CONFIG
from easel.domain import own_cost as own
from easel.domain.latency import SAMPLES_MAX
from easel.steps.reconcile import QUIET_SECONDS
from tests.bench import waiting
from tests.bench.quotas import LARGE, Functions, Quotas, Table, TokenBucket
from tests.bench.table_load import INDEXES, units_of_a_generation
from tests.template import ROOT

ARRIVING_SECONDS = 60.0
DEADLINE_SECONDS = 600.0
VENDOR = "10 to 20 s"
SEED = 11
SETTINGS: Any = CONFIG
TRIES: int = SETTINGS.retries["total_max_attempts"]
STATES: dict[str, Any] = yaml.safe_load((ROOT / "functions/generate.asl.yaml").read_text())["States"]
# Of each family of keys, over how many its writes go at a time. A tenant's list has one.
WORST: Mapping[str, int] = MappingProxyType(
    {"by_tenant": 1, "open": len(open_index.KEYS), "route": 1, "usage": ledger.KEYS}
)
# Items at which transactions meet, and for how long one keeps others away (assumed: AWS names no time).
MEETING: Mapping[str, int] = MappingProxyType({"usage": ledger.SPREAD})
TRANSACTION_SECONDS = 0.01
SWEEP_EACH_SECONDS = 60.0  # template.yaml's EveryMinute
REFUSED = {"ClientError": "500", "ConflictError": "409"}
THROTTLED = "Lambda.TooManyRequestsException"
Life = Generator[float, None, Any]  # yields the seconds until it goes on


class World:
    """Time, and who goes on when."""

    def __init__(self) -> None:
        self.now, self.numbers = 0.0, count()
        self.lives: list[tuple[float, int, Life]] = []

    def begin(self, life: Life, at: float) -> None:
        """A life that begins then."""
        heapq.heappush(self.lives, (at, next(self.numbers), life))

    def run(self) -> None:
        """Until nobody is left."""
        while self.lives:
            self.now, _, life = heapq.heappop(self.lives)
            for seconds in life:
                if seconds > 0:
                    heapq.heappush(self.lives, (self.now + seconds, next(self.numbers), life))
                    break


class Retries:
    """How often and when the workflow repeats a state, by its Retry."""

    def __init__(self, state: str, chance: random.Random) -> None:
        self.rules = STATES[state].get("Retry", ())
        self.chance = chance
        self.tried: Counter[int] = Counter()

    def pause(self, error: str) -> float | None:
        """Seconds before the next try; None where there is none."""
        for number, rule in enumerate(self.rules):
            if error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]:
                before = self.tried[number]
                self.tried[number] += 1
                if before >= rule["MaxAttempts"]:
                    return None
                pause = rule["IntervalSeconds"] * rule["BackoffRate"] ** before
                longest = min(pause, rule.get("MaxDelaySeconds", pause))
                return self.chance.uniform(0, longest) if "JitterStrategy" in rule else longest
        return None


@dataclass(frozen=True)
class Scenario:
    """How many images a second, under which quotas; over how many keys of each family the writes go.

    `limited`: over how many tenants or keys with a budget and a cap the images are spread, if any.
    """

    rate: float
    quotas: Quotas = LARGE
    keys: Mapping[str, int] = field(default_factory=lambda: WORST)
    seconds: float = ARRIVING_SECONDS
    limited: int = 0


class Deployment:
    """One scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.world, self.chance = scenario, World(), random.Random(SEED)
        quotas = scenario.quotas
        self.requests, self.starts = TokenBucket(quotas.requests), TokenBucket(quotas.starts)
        self.transitions, self.events = TokenBucket(quotas.transitions), TokenBucket(quotas.events)
        self.functions = Functions(quotas.concurrency)
        owners = {"account": scenario.limited} if scenario.limited else {}
        keys, self.meeting = {**scenario.keys, **owners}, {**MEETING, **owners}
        self.table = Table(quotas.table_writes, keys, self.chance, frozenset(INDEXES))
        self.units = units_of_a_generation(bool(scenario.limited))
        self.back_off = ExponentialBackoff(random=self.chance.random)
        self.locked: dict[tuple[str, int], float] = {}
        self.late_starts = 0
        self.met = 0  # transactions that others canceled
        self.answers: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.added: list[float] = []
        self.recent: list[float] = []
        waiting.waited("Easel", *waiting.DISTRIBUTIONS[VENDOR], SAMPLES_MAX, self.recent)

    def words(self) -> str:
        """What saturated first, and what it meant."""
        parts = self.table.partitions
        firsts = {
            "API Gateway": self.requests.first,
            "Lambda": self.functions.first,
            "starts": self.starts.first,
            "transitions": self.transitions.first,
            "events": self.events.first,
            **{
                f"the key {name}" if name in parts else name: one.first
                for name, one in self.table.wholes.items()
            },
            **{f"the key {name}": min(one.first for one in keys) for name, keys in parts.items()},
        }
        full = [
            f"{name} at {at:.0f} s" for name, at in sorted(firsts.items(), key=lambda one: one[1]) if at < inf
        ]
        said = ", ".join(f"{number:,} {answer}" for answer, number in sorted(self.answers.items()))
        late = quantiles(self.added, n=20)[-1] if len(self.added) > 1 else 0.0
        return (
            f"{said}; p95 {late:.1f} s later; {self.functions.most:,} executions at most; "
            f"{self.late_starts:,} started late; full: {', '.join(full) or 'nothing'}"
        )

    def run(self) -> "Deployment":
        """All that arrive, to their ends."""
        at = 0.0
        while (at := at + self.chance.expovariate(self.scenario.rate)) < self.scenario.seconds:
            self.world.begin(self._image(at), at)
        self.world.run()
        return self

    def _image(self, arrived: float) -> Life:
        """A caller's request, and what becomes of it."""
        if not self.requests.take(1, self.world.now):
            self.answers["429"] += 1
            return
        if not self.functions.enter("Api", self.world.now):
            self.answers["5xx"] += 1
            return
        yield float(own.CREATE_SECONDS)
        fault = yield from self._written("create")
        started = not fault and (yield from self._call(lambda: self.starts.take(1, self.world.now)))
        self.functions.leave("Api")
        self.answers[REFUSED.get(fault, "202")] += 1
        if not fault:
            if not started:
                self.late_starts += 1
                yield from self._found_by_reconcile()
            yield from self._execution(arrived)

    def _found_by_reconcile(self) -> Life:
        """Looked for each minute, once it has lain for one."""
        yield QUIET_SECONDS + SWEEP_EACH_SECONDS * self.chance.random()
        while not self.starts.take(1, self.world.now):
            yield SWEEP_EACH_SECONDS

    def _execution(self, arrived: float) -> Life:
        draw, usual = waiting.DISTRIBUTIONS[VENDOR]
        task = waiting.by_easel(draw(self.chance), self.recent, usual)
        before = max(0.0, task.seen_seconds - task.lambda_seconds - waiting.SUBMIT_SECONDS)
        ended = (
            (
                yield from self._task(
                    "Submit to vendor", "Submit", float(own.SUBMIT_SECONDS), "submit", arrived
                )
            )
            and (yield from self._passed(task.transitions, before))
            and (yield from self._task("Poll vendor", "Poll", task.lambda_seconds, "poll", arrived))
            and (yield from self._task("Persist images", "Persist", float(own.KEEP_SECONDS), "keep", arrived))
        )
        late = self.world.now - arrived - task.seen_seconds - float(own.CREATE_SECONDS + own.KEEP_SECONDS)
        self.ends["succeeded" if ended else "expired or failed"] += 1
        if ended:
            self.added.append(max(0.0, late))

    def _passed(self, states: int, seconds: float) -> Life:
        """The Choice, and a Wait where there is one; Poll's own state is counted where it is entered."""
        yield self.transitions.delay(states, self.world.now)
        yield seconds
        return True

    def _task(self, state: str, function: str, seconds: float, step: str, arrived: float) -> Life:
        retries = Retries(state, self.chance)
        while self.world.now < arrived + DEADLINE_SECONDS:
            yield self.transitions.delay(1, self.world.now)
            fault = yield from self._function(function, seconds, step)
            if not fault:
                return True
            pause = retries.pause(fault)
            if pause is None:
                return False
            yield pause
        return False

    def _function(self, function: str, seconds: float, step: str) -> Life:
        """The error's name, if any."""
        if not self.functions.enter(function, self.world.now):
            return THROTTLED
        yield seconds
        fault = yield from self._written(step)
        if not fault and step == "keep" and not (yield from self._call(self._told)):
            fault = "ClientError"
        self.functions.leave(function)
        return fault

    def _told(self) -> bool:
        return self.events.take(1, self.world.now)

    def _written(self, step: str) -> Life:
        """A step's writes, repeated as `write_all` repeats them; the error's name, if any."""
        pause = transactions.PAUSE_SECONDS
        for _ in range(transactions.TRIES_MAX):
            if self._meets_nobody(step):
                return "" if (yield from self._call(lambda: self._writes(step))) else "ClientError"
            self.met += 1
            yield self.chance.uniform(pause / 2, pause)
            pause = min(pause * 2, transactions.PAUSE_SECONDS_MAX)
        return "ConflictError"

    def _meets_nobody(self, step: str) -> bool:
        """Whether no other transaction is at the items of this one's, which keeps others from them now."""
        meeting = self.meeting
        items = [(name, self.chance.randrange(meeting[name])) for name in self.units[step] if name in meeting]
        if any(self.locked.get(item, 0.0) > self.world.now for item in items):
            return False
        self.locked.update(dict.fromkeys(items, self.world.now + TRANSACTION_SECONDS))
        return True

    def _writes(self, step: str) -> bool:
        units = {key: number for key, number in self.units[step].items() if not key.startswith("read ")}
        return self.table.write(units, self.world.now)

    def _call(self, ask: Callable[[], bool]) -> Life:
        """A call to AWS as botocore repeats it; whether it was served."""
        for tried in range(1, TRIES + 1):
            if ask():
                return True
            if tried < TRIES:
                yield self.back_off.delay_amount(RetryContext(attempt_number=tried))
        return False
