"""Ours and the yardstick in fresh processes, in turn; instructions where valgrind is at hand."""

import ctypes
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
SECONDS_MAX = 600


def fresh(module: str, *args: object, env: Mapping[str, str]) -> Any:
    """What a module says, as JSON in its last line, run as a program in a fresh process."""
    return json.loads(_run([sys.executable, "-m", module, *map(str, args)], env).stdout.splitlines()[-1])


def in_turn(module: str, cells: list[tuple[object, ...]], times: int, env: Mapping[str, str]) -> list[Any]:
    """The medians of each cell's figures, one process each, in turn: drift meets all alike."""
    said: list[list[dict[str, float]]] = [[] for _ in cells]
    for _ in range(times):
        for place, cell in enumerate(cells):
            said[place].append(fresh(module, *cell, env=env))
    return [{name: statistics.median(one[name] for one in cell) for name in cell[0]} for cell in said]


def instructions(module: str, *args: object, few: int, many: int, env: Mapping[str, str]) -> float | None:
    """Millions of instructions of one repetition: a run of many less a run of few. None without valgrind."""
    if shutil.which(VALGRIND[0]) is None:
        return None
    counts = []
    _run([sys.executable, "-m", module, *map(str, args), "1"], env)  # compiles what has changed
    for number in (few, many):
        command = [*VALGRIND, sys.executable, "-m", module, *map(str, args), str(number)]
        match = re.search(r"I\s+refs:\s+([\d,]+)", _run(command, env).stderr)
        assert match, "valgrind counted nothing"
        counts.append(int(match[1].replace(",", "")))
    return (counts[1] - counts[0]) / (many - few) / 1e6


def _run(command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **env}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, env=whole)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done


@dataclass
class Meter:
    """CPU time and peak memory from here on, of this process."""

    cpu: float = 0.0
    peak: int = 0

    def start(self) -> None:
        """From here on."""
        ctypes.CDLL(None).malloc_trim(0)  # what imports have freed would hide what comes
        Path("/proc/self/clear_refs").write_text("5")  # the peak is the present from now on (proc(5))
        self.peak, self.cpu = _peak_kib(), _cpu()

    def stop(self) -> dict[str, float]:
        """Milliseconds, and MiB above the start."""
        return {"cpu_ms": (_cpu() - self.cpu) * 1000, "peak_mib": (_peak_kib() - self.peak) / 1024}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_kib() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
