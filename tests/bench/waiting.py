"""What waiting for vendors adds, by the product's own policy and by what a good engineer would do first.

A vendor's latencies are drawn from three distributions. A question takes 0.3 s; what is added counts from the
vendor's end to the question that learns of it. Easel's row drives `Pace`,
`leaves` and `expectation` over as many recent results as the table keeps of a route, each as late as it
was seen, which is how the product learns. Fixed intervals and back-off are the bare loop of Wait, Poll and
Choice, whose waits are whole seconds.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, quantiles
from typing import Any

from easel.catalogue import CATALOGUE
from easel.domain.latency import SAMPLES_MAX, expectation
from easel.domain.polling import GAP_SECONDS_MIN, WAIT_SECONDS_MIN, Pace, leaves
from tests.bench.table import Row

QUESTION_SECONDS = 0.3
SUBMIT_SECONDS = 0.5  # until the vendor has taken the job, from the ask on, from which its time is counted
POLL_TRANSITIONS, AGAIN_TRANSITIONS = 1, 3  # Poll; Persist that finds nothing, its Choice, and Poll again
TASKS = 20_000
SEED = 7
# Of DashScope's account (https://www.alibabacloud.com/help/en/model-studio/text-to-image, read 2026-08).
QUERIES_PER_SECOND = 20
ACCOUNT = "dashscope-intl"
ADDED_TARGET, TRANSITIONS_TARGET = 1.0, 4.0

Draw = Callable[[random.Random], float]


def log_normal(median: float, p95: float) -> Draw:
    """Of this median and 95th percentile."""
    sigma = math.log(p95 / median) / 1.6449
    return lambda chance: chance.lognormvariate(math.log(median), sigma)


# Name, latency, and what the catalogue might say is usual.
DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "median 8, p95 25 s": (log_normal(8, 25), 10.0),
    "median 30, p95 90 s": (log_normal(30, 90), 30.0),
    "10 to 20 s": (lambda chance: chance.uniform(10, 20), 15.0),
}
CHANGES = {"twice as slow": 2.0, "twice as fast": 0.5}


@dataclass(frozen=True, slots=True)
class Waited:
    """One task that was waited for."""

    added_seconds: float
    transitions: int
    questions: int
    lambda_seconds: float
    seen_seconds: float


def by_easel(takes: float, recent: Sequence[float], usual: float) -> Waited:
    """The workflow's way: a Wait where the first wait is worth one, then Poll, which stays."""
    expected = expectation(recent, usual)
    pace = Pace(expected.quick, expected.slow)
    now, transitions, questions, worked = SUBMIT_SECONDS, POLL_TRANSITIONS, 0, 0.0
    if math.floor(pace.first_wait() - now) >= WAIT_SECONDS_MIN:
        now, transitions = now + math.floor(pace.first_wait() - now), transitions + 1
    came = now
    now = pace.first_wait()
    while True:
        asked, now, questions = now, now + QUESTION_SECONDS, questions + 1
        if takes <= asked:
            return Waited(asked - takes, transitions, questions, worked + now - came, now)
        gap = pace.gap(now)
        if leaves(now - came, gap):
            worked += now - came
            wait = math.ceil(gap)
            transitions += AGAIN_TRANSITIONS + (wait >= WAIT_SECONDS_MIN)
            came = now + (wait if wait >= WAIT_SECONDS_MIN else 0)
            now = came
        else:
            now += gap


def by_loop(wait_of: Callable[[int], float]) -> Callable[[float, Sequence[float], float], Waited]:
    """A bare loop of Wait, Poll and Choice."""

    def wait(takes: float, _recent: Sequence[float], _usual: float) -> Waited:
        now, questions = 0.0, 0
        while True:
            asked = now + wait_of(questions)
            now, questions = asked + QUESTION_SECONDS, questions + 1
            if takes <= asked:
                worked = questions * QUESTION_SECONDS
                return Waited(asked - takes, 3 * questions, questions, worked, now)

    return wait


POLICIES = {
    "Easel": by_easel,
    "fixed 2 s": by_loop(lambda _: 2.0),
    "fixed 5 s": by_loop(lambda _: 5.0),
    "fixed 10 s": by_loop(lambda _: 10.0),
    "1, 2, 4 .. 30 s": by_loop(lambda asked: min(30.0, 2.0**asked)),
}


def waited(policy: str, draw: Draw, usual: float, tasks: int, recent: list[float]) -> list[Waited]:
    """Tasks one after the other, each learned from those before it; the latest are left in `recent`."""
    chance, found = random.Random(SEED), []
    for _ in range(tasks):
        one = POLICIES[policy](draw(chance), recent, usual)
        recent.append(one.seen_seconds)
        del recent[:-SAMPLES_MAX]
        found.append(one)
    return found


