"""How long a route takes, from what it lately took."""

from collections.abc import Sequence
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

RECENT_SECONDS = 24 * 3600.0  # older latencies say nothing of now
SAMPLES_MIN = 3  # fewer than these are chance
SAMPLES_MAX = 32  # that are kept of a route
QUICK_SHARE, SLOW_SHARE = 0.1, 2.0  # of the usual time, where too little is known to tell
SLOW_RANK = 0.9


class Expectation(BaseModel):
    """Seconds from the ask to the result."""

    model_config = ConfigDict(frozen=True)

    quick: float = Field(default=0.0, description="the quickest recent one")
    typical: float = Field(description="half of the recent ones were quicker")
    slow: float = Field(description="nine of ten recent ones were quicker")
    samples: int = Field(default=0, description="recent ones it is read from; 0: the catalogue's word")


def expectation(took: Sequence[float], usual_seconds: float) -> Expectation:
    """What to expect after these recent latencies; of too few of them, what the catalogue says."""
    if len(took) < SAMPLES_MIN:
        return Expectation(
            quick=usual_seconds * QUICK_SHARE, typical=usual_seconds, slow=usual_seconds * SLOW_SHARE
        )
    ordered = sorted(took)
    middle = len(ordered) // 2
    typical = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    slow = ordered[ceil(SLOW_RANK * len(ordered)) - 1]
    return Expectation(
        quick=round(ordered[0], 3), typical=round(typical, 3), slow=round(slow, 3), samples=len(ordered)
    )
