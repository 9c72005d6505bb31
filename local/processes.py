"""The stack's own processes: started on a leash, so that none outlives the one that started it."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.failure import StackError
from local.leash import GRACE_SECONDS

LOG_LINES_SHOWN = 3


class LeashedProcess:
    """A Python module that runs as a process of its own; its output goes to a log file."""

    def __init__(
        self, name: str, module: Sequence[str], variables: Mapping[str, str], log: Path, folder: Path
    ) -> None:
        """Start `python -m MODULE...` in `folder` with exactly these environment variables."""
        self.name = name
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", "local.leash", *module],
                env=dict(variables),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal goes to the whole group; the stack ends its processes in order instead.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], limit_seconds: float) -> None:
        """Wait until it is ready; raise StackError when it ended or the time is over."""
        deadline = time.monotonic() + limit_seconds
        while not ready():
            if not self.running:
                raise StackError(f"the {self.name} ended while starting: {self.last_lines()}")
            if time.monotonic() > deadline:
                raise StackError(
                    f"the {self.name} was not ready after {limit_seconds:.0f} s: {self.last_lines()}"
                )
            time.sleep(0.05)

    def output(self) -> str:
        """Return all that it has written so far."""
        return self._log.read_text(errors="replace")

    def last_lines(self) -> str:
        """Return the end of its log, and where the rest is."""
        lines = [line for line in self.output().splitlines() if line.strip()]
        return f"{' / '.join(lines[-LOG_LINES_SHOWN:])} (log: {self._log})"

    def stop(self) -> None:
        """End it in order (SIGTERM), or hard when it does not end in time."""
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
