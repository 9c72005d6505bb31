"""Cold start of each function from its artifact: instructions of import and init, and peak memory.

Each runs in a process of its own, laid out as Lambda lays it out (package, then layers), with the
environment of the built template; AWS is a stub over TLS, since the init phase calls it. Instructions are
valgrind's, less those of an interpreter that has only what Lambda's runtime client loads before a handler. A
yardstick is the same work as a good engineer would write it by default, with the same libraries and bytecode,
but botocore's data as they are published.
A floor is what the libraries alone cost in our layer: imported, with the function's clients and one model.
"""

import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import botocore
from samtranslator.yaml_helper import yaml_parse

from easel.aws.clients import AMAZON
from local.build import Build, build
from tests.bench.stubs import stubs
from tests.bench.table import Row

YARDSTICKS = Path(__file__).with_name("yardsticks")
# Function to the part of its yardstick that it may take, at most; None: measured without one.
TARGETS: Mapping[str, float] = {
    "Submit": 0.6, "Poll": 0.6, "Persist": 0.6, "Settle": 0.6, "Api": 0.75, "Intake": 0.75,
}  # fmt: skip
# The clients that every run of a step needs: S3 is a rare need of Submit and Poll, a workflow of the others.
CLIENTS: Mapping[str, str] = {
    "Submit": "dynamodb,secretsmanager", "Poll": "dynamodb,secretsmanager",
    "Persist": "dynamodb,s3,events", "Settle": "dynamodb,events",
}  # fmt: skip
PEAK_MIB_MAX = 48.0
COUNTED_SECONDS = 300.0
FLOOR = "tests.bench.yardsticks.libraries"
# What awslambdaric imports before it imports a handler (awslambdaric 4.2, read 2026-11).
RUNTIME = "import decimal, enum, functools, json, logging, os, sys, time, traceback, types, typing, datetime"
# Of the standard library, which no change of ours moves: it tells what another interpreter takes for all.
GAUGE_NAME = "gauge: instructions"
GAUGE = (
    "import argparse, asyncio, concurrent.futures, csv, dataclasses, difflib, email.message, http.client,"
    " inspect, pickle, ssl, tarfile, tempfile, unittest, urllib.request, uuid, xml.etree.ElementTree, zipfile"
)
LOAD = "sys.path[:0] = sys.argv[1].split(os.pathsep)\nimport"
# What a slow machine, and a counted process, has not done when the init phase goes on.
WAIT = "import threading\nfor one in threading.enumerate()[1:]: one.join()"
# Not getrusage's, which a process inherits from the one that started it.
PEAK = "print(int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) / 1024)"


def environment(built: Build, function: str) -> dict[str, str]:
    """The function's variables: parameters have their defaults, and names of things one and the same word."""
    template = yaml_parse((built.folder / "template.yaml").read_text())
    defaults = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()}
    own = template["Resources"][f"{function}Function"]["Properties"].get("Environment", {"Variables": {}})
    variables = {**template["Globals"]["Function"]["Environment"]["Variables"], **own["Variables"]}
    return {name: _value(value, defaults) for name, value in variables.items()}


def _value(value: Any, defaults: Mapping[str, str]) -> str:
    if isinstance(value, Mapping):
        return defaults.get(str(value.get("Ref", "")), "some-name")
    return str(value)


def calling(stub: Mapping[str, str], authorities: Path) -> dict[str, str]:
    """The variables by which AWS is the stub, believed beside these certificate authorities."""
    certificate = Path(stub["AWS_CA_BUNDLE"])
    bundle = certificate.with_name(f"with-{authorities.name}")
    bundle.write_text(authorities.read_text() + certificate.read_text())
    return {
        "AWS_ENDPOINT_URL": stub["STUB_AWS"],
        "AWS_ENDPOINT_URL_S3": stub["AWS_ENDPOINT_URL_S3"],
        "AWS_CA_BUNDLE": str(bundle),
    }


class Process:
    """Runs a handler's import and init in a fresh interpreter, without this machine's packages."""

    def __init__(self, folders: Sequence[Path], variables: Mapping[str, str]) -> None:
        self._path = os.pathsep.join(str(folder) for folder in folders)
        self._variables = {
            **variables,
            "PATH": os.environ["PATH"],
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
        }

    def instructions(self, code: str) -> int:
        """Millions of instructions of a program."""
        counting = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        said = self._run(counting, code).stderr
        found = re.search(r"I\s+refs:\s+([\d,]+)", said)
        assert found, said
        return round(int(found[1].replace(",", "")) / 2**20)

    def peak_mib(self, code: str) -> float:
        """The largest resident size of a program: the least of three runs."""
        return min(float(self.told(f"{code}\n{PEAK}")) for _ in range(3))

    def told(self, code: str) -> str:
        """What a program prints last."""
        return self._run([], code).stdout.split()[-1]

    def _run(self, before: Sequence[str], code: str) -> subprocess.CompletedProcess[str]:
        # The interpreter itself: the environment's is a link, whose start would look for the environment.
        interpreter = str(Path(sys.executable).resolve())
        return subprocess.run(
            [*before, interpreter, "-S", "-s", "-P", "-c", code, self._path],
            env=self._variables,
            capture_output=True,
            text=True,
            check=True,
            timeout=COUNTED_SECONDS,
        )


