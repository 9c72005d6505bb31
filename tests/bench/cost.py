"""What an image costs its owner's AWS account, by part, for each way to wait that was weighed.

Counted, not guessed: the states of functions/generate.asl.yaml, the memory of template.yaml's functions, the
writes that a generation takes with the sizes of its items, and the waiting of tests/bench/waiting.py. Assumed
are the seconds of easel/domain/own_cost.py for steps that wait for nobody, and list prices. The formula is
`terms`; `make cost` (`python -m tests.bench.cost`) prints it with its figures put in.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from math import ceil
from statistics import fmean
from typing import Any, NamedTuple

from easel.aws.table import to_item
from easel.domain import own_cost as own
from easel.domain.latency import SAMPLES_MAX
from tests.bench.table import Row
from tests.bench.waiting import DISTRIBUTIONS, Waited, waited
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.template import RESOURCES, TEMPLATE
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_submitted, mule_task

# Price, unit, page. Of us-east-1 on demand, arm64, without the free tier; read 2026-08.
PRICES: dict[str, tuple[Decimal, str, str]] = {
    "transition": (own.TRANSITION, "each", "aws.amazon.com/step-functions/pricing"),
    "express request": (Decimal("0.000001"), "each", "aws.amazon.com/step-functions/pricing"),
    "express": (Decimal("0.00001667"), "GB-second, 64 MB at least", "aws.amazon.com/step-functions/pricing"),
    "lambda": (own.LAMBDA_GB_SECOND, "GB-second", "aws.amazon.com/lambda/pricing"),
    "lambda request": (own.LAMBDA_REQUEST, "each", "aws.amazon.com/lambda/pricing"),
    "write": (own.WRITE_UNIT, "KB", "aws.amazon.com/dynamodb/pricing"),
    "read": (own.READ_UNIT, "4 KB", "aws.amazon.com/dynamodb/pricing"),
    "s3 put": (own.S3_PUT, "each", "aws.amazon.com/s3/pricing"),
    "event": (own.EVENT, "each", "aws.amazon.com/eventbridge/pricing"),
    "api": (own.API_REQUEST, "each", "aws.amazon.com/api-gateway/pricing"),
    "log": (own.LOG_GB, "GB", "aws.amazon.com/cloudwatch/pricing"),
    "trace": (own.TRACE, "each that is sampled", "aws.amazon.com/xray/pricing"),
    "sqs": (Decimal("0.0000004"), "each", "aws.amazon.com/sqs/pricing"),
}
TARGET_USD, TARGET_OF = 0.20, "10 to 20 s"  # per 1,000 images, of this distribution
LOOP = "a loop of Wait, Poll, Choice: 5 s"
TASKS = 5_000
SQS_REQUESTS = 3  # of a message: sent, received, deleted
EXPRESS_GB = Decimal("0.0625")
BUILT = "stay and ask (as built)"
OWN_STATES = own.SUBMIT_TRANSITIONS + own.KEPT_TRANSITIONS
PARTS = ("transitions", "Lambda", "requests", "DynamoDB", "S3", "events", "API", "logs", "traces", "queue")


def gb(function: str) -> Decimal:
    """A function's memory, by the template."""
    properties = RESOURCES[f"{function}Function"]["Properties"]
    return Decimal(properties.get("MemorySize", TEMPLATE["Globals"]["Function"]["MemorySize"])) / 1024


def write_units() -> int:
    """That one generation takes from its creation to its end, by the sizes of what is written.

    A record's key is written to by_tenant once; in `open` it moves, which takes two small writes: the old
    one's removal and the new one's (docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html,
    Provisioned throughput considerations). A transaction takes twice the units, which its indexes do not.
    """
    scene = Scene(mule_submitted(), mule_task("running"), mule_completed(), links={LINK: picture()})
    units: list[int] = []
    save = scene.store.save

    def size(generation: Any) -> int:
        return ceil(item_bytes(to_item(generation, 0)) / 1024)

    def weighed(generation: Any) -> None:
        units.append(size(generation) + 2)
        if generation.terminal:
            units.append(size(generation) + own.USAGE_UNITS)
        save(generation)

    scene.store.save = weighed  # type: ignore[method-assign]
    made = scene.create(prompt="a sentence of an image " * 10)
    units.append(size(made) + 2)
    scene.submitter.submit(made.id)
    scene.poller.poll(made.id)
    scene.keeper.keep(made.id)
    told, took = size(scene.now(made)) + 1, 1
    return sum(units) + told + took


