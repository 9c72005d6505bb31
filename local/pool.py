"""A bounded number of execution environments for each function; further invocations wait for one.

Lambda would start another environment for each concurrent invocation, up to a thousand. A machine of two
cores would drown in the starts, so an idle one is always preferred, few start at the same time, and those
that a burst left behind are ended after a while.
"""

import collections
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping

from local.execution_environment import Answer, ExecutionEnvironment, FunctionSpec

ENVIRONMENT_MEGABYTES = 80  # what a process with the layer's libraries takes
FUNCTIONS = 5  # that may be busy at the same time
STARTS_AT_ONCE = 2  # a start is pure CPU work of about half a second
PATIENCE_SECONDS = 0.2  # for a busy environment, before another is started: most steps take less
IDLE_SECONDS_KEPT = 20.0  # an environment beyond the first of its function is ended after this
SWEEP_SECONDS = 5.0


def environments_per_function() -> int:
    """Return how many environments a function may have: all of them together fit into half of the memory."""
    memory_megabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1_000_000
    return max(8, min(24, int(memory_megabytes / 2 / FUNCTIONS / ENVIRONMENT_MEGABYTES)))


CredentialsSource = Callable[[], Mapping[str, str]]


class FunctionPool:
    """The environments of one function, all with the same code and configuration."""

    def __init__(
        self,
        spec: FunctionSpec,
        credentials: CredentialsSource,
        sink: Callable[[str], None],
        limit: int | None = None,
    ) -> None:
        """Start nothing yet. `credentials` is asked anew for each environment."""
        self.spec = spec
        self._credentials = credentials
        self._sink = sink
        self._limit = limit or environments_per_function()
        self._changed = threading.Condition()
        self._idle: collections.deque[ExecutionEnvironment] = collections.deque()
        self._all: set[ExecutionEnvironment] = set()
        self._starting = 0
        self._closed = False

    def invoke(self, payload: bytes, request_id: str = "") -> Answer:
        """Run the function on the event, waiting for a free environment first.

        The function's time-out counts from the moment an environment takes the event.
        """
        environment = self._take_or_start()
        if isinstance(environment, Answer):
            return environment
        try:
            return environment.invoke(request_id or str(uuid.uuid4()), payload)
        finally:
            self._give_back(environment)

    def environments(self) -> list[int]:
        """The ids of the processes that run."""
        with self._changed:
            return [environment.pid for environment in self._all]

    def end_idle(self, idle_seconds: float = IDLE_SECONDS_KEPT) -> None:
        """End the environments that have been idle for so long, the most recently used one excepted."""
        with self._changed:
            limit = time.monotonic() - idle_seconds
            stale = [environment for environment in list(self._idle)[:-1] if environment.idle_since < limit]
            for environment in stale:
                self._idle.remove(environment)
                self._drop(environment)

    def close(self) -> None:
        """End the idle environments now and each busy one after its invocation."""
        with self._changed:
            self._closed = True
            while self._idle:
                self._drop(self._idle.pop())

    def stop(self) -> None:
        """End every environment at once, the busy ones too."""
        self.close()
        with self._changed:
            for environment in list(self._all):
                self._drop(environment)

    def _take_or_start(self) -> ExecutionEnvironment | Answer:
        with self._changed:
            patient_until = time.monotonic() + (PATIENCE_SECONDS if self._all else 0.0)
            while True:
                while self._idle:
                    environment = self._idle.pop()
                    if environment.alive:
                        return environment
                    self._drop(environment)
                patience = patient_until - time.monotonic()
                room = len(self._all) + self._starting < self._limit and self._starting < STARTS_AT_ONCE
                if room and patience <= 0:
                    self._starting += 1
                    break
                self._changed.wait(patience if patience > 0 else None)
        return self._start()

    def _start(self) -> ExecutionEnvironment | Answer:
        environment = None
        failure: Answer | None = None
        try:
            environment = ExecutionEnvironment(self.spec, self._credentials(), self._sink)
            failure = environment.wait_until_ready()
        finally:
            with self._changed:
                self._starting -= 1
                if environment is not None and failure is None:
                    self._all.add(environment)
                self._changed.notify_all()
        if failure is not None:
            environment.stop()
            return failure
        return environment

    def _give_back(self, environment: ExecutionEnvironment) -> None:
        with self._changed:
            if environment.alive and not self._closed:
                self._idle.append(environment)
            else:
                self._drop(environment)
            self._changed.notify()

    def _drop(self, environment: ExecutionEnvironment) -> None:
        self._all.discard(environment)
        environment.stop()


class Pools:
    """The pools of all functions. A function that was deployed anew gets a new pool."""

    def __init__(self) -> None:
        """Start the sweep that ends idle environments."""
        self._lock = threading.Lock()
        self._pools: dict[str, tuple[str, FunctionPool]] = {}
        threading.Thread(target=self._sweep, name="pool-sweep", daemon=True).start()

    def of(self, arn: str, version: str, create: Callable[[], FunctionPool]) -> FunctionPool:
        """Return the function's pool; `version` tells one deployment of it from another."""
        with self._lock:
            known = self._pools.get(arn)
            if known is not None and known[0] == version:
                return known[1]
            pool = create()
            self._pools[arn] = (version, pool)
        if known is not None:
            known[1].close()
        return pool

    def stop(self) -> None:
        """End every process."""
        with self._lock:
            for _, pool in self._pools.values():
                pool.stop()

    def _sweep(self) -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            with self._lock:
                pools = [pool for _, pool in self._pools.values()]
            for pool in pools:
                pool.end_idle()
