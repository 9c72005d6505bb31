"""Accepting under load: the Api function's handler, in as many environments as there are requests at once.

Lambda gives each environment one request at a time, and another environment to each request that comes
meanwhile. So does this: every environment is a process with the warm handler behind a plain HTTP server,
and each client asks another one. DynamoDB and Step Functions are a stub: no emulator is in the way.
`python -m tests.bench.accepting` measures (64 environments take 4.5 GB); with a port it is one of them, among
the stubs.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from local.build import REPOSITORY
from local.processes import LeashedProcess, free_port
from tests.bench import warm
from tests.bench.load import Pace, Request, listens, load, memory_mib, together
from tests.bench.stubs import stubs
from tests.bench.table import Row, show

CONCURRENCIES = (1, 16, 64)
ROUNDS, LASTING_SECONDS = 3, 4.0
START_SECONDS_MAX = 120.0
# What the LiteLLM proxy answers a second, as measured on such a machine; tests.bench.peer measures it anew.
LITELLM_EACH_SECOND = {1: 50, 16: 62, 64: 72}
REQUEST = Request("/v1/generations", warm.SECRET, warm.BODY, 202)


def front(handle: Callable[[dict[str, Any]], dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    """What API Gateway and Lambda do between a connection and the handler."""
    sample = warm.event(warm.BODY)

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            event = json.dumps({**sample, "headers": headers, "body": body})
            answer = json.loads(json.dumps(handle(json.loads(event))))
            data = answer["body"].encode()
            self.send_response(answer["statusCode"])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is the library's)
            pass

    return Front


@dataclass(frozen=True)
class Environments:
    """Warm environments: the port and the process of each."""

    ports: list[int]
    pids: list[int]

    def pace(self, at_once: int, lasting: float = LASTING_SECONDS) -> Pace:
        """Of so many requests at once, each in an environment of its own."""
        return load(self.ports[:at_once], REQUEST, lasting, self.pids[:at_once])


@contextmanager
def environments(number: int, env: Mapping[str, str], folder: Path) -> Iterator[Environments]:
    """So many of them; they end with this. Their logs are in the folder."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), **env}
    with ExitStack() as stack:
        ports, processes = [free_port() for _ in range(number)], []
        for port in ports:
            module = ["tests.bench.accepting", str(port)]
            one = LeashedProcess("environment", module, variables, folder / f"{port}.log", REPOSITORY)
            stack.callback(one.stop)
            processes.append(one)
        for port, one in zip(ports, processes, strict=True):
            one.wait_until(partial(listens, port), START_SECONDS_MAX)
        yield Environments(ports, [one.pid for one in processes])


def rows() -> list[Row]:
    """Paces, times and costs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        env = stack.enter_context(stubs(folder))
        warmed = stack.enter_context(environments(max(CONCURRENCIES), env, folder))
        paces = {number: together([warmed.pace(number) for _ in range(ROUNDS)]) for number in CONCURRENCIES}
        memory = memory_mib(warmed.pids) / len(warmed.pids)
    table = []
    for at_once, pace in paces.items():
        theirs = LITELLM_EACH_SECOND[at_once]
        table += [
            Row(
                f"1,000 accepted, {at_once} at once", 1000 / pace.each_second, None, "s", 1000 / theirs,
                f"{pace.each_second:.0f} a second; the LiteLLM proxy: {theirs}",
            ),
            Row(f"one accepted, {at_once} at once: median", pace.median_ms, None, "ms", None),
            Row(f"one accepted, {at_once} at once: p99", pace.p99_ms, None, "ms", None),
            Row(f"one accepted, {at_once} at once: CPU", pace.cpu_ms, None, "ms", None),
        ]  # fmt: skip
    return [*table, Row("an environment: memory", memory, None, "MiB", None, "after the load")]


def serve(port: int) -> None:
    """Until it is ended."""
    handle = warm.ours()
    assert handle(warm.event(warm.BODY))["statusCode"] == 202
    HTTPServer(("127.0.0.1", port), front(handle)).serve_forever()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(int(sys.argv[1]))
    else:
        show("Accepting under load", rows())
