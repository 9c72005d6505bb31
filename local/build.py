"""The deployable packages, built by `sam build` from the real template, for this machine's interpreter."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.failure import StackError

REPOSITORY = Path(__file__).resolve().parent.parent
BUILDS = REPOSITORY / ".aws-sam" / "local"
SOURCES = ("template.yaml", "functions", "layers")
SAM_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Build:
    """What `sam build` left: `template.yaml` and a folder for each function and layer.

    `fingerprint` tells one state of the sources from another.
    """

    folder: Path
    fingerprint: str


def build(place: Path = BUILDS) -> Build:
    """Build below `place`, unless nothing changed since the last time. Several may ask at the same time."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fingerprint = _fingerprint()
        folder = place / fingerprint[:16]  # an older one may be in use: it is removed by the next build
        if not folder.is_dir():
            _remove_all_but_newest(place)
            _run_sam(folder, place)
    return Build(folder, fingerprint)


def _remove_all_but_newest(place: Path) -> None:
    older = sorted(place.glob("*/template.yaml"), key=lambda template: template.stat().st_mtime)
    for template in older[:-1]:
        shutil.rmtree(template.parent)


def _sources() -> Iterator[Path]:
    for name in SOURCES:
        path = REPOSITORY / name
        yield from [path] if path.is_file() else sorted(path.rglob("*"))


def _fingerprint() -> str:
    # The wheels in the layer depend on the interpreter's version and the machine.
    digest = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()}".encode())
    for path in _sources():
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(REPOSITORY)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _run_sam(folder: Path, place: Path) -> None:
    log, unfinished = place / "build.log", place / "unfinished"
    environment = {
        **os.environ,
        # The layer's Makefile asks the first python3 for pip.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "EASEL_BUILD_PLATFORM": "host",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, "-m", "samcli", "build", "--cached", "--parallel"]
    # SAM knows a layer again by its sources alone, which say nothing of the Python that its wheels are for.
    cache = place / f"cache-{sys.implementation.cache_tag}"
    folders = ["--build-dir", str(unfinished), "--cache-dir", str(cache)]
    try:
        result = subprocess.run(
            [*command, *folders],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SAM_TIMEOUT_SECONDS,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"`sam build` took longer than {SAM_TIMEOUT_SECONDS:.0f} s.") from error
    log.write_text(result.stdout)
    if result.returncode != 0:
        raise StackError(_explain(result.stdout, log))
    unfinished.rename(folder)


def _explain(output: str, log: Path) -> str:
    lowered = output.lower()
    if "no space left" in lowered:
        return "no room on disk for the packages that `sam build` makes."
    if any(sign in lowered for sign in ("newconnectionerror", "max retries", "name resolution", "timed out")):
        return "the Python package registry is out of reach, so that the layer cannot be built."
    errors = [line for line in output.splitlines() if "error" in line.lower()]
    return f"`sam build` failed: {errors[-1].strip() if errors else 'no reason given'} (all of it: {log})"
