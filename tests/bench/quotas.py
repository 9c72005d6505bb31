"""AWS's published quotas, and how they hold one back: what tests/bench/deployment.py plays under.

Read 2026-11 from the pages named (Step Functions: the guide's own repository, awsdocs/aws-step-functions-
developer-guide, doc_source/limits-overview.md). All but a partition's and a bucket's prefix's can be raised;
new accounts begin with less concurrency and fewer transitions.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

STEP_FUNCTIONS = "docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
LAMBDA = "docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html, /lambda-concurrency.html"
HTTP_API = "docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"
DYNAMODB = "docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html"
ON_DEMAND = "docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"
BACK_PRESSURE = "docs.aws.amazon.com/amazondynamodb/latest/developerguide/gsi-throttling.html"
EVENTS = "docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"
S3 = "docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
SECRETS = "docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"


@dataclass(frozen=True)
class Quota:
    """A token bucket's size and refill a second, and the page that publishes it."""

    size: float
    per_second: float
    page: str


@dataclass(frozen=True)
class Quotas:
    """Of an account in a region. Units of the table and of its indexes are those of a new one on demand."""

    starts: Quota
    transitions: Quota
    describes: Quota
    events: Quota
    requests: Quota = Quota(5_000, 10_000, HTTP_API)
    concurrency: int = 1_000  # LAMBDA
    table_writes: Quota = Quota(4_000, 4_000, ON_DEMAND)


# In us-east-1, us-west-2 and eu-west-1, and in all other regions.
LARGE = Quotas(
    starts=Quota(1_300, 300, STEP_FUNCTIONS),
    transitions=Quota(5_000, 1_500, STEP_FUNCTIONS),
    describes=Quota(300, 15, STEP_FUNCTIONS),
    events=Quota(10_000, 10_000, EVENTS),
)
OTHER = Quotas(
    starts=Quota(800, 150, STEP_FUNCTIONS),
    transitions=Quota(800, 500, STEP_FUNCTIONS),
    describes=Quota(250, 10, STEP_FUNCTIONS),
    events=Quota(600, 600, EVENTS),
)
# What to ask for before a thousand images a second of 10 to 20 s each.
RAISED = Quotas(
    starts=Quota(2_000, 2_000, STEP_FUNCTIONS),
    transitions=Quota(10_000, 10_000, STEP_FUNCTIONS),
    describes=LARGE.describes,
    events=LARGE.events,
    concurrency=15_000,
    table_writes=Quota(40_000, 40_000, ON_DEMAND),
)
PARTITION = Quota(1_000, 1_000, DYNAMODB)  # write units of one key, in the table or in an index
PREFIX = Quota(3_500, 3_500, S3)  # PUTs below one prefix of a bucket
NEW_ENVIRONMENTS = Quota(1_000, 100, LAMBDA)  # of each function: 1,000 every 10 s, refilled steadily
REQUESTS_EACH = 10  # a second, for each of the account's concurrent executions (LAMBDA)


class TokenBucket:
    """Begins full. `take` refuses what is not there; `delay` lets it through later, in order."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.tokens, self.at = quota.size, 0.0
        self.asked = self.refused = 0.0
        self.first = inf  # when it first refused, or let wait

    def has(self, number: float, now: float) -> bool:
        """Whether there are so many tokens."""
        self._refill(now)
        return self.tokens >= number

    def take(self, number: float, now: float) -> bool:
        """Whether there were so many tokens; they are taken."""
        self.asked += number
        if not self.has(number, now):
            self.refused += number
            self.first = min(self.first, now)
            return False
        self.tokens -= number
        return True

    def delay(self, number: float, now: float) -> float:
        """Seconds until so many tokens are there for who asks now; they are taken."""
        self._refill(now)
        self.asked += number
        self.tokens -= number
        late = max(0.0, -self.tokens / self.quota.per_second)
        if late:
            self.refused += number
            self.first = min(self.first, now)
        return late

    def _refill(self, now: float) -> None:
        self.tokens = min(self.quota.size, self.tokens + (now - self.at) * self.quota.per_second)
        self.at = now


class Functions:
    """The account's concurrent executions. Each function's grow only so fast, and so does their number."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.busy: Counter[str] = Counter()
        self.made: Counter[str] = Counter()  # environments of a function; one that is idle serves the next
        self.growth: dict[str, TokenBucket] = {}
        self.requests = TokenBucket(Quota(REQUESTS_EACH * concurrency, REQUESTS_EACH * concurrency, LAMBDA))
        self.most = self.refused = self.asked = 0
        self.first = inf

    def enter(self, function: str, now: float) -> bool:
        """Whether it runs; False is Lambda's 429."""
        self.asked += 1
        running = self.busy.total()
        if running >= self.concurrency or not self._has_environment(function, now):
            self.refused += 1
            self.first = min(self.first, now)
            return False
        self.busy[function] += 1
        self.most = max(self.most, running + 1)
        return self.requests.take(1, now)

    def leave(self, function: str) -> None:
        """It has answered."""
        self.busy[function] -= 1

    def _has_environment(self, function: str, now: float) -> bool:
        if self.busy[function] < self.made[function]:
            return True
        growth = self.growth.setdefault(function, TokenBucket(NEW_ENVIRONMENTS))
        grown = growth.take(1, now)
        self.made[function] += grown
        return grown


@dataclass
class Table:
    """The table's partitions and its indexes', each with its own limit. A write that one of them has no room
    for is refused as a whole: an index holds its table back (BACK_PRESSURE).

    `spread` is over how many keys the writes of a family go at any time; one that is not named goes to a key
    of its own for each generation, and meets only the table's limit.
    """

    writes: Quota
    spread: Mapping[str, int]
    chance: random.Random
    indexes: frozenset[str] = frozenset()
    partitions: dict[str, list[TokenBucket]] = field(default_factory=dict)
    wholes: dict[str, TokenBucket] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.partitions = {
            family: [TokenBucket(PARTITION) for _ in range(keys)] for family, keys in self.spread.items()
        }
        self.wholes = {name: TokenBucket(self.writes) for name in (*self.indexes, "table")}

    def write(self, units: Mapping[str, float], now: float) -> bool:
        """Whether there was room for all of them."""
        asked = [
            (self.chance.choice(self.partitions[family]), number)
            for family, number in units.items()
            if family in self.partitions
        ]
        asked += [(self.wholes[name], units.get(name, 0)) for name in self.indexes]
        others = sum(number for family, number in units.items() if family not in self.indexes)
        asked.append((self.wholes["table"], others))
        short = [(bucket, number) for bucket, number in asked if not bucket.has(number, now)]
        for bucket, number in short or asked:  # what is refused takes nothing of the others
            bucket.take(number, now)
        return not short