def item_bytes(values: Mapping[str, Mapping[str, Any]]) -> int:
    """An item's size, nearly as DynamoDB counts it: names, and values by their kind."""
    return sum(len(name) + _value_bytes(value) for name, value in values.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    if kind == "M":
        return 3 + sum(len(name) + _value_bytes(one) + 1 for name, one in inner.items())
    if kind == "L":
        return 3 + sum(_value_bytes(one) + 1 for one in inner)
    return 1 if kind in ("BOOL", "NULL") else len(inner) // 2 + 2 if kind == "N" else len(inner.encode())


class Term(NamedTuple):
    """So much of what has a price, for an image; in words, what it is."""

    amount: float
    price: str
    words: str

    @property
    def usd(self) -> float:
        """Dollars of 1,000 images."""
        return 1000 * self.amount * float(PRICES[self.price][0])


def terms(states: float, poll_gb_seconds: float, polls: float) -> dict[str, list[Term]]:
    """The formula: what an image of so many transitions, and so much of polling, is made of."""

    def run(function: str, seconds: Decimal) -> Term:
        memory = gb(function)
        return Term(float(seconds * memory), "lambda", f"{function} {seconds} s * {memory:.4g} GB")

    requests = 3 + polls
    return {
        "transitions": [Term(states, "transition", f"{states:.3g} states")],
        "Lambda": [
            run("Api", own.CREATE_SECONDS),
            run("Submit", own.SUBMIT_SECONDS),
            Term(
                poll_gb_seconds,
                "lambda",
                f"Poll {poll_gb_seconds / float(gb('Poll')):.3g} s * {gb('Poll'):.4g} GB",
            ),
            run("Persist", own.KEEP_SECONDS),
        ],
        "requests": [Term(requests, "lambda request", f"{requests:.3g} invocations")],
        "DynamoDB": [
            Term(write_units(), "write", f"{write_units()} KB written"),
            Term(2 * requests, "read", f"{2 * requests:.3g} reads"),
        ],
        "S3": [Term(1, "s3 put", "1 PUT")],
        "events": [Term(1, "event", "1 event")],
        "API": [Term(1, "api", "1 call")],
        "logs": [Term(float(own.LOG_KB) / 1_000_000, "log", f"{own.LOG_KB / 1_000_000:f} GB")],
        "traces": [Term(float(own.TRACES), "trace", f"{own.TRACES} traces")],
    }


def parts(states: float, poll_gb_seconds: float, polls: float, queued: float = 0.0) -> dict[str, float]:
    """Dollars of 1,000 images by part; `queued` are those of a queue, for one image."""
    priced = {
        name: sum(term.usd for term in of) for name, of in terms(states, poll_gb_seconds, polls).items()
    }
    return {name: priced.get(name, 1000 * queued) for name in PARTS}


def architectures(name: str) -> dict[str, dict[str, float]]:
    """Each way to wait that was weighed, for vendors of this distribution."""

    def average(policy: str) -> tuple[float, float, float, float]:
        found: list[Waited] = waited(policy, draw, usual, TASKS + SAMPLES_MAX, [])[SAMPLES_MAX:]
        return (
            fmean(one.transitions for one in found),
            fmean(one.questions for one in found),
            fmean(one.lambda_seconds for one in found) * poll_gb,
            fmean(one.seen_seconds for one in found),
        )

    (draw, usual), poll_gb = DISTRIBUTIONS[name], float(gb("Poll"))
    states, _, stayed, seen = average("Easel")
    looped, asked, worked, _ = average("fixed 5 s")
    looped_2, asked_2, worked_2, _ = average("fixed 2 s")
    express = float(PRICES["express request"][0]) + (seen + 1) * float(PRICES["express"][0] * EXPRESS_GB)
    sqs = float(PRICES["sqs"][0])
    return {
        "a loop of Wait, Poll, Choice: 2 s": parts(OWN_STATES + looped_2, worked_2, asked_2),
        LOOP: parts(OWN_STATES + looped, worked, asked),
        BUILT: parts(OWN_STATES + states, stayed, 1),
        "stay and ask, Express (5 min at most)": parts(0, stayed, 1, express),
        "a delayed message per question: 5 s": parts(0, worked, asked, (asked + 2) * SQS_REQUESTS * sqs),
        "a webhook of the vendor's, task token": parts(OWN_STATES + 1, 0, 1, float(own.API_REQUEST)),
        "a webhook of the vendor's, no workflow": parts(0, 0, 1, float(own.API_REQUEST)),
    }


@cache
def measure() -> dict[tuple[str, str], dict[str, float]]:
    """Dollars per 1,000 images by part, of every distribution and architecture."""
    return {(name, way): priced for name in DISTRIBUTIONS for way, priced in architectures(name).items()}


def rows() -> list[Row]:
    """What was built, beside the loop that a good engineer would write first."""
    found = []
    for name in DISTRIBUTIONS:
        ours, loop = (sum(measure()[name, way].values()) for way in (BUILT, LOOP))
        note = f"{LOOP}: {loop:.3f}"
        found.append(Row(name, ours, None, "USD", TARGET_USD if name == TARGET_OF else None, note))
    return found


def bill(name: str) -> str:
    """What was built, for vendors of this distribution: each part with its formula."""
    (draw, usual), poll_gb = DISTRIBUTIONS[name], float(gb("Poll"))
    found = waited("Easel", draw, usual, TASKS + SAMPLES_MAX, [])[SAMPLES_MAX:]
    states = OWN_STATES + fmean(one.transitions for one in found)
    made = terms(states, fmean(one.lambda_seconds for one in found) * poll_gb, 1)
    lines = [f"1,000 images of a vendor that takes {name}, in USD:"]
    for part, of in made.items():
        lines.append(f"  {part:<12}{sum(one.usd for one in of):>8.4f}  = 1000 * {_formula(of)}")
    total = sum(one.usd for of in made.values() for one in of)
    return "\n".join([*lines, f"  {'total':<12}{total:>8.4f}"])


def _formula(of: Sequence[Term]) -> str:
    """By price, in their order."""
    of_price: dict[str, list[str]] = {}
    for one in of:
        of_price.setdefault(one.price, []).append(one.words)
    sums = [f"({' + '.join(words)}) * {PRICES[price][0]:f}" for price, words in of_price.items()]
    return f"({' + '.join(sums)})" if len(sums) > 1 else sums[0]


def prices() -> str:
    """What the formulas multiply with, and where it stands."""
    lines = ["List prices, us-east-1, on demand, arm64, without the free tier, read 2026-08:"]
    lines += [
        f"  {name:<16} {usd:<14f} USD per {unit} ({page})" for name, (usd, unit, page) in PRICES.items()
    ]
    return "\n".join(lines)


def table() -> str:
    """All of it in columns, and the prices."""
    heads = "".join(f"{part:>12}" for part in (*PARTS, "total"))
    lines = [f"{'vendor takes':>20} {'way to wait':<39}{heads}"]
    for (name, way), priced in measure().items():
        figures = (*priced.values(), sum(priced.values()))
        lines.append(f"{name:>20} {way:<39}" + "".join(f"{usd:>12.4f}" for usd in figures))
    return "\n".join([*lines, prices()])


if __name__ == "__main__":
    print("\n\n".join([*map(bill, DISTRIBUTIONS), table()]))
