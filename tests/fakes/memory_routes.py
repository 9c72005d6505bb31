"""What is known of routes, in memory."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from easel.domain.failover import BREAKER_FAILURES, BREAKER_SECONDS, RouteState
from easel.domain.latency import SAMPLES_MAX


class MemoryRouteStates:
    """The port `RouteStates`. One lock does what DynamoDB's conditions do."""

    def __init__(self) -> None:
        self.states: dict[str, RouteState] = {}
        self.lock = threading.Lock()

    def read(self, names: Sequence[str]) -> Mapping[str, RouteState]:
        return {name: self.states.get(name, RouteState()) for name in names}

    def take_slot(
        self, name: str, spacing_seconds: float, now: datetime, latest: datetime
    ) -> datetime | None:
        with self.lock:
            state = self.read([name])[name]
            slot = max(now, state.next_slot_at or now)
            if slot > latest:
                return None
            self.states[name] = state._replace(next_slot_at=slot + timedelta(seconds=spacing_seconds))
            return slot

    def pause(self, name: str, until: datetime) -> None:
        with self.lock:
            state = self.read([name])[name]
            later = [max(until, at or until) for at in (state.next_slot_at, state.paused_until)]
            self.states[name] = state._replace(next_slot_at=later[0], paused_until=later[1])

    def take_place(self, name: str, holder: str, places: int, now: datetime, until: datetime) -> bool:
        with self.lock:
            state = self.read([name])[name]
            held = {one: end for one, end in state.places.items() if end > now or one == holder}
            if holder not in held and len(held) >= places:
                return False
            self.states[name] = state._replace(places={**held, holder: until})
            return True

    def free_place(self, name: str, holder: str) -> None:
        with self.lock:
            state = self.read([name])[name]
            left = {one: end for one, end in state.places.items() if one != holder}
            self.states[name] = state._replace(places=left)

    def failed(self, name: str, now: datetime) -> None:
        with self.lock:
            state = self.read([name])[name]
            failures = state.failures + 1
            opened = now + timedelta(seconds=BREAKER_SECONDS)
            open_until = opened if failures >= BREAKER_FAILURES else state.open_until
            self.states[name] = state._replace(failures=failures, open_until=open_until)

    def succeeded(self, name: str) -> None:
        with self.lock:
            self.states[name] = self.read([name])[name]._replace(failures=0, open_until=None)

    def took(self, name: str, holder: str, seconds: float, now: datetime) -> None:
        with self.lock:
            state = self.read([name])[name]
            self.states[name] = state._replace(took=(*state.took, seconds)[-SAMPLES_MAX:])

    def probe(self, name: str, now: datetime) -> bool:
        with self.lock:
            state = self.read([name])[name]
            if state.open_until is not None and state.open_until > now:
                return False
            self.states[name] = state._replace(open_until=now + timedelta(seconds=BREAKER_SECONDS))
            return True
