"""Faults by chance: which submits get one, and which one (see faults.py)."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from local.sandbox.faults import Fault, FaultError, once, read_fault

MOST_FAULTS = 1000


@dataclass
class FaultPlan:
    """A share of submits and the faults for them. Two equal plans give equal submits equal faults.

    `endpoints` is empty where all are meant. Safe to use from many threads.
    """

    share: float
    faults: tuple[Fault, ...]
    seed: int
    endpoints: tuple[str, ...] = ()
    drawn: int = 0  # submits that were looked at so far
    struck: int = 0  # of them, those that got a fault

    _deck: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, endpoint: str, *, polled: bool) -> tuple[Fault, ...]:
        """The fault for the next submit, or none."""
        if self.endpoints and endpoint not in self.endpoints:
            return ()
        with self._lock:
            self.drawn += 1
            if not _chance(self.seed, self.drawn) < self.share:
                return ()
            fault = self._next(polled=polled)
            self.struck += fault is not None
        return () if fault is None else (once(fault),)

    def _next(self, *, polled: bool) -> Fault | None:
        """The first fault of the deck that makes sense; only such faults are dealt again."""
        fitting = [fault for fault in self.faults if polled or not fault.kind.polled]
        if not fitting:
            return None
        if not any(fault in fitting for fault in self._deck):
            random.Random(f"{self.seed}/{self.drawn}").shuffle(fitting)
            self._deck += fitting
        place = next(place for place, fault in enumerate(self._deck) if fault in fitting)
        return self._deck.pop(place)

    def as_json(self) -> dict[str, object]:
        """The plan as the control API shows it."""
        return {
            "share": self.share,
            "faults": [fault.text for fault in self.faults],
            "seed": self.seed,
            "endpoints": list(self.endpoints),
            "drawn": self.drawn,
            "struck": self.struck,
        }


def _chance(seed: int, number: int) -> float:
    """From 0 up to 1."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def read_plan(body: Mapping[str, object], endpoints: Collection[str]) -> FaultPlan:
    """A plan from the control API's JSON. Raises FaultError."""
    if unknown := set(body) - {"share", "faults", "seed", "endpoints"}:
        raise FaultError(f"no field {min(unknown)!r}; there are share, faults, seed, endpoints")
    share, seed = body.get("share"), body.get("seed", 0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise FaultError("share must be a number from 0 to 1")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise FaultError("seed must be an integer")
    names = _words("faults", body.get("faults"))
    if not 1 <= len(names) <= MOST_FAULTS:
        raise FaultError(f"faults must be a list of 1 to {MOST_FAULTS} names")
    places = _words("endpoints", body.get("endpoints", []))
    if astray := set(places) - set(endpoints):
        raise FaultError(f"no endpoint {min(astray)!r}; there are {', '.join(endpoints)}")
    return FaultPlan(float(share), tuple(read_fault(name) for name in names), seed, tuple(places))


def _words(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise FaultError(f"{name} must be a list of names")
    return value
