"""What is kept of a generation whose answer a synchronous caller has not had yet, and who may take it over.

A synchronous caller gets no id: when its request ends without an answer, all that leads back to the
generation is that the next request asks for the same. So every request holds an entry under the fingerprint
of what it asks, for as long as it lives, and whoever comes again resumes an entry that nobody holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Self

from pydantic import Field

from easel.domain.completion import estimated_completion
from easel.domain.generation import Generation, Record

KEPT = timedelta(hours=1)  # that an entry waits for somebody to come again; as long as a deadline may be
KEPT_ANSWERED = timedelta(seconds=10)  # clients come again within 8 s when an answer was lost on its way
HOLD_SECONDS = 25.0  # the HTTP API gives up at 30 s
COME_AGAIN_SECONDS_MIN = 2


@dataclass(frozen=True, slots=True)
class Patience:
    """How a client waits. What is not known of it is what a careful one does."""

    retries: int = 0  # how often it has asked for this before, by itself
    seconds: float = HOLD_SECONDS  # for how long it may be held
    waits_seconds: int = 59  # the longest that it may be told to wait before it comes again


class Held(Record):
    """One generation, and until when a request holds it, to answer with it."""

    generation_id: str
    stamp: str = Field(description="another one after each write")
    held_until: datetime = Field(description="from then on nobody holds it: its request gave up, or died")
    kept_until: datetime = Field(description="from then on it is as if it were not there")
    retries: int = Field(description="how often the client that holds it had asked for this before")
    answered: bool = False

    @classmethod
    def new(cls, generation_id: str, stamp: str, held_until: datetime, now: datetime, retries: int) -> Self:
        """An entry for a generation that is about to be made."""
        return cls(
            generation_id=generation_id, stamp=stamp, held_until=held_until, kept_until=now + KEPT,
            retries=retries,
        )  # fmt: skip

    def taken(self, stamp: str, held_until: datetime, retries: int) -> Self:
        """Another request answers with it from here on."""
        return self.having(stamp=stamp, held_until=held_until, retries=retries)

    def given_up(self, stamp: str, now: datetime) -> Self:
        """Its request could not wait any longer."""
        return self.having(stamp=stamp, held_until=now)

    def closed(self, stamp: str, now: datetime) -> Self:
        """Its request answers. A little later nobody finds it any more."""
        return self.having(stamp=stamp, held_until=now, kept_until=now + KEPT_ANSWERED, answered=True)

    def forgotten(self, stamp: str, now: datetime) -> Self:
        """There is no generation: it was refused. Nobody finds the entry any more."""
        return self.having(stamp=stamp, held_until=now, kept_until=now)


def resumable(entries: Iterable[Held], now: datetime, retries: int) -> list[Held]:
    """The entries that a request may take over, the best first.

    Anybody may take those that nobody holds. Who asks again has no use for the requests before, even if one
    of them seems to hold an entry still: so it may take an entry from a client that asked less often, and as
    the last resort one that was answered a moment ago, because that answer may have been lost.
    """
    kept = sorted(
        (one for one in entries if one.kept_until > now),
        key=lambda one: (one.retries, one.generation_id),
        reverse=True,
    )
    free = [one for one in kept if not one.answered and one.held_until <= now]
    if not retries:
        return free
    held = [one for one in kept if not one.answered and one.held_until > now and one.retries < retries]
    return free + held + [one for one in kept if one.answered]


def come_again_seconds(generation: Generation, now: datetime, client: Patience) -> int:
    """When it is worth asking again for one that has not ended, in seconds from now.

    The first time when it is expected to have ended. From then on after twice as long as it has taken: a
    client has few retries (the OpenAI SDK two), so its last ones must reach far rather than be prompt.
    """
    took = (now - generation.created_at).total_seconds()
    ends = estimated_completion(generation, now)
    left = (ends - now).total_seconds() if ends else took
    seconds = min(max(left, 2 * took) if client.retries else left, generation.seconds_left(now))
    return ceil(min(max(seconds, COME_AGAIN_SECONDS_MIN), client.waits_seconds))
