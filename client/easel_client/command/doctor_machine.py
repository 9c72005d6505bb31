"""What `easel doctor` finds on this machine."""

import os
import platform
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from easel_client.command.findings import Finding, fail, ok, warn
from easel_client.command.local import checkout
from easel_client.errors import EaselError, SettingsError
from easel_client.profiles import LOCAL_URL, URL_FILE, Profiles, local_folder, profile_file
from easel_client.transport import VERSION, Call, Transport

PORTS = (("EASEL_PORT", 3000), ("EASEL_AWS_PORT", 4566))  # of the local stack
OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def findings() -> Iterator[Finding]:
    """Python, this program, the checkout, the local stack and its ports, the profile file."""
    version = platform.python_version()
    yield ok("python", f"{version}, {sys.executable}")
    yield ok("easel", f"{VERSION}, {Path(__file__).parents[1]}")
    yield from _checkout()
    yield _profile_file()


def _checkout() -> Iterator[Finding]:
    folder, data = checkout(), local_folder()
    if folder is None and data is None:
        yield ok("checkout", "none in this folder; only the local stack needs one")
        return
    yield ok("checkout", str(folder) if folder else "none in this folder")
    if folder is not None and shutil.which("make") is None:
        yield fail("make", "is not on PATH", "Install it; the local stack is started with it.")
    if folder is not None and not (folder / ".venv" / "easel-stamp").is_file():
        yield warn("set-up", "was not made yet", "`easel up` makes it, in a minute or two.")
    url = _local_url(data)
    if is_easel(url):
        yield ok("local stack", f"answers at {url}")
        return
    yield ok("local stack", "does not run; `easel up` starts it")
    for name, usual in PORTS:
        port = int(text) if (text := os.environ.get(name, "")).isdigit() else usual
        if not _free(port):
            yield fail(f"port {port}", "is taken by another program", f"Set {name} to a free one.")


def is_easel(url: str) -> bool:
    """Whether an Easel answers there."""
    try:
        body = Transport(url, "none").ask(Call("GET", "/healthz")).body
    except EaselError:
        return False
    return isinstance(body, dict) and body.get("status") == "ok"


def _local_url(data: Path | None) -> str:
    if data is not None and (data / URL_FILE).is_file():
        return (data / URL_FILE).read_text().strip()
    port = os.environ.get("EASEL_PORT", "")
    return LOCAL_URL.replace(str(urlsplit(LOCAL_URL).port), port) if port.isdigit() else LOCAL_URL


def _free(port: int) -> bool:
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _profile_file() -> Finding:
    file = profile_file()
    try:
        profiles = Profiles.read()
    except SettingsError as error:
        return fail("profiles", error.message, error.advice)
    if not profiles.known:
        return ok("profiles", f"none in {file}; `easel login` makes one")
    if file.stat().st_mode & OPEN_TO_OTHERS:
        return warn("profiles", f"{file} has keys and is open to others", f"chmod 600 {file}")
    names = ", ".join(f"{name}*" if name == profiles.default else name for name in sorted(profiles.known))
    return ok("profiles", f"{names} in {file}")
