"""Accepting beside the LiteLLM proxy's image route, by the same client and stubs, in turn.

    uv venv --python 3.12 build/litellm && uv pip install --python build/litellm 'litellm[proxy]==1.106.2'
    .venv/bin/python -m tests.bench.peer --litellm build/litellm/bin/litellm

(or `python3 -m venv build/litellm && build/litellm/bin/pip install 'litellm[proxy]==1.106.2'`). Not part of
`make bench`: it takes 600 MB.

Both check a key and answer over HTTP; both servers are in the figures. They do not do the same work: the
proxy passes the vendor's answer on within the call and keeps nothing, its vendor answering at once here;
Easel writes the generation down and starts its execution, whose cost to the kept image is the last row. Nor
do they run alike: the proxy is as many processes as it has workers, Easel one for each request at once.
Where others use the machine too, more processes get more of it: then CPU is the fairest figure.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from local.processes import free_port
from tests.bench import accepting, whole_path
from tests.bench.load import Pace, Request, family, listens, load, memory_mib, together
from tests.bench.side_by_side import fresh
from tests.bench.stubs import stubs
from tests.bench.table import Row, as_json, show

ROUNDS, LASTING_SECONDS, WARMING_SECONDS = 3, 6.0, 3.0
START_SECONDS_MAX = 180.0
KEY = "sk-bench"
MODEL = "qwen-image-max"
REQUEST = Request(
    "/v1/images/generations", KEY,
    {"model": MODEL, "prompt": accepting.REQUEST.body["prompt"], "size": "1664x928"}, 200,
)  # fmt: skip


class Proxy:
    """A running LiteLLM proxy."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port, self._process = port, process

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return family(self._process.pid)

    def pace(self, at_once: int, lasting: float = LASTING_SECONDS) -> Pace:
        """Of so many requests at once."""
        return load([self.port] * at_once, REQUEST, lasting, self.pids)


@contextmanager
def proxy(executable: Path, workers: int, vendor: str, folder: Path) -> Iterator[Proxy]:
    """With a key, one model, and else as it comes; it ends with this."""
    port, config, log = free_port(), folder / "litellm.yaml", folder / "litellm.log"
    parameters = {"model": f"openai/{MODEL}", "api_base": f"{vendor}/v1", "api_key": "stub"}
    models = [{"model_name": MODEL, "litellm_params": parameters}]
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": KEY}}))
    command = [str(executable), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    env = {
        "PATH": f"{executable.parent}:{os.environ['PATH']}", "HOME": str(folder),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the internet for prices first
    }  # fmt: skip
    # By gunicorn, as uvicorn ends a worker that takes more than 5 s to start, and starts another, for ever.
    several = ["--num_workers", str(workers), "--run_gunicorn"] if workers > 1 else []
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *several], stdout=output, stderr=output, env=env, cwd=folder)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not listens(port):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)
        yield Proxy(port, process)
    finally:
        process.terminate()
        process.wait()


def rows(executable: Path, workers: int) -> list[Row]:
    """Accepting, and what an image costs to its end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        env = stack.enter_context(stubs(folder))
        theirs = stack.enter_context(proxy(executable, workers, env["STUB_URL"], folder))
        theirs.pace(workers, WARMING_SECONDS)
        idle = memory_mib(theirs.pids)
        with accepting.environments(max(accepting.CONCURRENCIES), env, folder) as mine:
            table, cheapest = _accepting(mine, theirs)
            memory = memory_mib(mine.pids)
        whole = fresh("tests.bench.whole_path", "ours", whole_path.TIMES, env=env)["cpu_ms"]
    number = len(mine.pids)
    return [
        *table,
        Row("memory: one environment, the proxy", memory / number, idle, "MiB", None, "idle, warm"),
        Row(f"memory: {number} environments, the proxy", memory, idle, "MiB", None),
        Row("one image kept (1 MiB, 3 polls), one passed on: CPU", whole, cheapest, "ms", None),
    ]


def _accepting(mine: accepting.Environments, theirs: Proxy) -> tuple[list[Row], float]:
    """The rows, and the least CPU of a request of theirs."""
    table, cpu = [], []
    for at_once in accepting.CONCURRENCIES:
        rounds = [(mine.pace(at_once, LASTING_SECONDS), theirs.pace(at_once)) for _ in range(ROUNDS)]
        ours, peer = (together(paces) for paces in zip(*rounds, strict=True))
        note = f"{ours.each_second:.0f} and {peer.each_second:.0f} a second"
        one = f"one, {at_once} at once"
        table += [
            Row(f"1,000, {at_once} at once", 1000 / ours.each_second, 1000 / peer.each_second, "s", 1, note),
            Row(f"{one}: median", ours.median_ms, peer.median_ms, "ms", 1),
            Row(f"{one}: p99", ours.p99_ms, peer.p99_ms, "ms", 1),
            Row(f"{one}: CPU", ours.cpu_ms, peer.cpu_ms, "ms", 1),
        ]
        cpu.append(peer.cpu_ms)
    return table, min(cpu)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peer", description=__doc__.splitlines()[0])
    parser.add_argument("--litellm", type=Path, required=True, help="the proxy's executable")
    parser.add_argument("--workers", type=int, default=1, help="of the proxy (its default is 1)")
    given = parser.parse_args()
    found = rows(given.litellm.absolute(), given.workers)
    show(f"Accepting, beside the LiteLLM proxy (workers: {given.workers})", found)
    print(json.dumps(as_json(found)))


if __name__ == "__main__":
    main()
