"""What a generation costs when thousands went before it, beside what it costs a process that made a hundred.

`python -m tests.bench.growth` measures, in ten minutes of a quiet machine. With an argument it is one
process, among the stubs, that makes as many generations as each line of its input says, and tells their cost.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import whole_path
from tests.bench.stubs import requests_since, stubs
from tests.bench.table import Row, as_json, show

FEW, STAGES = 100, (1_000, 10_000)
ROUNDS, EACH = 20, 10  # in turn, as the machine's pace drifts
RATIO_MAX = 1.1


@dataclass(frozen=True)
class Worker:
    """A process that makes generations, accepted to ended, one after another."""

    process: subprocess.Popen[str]
    log: Path

    def make(self, number: int) -> dict[str, float]:
        """So many; CPU and DynamoDB requests of each, and the most memory so far."""
        assert self.process.stdin
        assert self.process.stdout
        print(number, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, self.log.read_text()[-2000:]
        said: dict[str, float] = json.loads(line)
        return said


@contextmanager
def worker(env: Mapping[str, str], log: Path) -> Iterator[Worker]:
    """One; it ends with this."""
    command = [sys.executable, "-m", "tests.bench.growth", "worker"]
    whole = {"PATH": os.environ["PATH"], "HOME": str(log.parent), **env}
    pipe = subprocess.PIPE
    with (
        log.open("w") as written,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=written, text=True, env=whole) as process,
    ):
        yield Worker(process, log)


def rows() -> list[Row]:
    """Each stage beside a process that begins."""
    table = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        env = stack.enter_context(stubs(folder))
        old = stack.enter_context(worker(env, folder / "old.log"))
        made, begun = FEW, old.make(FEW)
        for stage in STAGES:
            reached = old.make(stage - made)
            with worker(env, folder / "new.log") as new:
                new.make(FEW)
                rounds = [(old.make(EACH), new.make(EACH)) for _ in range(ROUNDS)]
            made = stage + ROUNDS * EACH
            sides = zip(*rounds, strict=True)
            cpu, first = (statistics.median(one["cpu_ms"] for one in side) for side in sides)
            name = f"one after {stage:,}"
            table += [
                Row(f"{name}: CPU", cpu, first, "ms", RATIO_MAX, f"beside one after {FEW}, in turn"),
                Row(f"{name}: DynamoDB requests", reached["dynamodb"], begun["dynamodb"], "", RATIO_MAX),
                Row(
                    f"{name}: the process's memory", reached["peak_mib"], begun["peak_mib"], "MiB", RATIO_MAX
                ),
            ]
    return table


def work() -> None:
    """Make what the input says, until it ends."""
    report, sys.stdout = sys.stdout, sys.stderr  # where the functions' log goes
    one, url = whole_path.ours(), os.environ["STUB_URL"]
    assert one() == "succeeded"
    for line in sys.stdin:
        number = int(line)
        requests_since(url)
        before = resource.getrusage(resource.RUSAGE_SELF)
        ends = Counter(one() for _ in range(number))
        after = resource.getrusage(resource.RUSAGE_SELF)
        assert ends == {"succeeded": number}, ends
        asked = sum(times for name, times in requests_since(url).items() if name.startswith("DynamoDB"))
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        said = {"cpu_ms": cpu / number * 1000, "dynamodb": asked / number, "peak_mib": after.ru_maxrss / 1024}
        print(json.dumps(said), file=report, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work()
    else:
        found = rows()
        show("What a generation costs as their number grows", found)
        print(json.dumps(as_json(found)))