def row(distribution: str, situation: str, policy: str, found: Sequence[Waited]) -> dict[str, Any]:
    """Figures of these tasks."""
    questions = fmean(one.questions for one in found)
    added = sorted(one.added_seconds for one in found)
    return {
        "distribution": distribution,
        "situation": situation,
        "policy": policy,
        "added_seconds_mean": round(fmean(added), 2),
        "added_seconds_p95": round(quantiles(added, n=20)[-1], 2),
        "transitions": round(fmean(one.transitions for one in found), 2),
        "questions": round(questions, 2),
        "images_per_second_max": round(QUERIES_PER_SECOND / questions, 2),
        "lambda_seconds": round(fmean(one.lambda_seconds for one in found), 2),
        "seen_seconds": round(fmean(one.seen_seconds for one in found), 2),
    }


@cache  # of the two sizes that are asked for
def measure(tasks: int = TASKS) -> tuple[dict[str, Any], ...]:
    """Every policy when it knows the vendor; Easel's also cold, and after the vendor's pace has changed."""
    cells = []
    for name, (draw, usual) in DISTRIBUTIONS.items():
        for policy in POLICIES:
            recent: list[float] = []
            waited(policy, draw, usual, SAMPLES_MAX, recent)
            cells.append(row(name, "warm", policy, waited(policy, draw, usual, tasks, recent)))
        cold = [waited("Easel", _seeded(draw, n), usual, 3, [])[-1] for n in range(tasks // 10)]
        cells.append(row(name, "cold", "Easel", cold))
        for word, factor in CHANGES.items():
            for policy in ("Easel", "fixed 5 s"):
                changed = _scaled(draw, factor)
                cells.append(row(name, word, policy, _after_a_change(policy, draw, changed, usual, tasks)))
    return tuple(cells)


def _after_a_change(policy: str, before: Draw, after: Draw, usual: float, tasks: int) -> list[Waited]:
    """The first tasks after a change, as many as are learned from: of several changes."""
    found = []
    for number in range(max(1, tasks // 10 // SAMPLES_MAX)):
        recent: list[float] = []
        waited(policy, _seeded(before, number), usual, SAMPLES_MAX, recent)
        found += waited(policy, _seeded(after, number + 1), usual, SAMPLES_MAX, recent)
    return found


def _seeded(draw: Draw, number: int) -> Draw:
    chance = random.Random(f"{SEED} {number}")
    return lambda _: draw(chance)


def _scaled(draw: Draw, factor: float) -> Draw:
    return lambda chance: factor * draw(chance)


def rows() -> list[Row]:
    """Easel's own figures, beside a loop that asks each 5 s."""
    told = []
    found = {(one["distribution"], one["situation"], one["policy"]): one for one in measure()}
    for (name, situation, policy), one in found.items():
        fixed = found.get((name, situation, "fixed 5 s"), found[name, "warm", "fixed 5 s"])
        if policy == "Easel":
            where = f"{name}, {situation}"
            late = f"p95 {one['added_seconds_p95']} s"
            note = f"{late}; fixed 5 s: {fixed['added_seconds_mean']} s, {fixed['transitions']} transitions"
            asked = f"{one['questions']} questions, {one['lambda_seconds']} s of Poll"
            told.append(Row(f"added, {where}", one["added_seconds_mean"], None, "s", ADDED_TARGET, note))
            told.append(
                Row(f"waiting, {where}", one["transitions"], None, "transitions", TRANSITIONS_TARGET, asked)
            )
    tasks = sum(
        route.limits.running or 0 for route in CATALOGUE.routes.values() if route.endpoint.name == ACCOUNT
    )
    asking = tasks / (GAP_SECONDS_MIN + QUESTION_SECONDS)
    note = f"of the {tasks} tasks that it may run at a time"
    told.append(Row("questions, a DashScope account", asking, None, "a second", QUERIES_PER_SECOND, note))
    return told


def table() -> str:
    """Every policy beside Easel's, in columns."""
    lines = [
        f"{'vendor takes':>20} {'and is':>14} {'policy':>16} {'added s':>8} {'p95':>6} {'transitions':>12} "
        f"{'questions':>10} {'images/s':>9} {'Lambda s':>9}",
    ]
    for one in measure():
        lines.append(
            f"{one['distribution']:>20} {one['situation']:>14} {one['policy']:>16} "
            f"{one['added_seconds_mean']:>8} {one['added_seconds_p95']:>6} {one['transitions']:>12} "
            f"{one['questions']:>10} {one['images_per_second_max']:>9} {one['lambda_seconds']:>9}"
        )
    lines.append(f"images/s: as many as {QUERIES_PER_SECOND} queries a second allow, DashScope's limit")
    return "\n".join(lines)
