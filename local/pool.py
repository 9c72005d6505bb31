"""A bounded number of execution environments for each function; further invocations wait for one in turn.

Lambda would start another environment for each concurrent invocation, up to a thousand. A machine of two
cores would drown in the starts, so an idle one is always preferred, few start at the same time, and those
that a burst left behind are ended after a while. Nobody is overtaken: who waited longest is served first.
"""

import collections
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from local.execution_environment import Answer, ExecutionEnvironment, FunctionSpec

ENVIRONMENT_MEGABYTES = 80  # what a process with the layer's libraries takes
FUNCTIONS = 5  # that may be busy at the same time
# A start is pure CPU work of about half a second, which the environments at work then lack: of all functions.
STARTS = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
# For a busy environment, before another is started, and again after that: what a start takes. A shorter wait
# is cheaper than a start, and a longer one only doubles.
PATIENCE_SECONDS = 0.5
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
        self._lock = threading.Lock()
        self._idle: collections.deque[ExecutionEnvironment] = collections.deque()
        self._all: set[ExecutionEnvironment] = set()
        self._turns: collections.deque[Future[ExecutionEnvironment]] = collections.deque()
        self._starting = 0
        self._grown_at = 0.0
        self._closed = False

    def invoke(self, payload: bytes, request_id: str = "") -> Answer:
        """Run the function on the event, waiting for a free environment first.

        The function's time-out counts from the moment an environment takes the event.
        """
        environment = self._take()
        if isinstance(environment, Answer):
            return environment
        try:
            return environment.invoke(request_id or str(uuid.uuid4()), payload)
        finally:
            self._offer(environment)

    def environments(self) -> list[int]:
        """The ids of the processes that run."""
        with self._lock:
            return [environment.pid for environment in self._all]

    def end_idle(self, idle_seconds: float = IDLE_SECONDS_KEPT) -> None:
        """End the environments that have been idle for so long, the most recently used one excepted."""
        with self._lock:
            limit = time.monotonic() - idle_seconds
            stale = [environment for environment in list(self._idle)[:-1] if environment.idle_since < limit]
            for environment in stale:
                self._idle.remove(environment)
                self._drop(environment)

    def close(self) -> None:
        """End the idle environments now and each busy one after its invocation."""
        with self._lock:
            self._closed = True
            self._serve()

    def stop(self) -> None:
        """End every environment at once, the busy ones too."""
        self.close()
        with self._lock:
            for environment in list(self._all):
                self._drop(environment)

    def _take(self) -> ExecutionEnvironment | Answer:
        turn: Future[ExecutionEnvironment] = Future()
        with self._lock:
            self._turns.append(turn)
            self._serve()
            patience = PATIENCE_SECONDS if self._all else 0.0
        while True:
            try:
                return turn.result(patience)
            except TimeoutError:
                patience = PATIENCE_SECONDS
            if self._may_start() and (failure := self._start(turn)):
                return failure

    def _may_start(self) -> bool:
        """Whether another environment may be started now; it counts as starting then."""
        with self._lock:
            room = len(self._all) + self._starting < self._limit
            impatient = not self._all or time.monotonic() - self._grown_at >= PATIENCE_SECONDS
            may = room and impatient and STARTS.acquire(blocking=False)
            self._starting += may
        return may

    def _start(self, turn: Future[ExecutionEnvironment]) -> Answer | None:
        """Start another, for whoever waits longest. An error of its init phase ends this turn."""
        environment, failure = None, None
        try:
            environment = ExecutionEnvironment(self.spec, self._credentials(), self._sink)
            failure = environment.wait_until_ready()
        finally:
            STARTS.release()
            if environment is None or failure is not None:
                self._leave(turn)
            with self._lock:
                self._starting -= 1
                self._grown_at = time.monotonic()
        if failure is None:
            self._offer(environment)
        else:
            environment.stop()
        return failure

    def _leave(self, turn: Future[ExecutionEnvironment]) -> None:
        """Wait no longer; what was given meanwhile is the next one's."""
        with self._lock:
            if turn in self._turns:
                self._turns.remove(turn)
                return
        self._offer(turn.result())

    def _offer(self, environment: ExecutionEnvironment) -> None:
        """Take it as idle."""
        with self._lock:
            self._all.add(environment)
            self._idle.append(environment)
            self._serve()

    def _serve(self) -> None:
        """Give the idle ones to those who wait, in turn; called with the lock held."""
        for environment in [one for one in self._idle if not one.alive]:
            self._idle.remove(environment)
            self._drop(environment)
        while self._idle and self._turns:
            self._turns.popleft().set_result(self._idle.pop())
        while self._idle and self._closed:
            self._drop(self._idle.pop())

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