def published_layer(built: Build) -> Path:
    """The layer with botocore's data as they are published, for the yardsticks."""
    target = Path("build") / "bench" / built.fingerprint[:16]
    if not target.is_dir():
        unfinished = target.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(built.folder / "EaselLayer" / "python", unfinished)
        data = unfinished / "botocore" / "data"
        shutil.rmtree(data)
        shutil.copytree(Path(botocore.__file__).with_name("data"), data)
        unfinished.rename(target)
    yardsticks = target / "tests" / "bench" / "yardsticks"
    shutil.rmtree(yardsticks, ignore_errors=True)
    shutil.copytree(YARDSTICKS, yardsticks)
    compileall.compile_dir(yardsticks, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return target.resolve()


@cache
def bare_mi() -> float:
    """What the runtime takes alone, the interpreter's own start included."""
    return Process([], {}).instructions(RUNTIME)


def gauge_mi() -> float:
    """What the gauge takes beyond that."""
    return Process([], {}).instructions(f"{RUNTIME}\n{GAUGE}") - bare_mi()


def start(module: str, folders: Sequence[Path], variables: Mapping[str, str]) -> tuple[Process, str]:
    """The process and the program of a module's import and init."""
    return Process(folders, variables), f"{RUNTIME}\n{LOAD} {module}\n{WAIT}"


def layers_of(built: Build, name: str) -> list[Path]:
    """A function's folders in the order in which Lambda has them."""
    layers = ["EaselLayer"] + (["McpLayer"] if name == "Mcp" else [])
    return [built.folder / f"{name}Function", *(built.folder / one / "python" for one in layers)]


def of_function(built: Build, name: str, aws: Mapping[str, str]) -> tuple[Process, str]:
    """That of a function, which finds AWS where these variables say."""
    return start("handler", layers_of(built, name), {**environment(built, name), **aws})


@contextmanager
def aws_stub() -> Iterator[dict[str, str]]:
    """The variables by which a process finds an AWS that answers the calls of the init phase."""
    with tempfile.TemporaryDirectory() as folder, stubs(Path(folder)) as stub:
        yield calling(stub, AMAZON)


def rows() -> list[Row]:
    """Those with a yardstick first. Two functions are measured at a time: instructions do not mind."""
    built = build()
    published = published_layer(built)
    bare = bare_mi()
    names = [path.name.removesuffix("Function") for path in sorted(built.folder.glob("*Function"))]
    names.remove("Console")  # has nothing of the layer

    def of(name: str) -> list[Row]:
        process, program = of_function(built, name, aws)
        taken, peak = process.instructions(program) - bare, process.peak_mib(program)
        yardstick, note, peak_note = None, "", ""
        if name in TARGETS:
            variables, module = {**environment(built, name), **aws}, f"tests.bench.yardsticks.{name.lower()}"
            other, conventional = start(module, [published], variables)
            yardstick = other.instructions(conventional) - bare
            peak_note = f"the yardstick's: {other.peak_mib(conventional):.3g}"
        if name in CLIENTS:
            libraries = [built.folder / "EaselLayer" / "python", published]
            alone, imported = start(FLOOR, libraries, {**variables, "BENCH_CLIENTS": CLIENTS[name]})
            note = f"the libraries alone: {alone.instructions(imported) - bare:,.0f}"
            peak_note += f", the libraries' alone: {alone.peak_mib(imported):.3g}"
        return [
            Row(f"{name}: instructions", taken, yardstick, "Mi", TARGETS.get(name), note),
            Row(f"{name}: peak memory", peak, None, "MiB", PEAK_MIB_MAX, peak_note),
        ]

    with aws_stub() as aws, ThreadPoolExecutor(2) as pool:
        found = pool.map(of, [*TARGETS, *(name for name in names if name not in TARGETS)])
        gauge = Row(GAUGE_NAME, gauge_mi(), None, "Mi", None, "what a start is held against elsewhere")
        return [*(row for pair in found for row in pair), gauge]
