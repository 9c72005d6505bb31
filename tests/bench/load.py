"""The load client, and what a load costs those who serve it: the same for every server."""

import http.client
import json
import os
import socket
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
ANSWER_SECONDS_MAX = 60


@dataclass(frozen=True)
class Request:
    """A POST of JSON, and the status of the answer that it is to get."""

    path: str
    key: str
    body: dict[str, Any]
    status: int


@dataclass(frozen=True)
class Pace:
    """How requests were answered: seconds of each, in all seconds of the load; and what they cost."""

    seconds: Sequence[float]
    lasted: float
    cpu_seconds: float

    @property
    def each_second(self) -> float:
        """Requests a second."""
        return len(self.seconds) / self.lasted

    @property
    def median_ms(self) -> float:
        """Of one request."""
        return statistics.median(self.seconds) * 1000

    @property
    def p99_ms(self) -> float:
        """Of one request."""
        return sorted(self.seconds)[len(self.seconds) * 99 // 100] * 1000

    @property
    def cpu_ms(self) -> float:
        """Of one request, in all processes that serve."""
        return self.cpu_seconds / len(self.seconds) * 1000


def together(paces: Sequence[Pace]) -> Pace:
    """Several rounds as one."""
    seconds = [one for pace in paces for one in pace.seconds]
    return Pace(seconds, sum(pace.lasted for pace in paces), sum(pace.cpu_seconds for pace in paces))


def load(ports: Sequence[int], request: Request, lasting: float, pids: Sequence[int]) -> Pace:
    """One client for each port, a port may come again: each asks anew once it is answered."""
    begun, cpu = time.monotonic(), cpu_seconds(pids)
    with ThreadPoolExecutor(len(ports)) as clients:
        taken = list(clients.map(lambda port: _asked(port, request, begun + lasting), ports))
    lasted = time.monotonic() - begun
    return Pace([one for mine in taken for one in mine], lasted, cpu_seconds(pids) - cpu)


def _asked(port: int, request: Request, until: float) -> list[float]:
    taken = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS_MAX)
    headers = {"Authorization": f"Bearer {request.key}", "Content-Type": "application/json"}
    body = json.dumps(request.body)
    while (asked := time.monotonic()) < until:
        connection.request("POST", request.path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == request.status, said
        taken.append(time.monotonic() - asked)
    connection.close()
    return taken


def listens(port: int) -> bool:
    """Whether a server takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def family(pid: int) -> list[int]:
    """A process and those that it has started, and they."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    started = [int(child) for child in children.read_text().split()] if children.exists() else []
    return [pid, *(one for child in started for one in family(child))]


def cpu_seconds(pids: Sequence[int]) -> float:
    """What they have used, all threads of each, and those that they started and that have ended."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return (
        sum(int(ticks) for one in fields for ticks in one[11:15]) * TICK_SECONDS
    )  # proc(5): utime to cstime


def memory_mib(pids: Sequence[int]) -> float:
    """What they have in memory; a page that several share counts once."""
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
