"""Waiting for a generation or a batch: long polls, at the pace that Easel asks for, within a bound."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from easel_client.durations import in_words
from easel_client.errors import EaselError, ServerError, StillWorkingError, UnreachableError
from easel_client.transport import Answer

WAIT_SECONDS = 25  # that an answer is held, at most
LIVE_WAIT_SECONDS = 1  # where somebody watches the states go by
LOOK_AGAIN_SECONDS, LOOK_AGAIN_SECONDS_MAX = 1.0, 10.0  # where nothing is said; whatever is said
OUTAGE_SECONDS = 30.0  # without any answer, beside the retries of each call
LAST_ANSWER_SECONDS = 2.0  # that an answer may come late which was held until the time was over
PAST_DEADLINE_SECONDS = 120.0  # in which Easel must have ended it
PATIENCE_SECONDS = 7 * 86_400.0  # with what has no deadline: a batch


class Ending(Protocol):
    """What is waited for."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    @property
    def status(self) -> str:
        """How it stands."""


Thing = TypeVar("Thing", bound=Ending)


class Patience:
    """How long something is waited for, and how often it is looked at."""

    def __init__(self, name: str, timeout_seconds: float | None, hold_seconds: int) -> None:
        """`hold_seconds` is how long an answer may be held back before the end; 0 where none can be."""
        self._name = name
        self._timeout_seconds = timeout_seconds
        self._hold_seconds = hold_seconds
        self._started = time.monotonic()

    def until_over(
        self,
        look: Callable[[int, float], tuple[Thing, Answer]],
        known: Thing | None,
        on_update: Callable[[Thing], None] | None,
    ) -> Thing:
        """Look until it has ended, and tell each look. `look` asks for an answer held so many seconds, and
        gives up after so many.

        Raises StillWorkingError or what a call may, with the name of what goes on all the same.
        """
        if known is not None and on_update:
            on_update(known)
        if known is not None and known.over:
            return known
        answered = time.monotonic()
        while True:
            hold, asked = self._hold(), time.monotonic()
            try:
                thing, answer = look(hold, max(0.0, self._left()) + LAST_ANSWER_SECONDS)
                answered = time.monotonic()
            except (UnreachableError, ServerError) as error:
                if (left := self._left()) <= 0:
                    raise self._going_on(self._over("cannot be looked at", error.message)) from error
                if time.monotonic() - answered > OUTAGE_SECONDS:
                    raise self._going_on(error) from error
                time.sleep(min(LOOK_AGAIN_SECONDS, left))
                continue
            except EaselError as error:
                raise self._going_on(error) from error
            if on_update:
                on_update(thing)
            if thing.over:
                return thing
            self._check(thing)
            held = answered - asked
            if held < hold / 2 or not hold:  # else that was the wait, and its end will not be missed
                said = answer.look_again_seconds
                pause = LOOK_AGAIN_SECONDS if said is None else min(said, LOOK_AGAIN_SECONDS_MAX)
                time.sleep(max(0.0, min(pause - held, self._left(thing))))

    def _hold(self) -> int:
        return int(max(0.0, min(self._hold_seconds, self._left())))

    def _check(self, thing: Ending) -> None:
        if self._left(thing) <= 0:
            raise self._going_on(self._over(f"is still {thing.status}"))

    def _over(self, how: str, why: str = "") -> StillWorkingError:
        waited = in_words(time.monotonic() - self._started)
        return StillWorkingError(f"{self._name} {how} after {waited}.", why)

    def _left(self, thing: Ending | None = None) -> float:
        """Seconds until the patience is over: the caller's, or else until some time after its deadline."""
        allowed = self._timeout_seconds
        if allowed is None:
            made, ends = getattr(thing, "created_at", None), getattr(thing, "deadline_at", None)
            allowed = PATIENCE_SECONDS
            if isinstance(made, datetime) and isinstance(ends, datetime):
                allowed = (ends - made).total_seconds() + PAST_DEADLINE_SECONDS
        return allowed - (time.monotonic() - self._started)

    def _going_on(self, error: EaselError) -> EaselError:
        error.generation_id = self._name
        return error
