"""1 to 1,000 images a second under AWS's quotas: what saturates first, what callers see, what to raise.

Played by tests/bench/deployment.py, where it stands what is real of it. The rates come at once, from nothing:
Lambda has no environment yet, and the table is new. All is the worst case for keys: one tenant, one route.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

from easel.aws import ledger, open_index
from easel.catalogue import CATALOGUE, Route
from easel.domain import own_cost as own
from easel.domain.holding import HOLD_SECONDS
from easel.domain.latency import SAMPLES_MAX
from tests.bench import waiting
from tests.bench.deployment import VENDOR, Deployment, Scenario
from tests.bench.quotas import LARGE, OTHER, PARTITION, PREFIX, RAISED
from tests.bench.table import Row
from tests.bench.table_load import STEPS, units_of_a_generation

RATES = (1, 10, 100, 1_000)
LIMITED = {  # whose limits count each of the images
    "25/s of a tenant with limits": Scenario(25, RAISED, limited=1),
    "50/s of a tenant with limits": Scenario(50, RAISED, limited=1),
    "100/s of four keys with limits": Scenario(100, RAISED, limited=4),
}


@dataclass(frozen=True)
class Ceiling:
    """A quota or a key: what an image takes of it, what there is a second, and what is beyond it."""

    what: str
    takes: float
    there_is: float
    there_is_elsewhere: float
    beyond: str
    to_raise: str

    @property
    def images(self) -> float:
        """A second."""
        return self.there_is / self.takes


def ceilings() -> list[Ceiling]:
    """Of one tenant at one route, the lowest first. Elsewhere: in most regions."""
    took = [units_of_a_generation()[step] for step in STEPS]
    limited = [units_of_a_generation(limited=True)[step] for step in STEPS]

    def units(*families: str, of: Sequence[Mapping[str, float]] = took) -> float:
        return sum(step.get(family, 0.0) for step in of for family in families)

    tasks = _tasks()
    busy = float(own.CREATE_SECONDS + own.SUBMIT_SECONDS + own.KEEP_SECONDS)
    busy += fmean(one.lambda_seconds for one in tasks)
    states = own.SUBMIT_TRANSITIONS + own.KEPT_TRANSITIONS + fmean(one.transitions for one in tasks)
    key = PARTITION.per_second
    found = [
        Ceiling("Lambda, concurrent executions", busy, LARGE.concurrency, OTHER.concurrency,
                "5xx of API Gateway's; workflows try again for minutes", "quota L-B99A9384"),
        Ceiling(
            "Lambda, where each caller waits",
            busy + fmean(min(one.seen_seconds, HOLD_SECONDS) for one in tasks),
            LARGE.concurrency,
            OTHER.concurrency,
            "as above",
            "webhooks, or reads without wait",
        ),
        Ceiling("Step Functions, state transitions", states, LARGE.transitions.per_second,
                OTHER.transitions.per_second, "workflows wait, nothing fails", "quota"),
        Ceiling("Step Functions, starts", 1, LARGE.starts.per_second, OTHER.starts.per_second,
                "202; Reconcile starts it a minute or two later", "quota"),
        Ceiling("API Gateway, requests", 1, LARGE.requests.per_second, OTHER.requests.per_second,
                "429 of API Gateway's; status reads count, too", "quota L-8A5B8E43"),
        Ceiling("EventBridge, PutEvents", 1, LARGE.events.per_second, OTHER.events.per_second,
                "Persist tries again", "quota"),
        Ceiling("DynamoDB, a new table's write units", units("gen", "route", "usage"),
                LARGE.table_writes.per_second, OTHER.table_writes.per_second,
                "500 after 7 s, steps try again; doubles within 30 minutes", "WarmThroughput"),
        Ceiling("S3, PUTs below one prefix", 1, PREFIX.per_second, PREFIX.per_second,
                "Persist tries again", "S3 splits prefixes by itself"),
        Ceiling("our key: one tenant's list", units("by_tenant"), key, key, "500 after 7 s", "more tenants"),
        Ceiling("our key: what is not done", units("open") / len(open_index.KEYS), key, key,
                "500 after 7 s, steps try again", "KEYS of aws/open_index.py"),
        Ceiling("our key: one tenant's usage", units("usage") / ledger.KEYS, key, key,
                "Persist tries again", "KEYS of aws/ledger.py"),
        Ceiling("our key: one route's state", units("route"), key, key,
                "steps try again; half of it where the route has a limit", "more routes"),
        Ceiling("our key: one owner's limits", units("account", of=limited), key, key,
                "409: transactions meet, at a fifth of it (below)", "several keys, each with its part"),
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.images)


def _tasks() -> list[waiting.Waited]:
    recent: list[float] = []
    draw, usual = waiting.DISTRIBUTIONS[VENDOR]
    return waiting.waited("Easel", draw, usual, 2_000 + SAMPLES_MAX, recent)[SAMPLES_MAX:]


@cache
def played() -> Mapping[str, Deployment]:
    """Every scenario, by its name."""
    scenarios = {f"{rate:,}/s": Scenario(rate) for rate in RATES}
    scenarios[f"{RATES[-1]:,}/s, quotas raised"] = Scenario(RATES[-1], RAISED)
    return {name: Deployment(scenario).run() for name, scenario in (scenarios | LIMITED).items()}


def rows() -> list[Row]:
    """What callers see, and that what was accepted ends well; and how full our own keys are at most."""
    told = []
    for name, one in played().items():
        asked = one.answers.total()
        share = 100 * (asked - one.answers["202"]) / asked
        note = one.words()
        told.append(Row(f"{name}: not accepted", share, None, "%", None, note))
        lost = 100 * (one.ends.total() - one.ends["succeeded"]) / max(1, one.ends.total())
        told.append(Row(f"{name}: accepted, and not made", lost, None, "%", 0))
    told += [
        Row(f"{one.what}, at {RATES[-1]:,}/s", RATES[-1] * one.takes / one.there_is, None, "of it", 1)
        for one in ceilings()
        if one.what.startswith("our key") and "limits" not in one.what
    ]
    return told


def table() -> str:
    """What each quota and key allows, the lowest first, and the vendors' own limits."""
    lines = [
        f"{'':<37} {'an image':>9} {'there is':>9} {'images/s':>9} {'elsewhere':>9}  beyond it; to raise"
    ]
    for one in ceilings():
        lines.append(
            f"{one.what:<37} {one.takes:>9.2f} {one.there_is:>9,.0f} {one.images:>9,.0f} "
            f"{one.there_is_elsewhere / one.takes:>9,.0f}  {one.beyond}; {one.to_raise}"
        )
    known = {
        route.limit_scope: a_minute for route in CATALOGUE.routes.values() if (a_minute := _a_minute(route))
    }
    lines.append(
        "The catalogue's limits are far below: more wait for a turn, up to their deadline. A minute:"
    )
    said = [f"{name} {number:.0f}" for name, number in known.items()]
    lines += [f"  {', '.join(said[at : at + 4])}" for at in range(0, len(said), 4)]
    return "\n".join(lines)


def _a_minute(route: Route) -> float:
    """Images that its vendor takes; 0 where no limit is known."""
    limits, ways = route.limits, []
    if limits.spacing_seconds:
        ways.append(60 / limits.spacing_seconds)
    if limits.running:
        ways.append(60 * limits.running / route.typical_seconds)
    return min(ways, default=0.0)
