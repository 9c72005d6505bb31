"""What the sandbox's tests share: a caller that speaks HTTP as any vendor's client would."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from PIL import Image

from local.sandbox.server import SandboxServer
from local.sandbox.settings import Settings

QUICK = Settings(latency=(0.05, 0.05))
PATIENCE_SECONDS = 10.0
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Reply:
    """An answer, whatever its status."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Caller:
    """Calls one endpoint of a sandbox with one key."""

    def __init__(self, sandbox: SandboxServer, endpoint: str, key: str | None = "sandbox-key") -> None:
        self.sandbox, self.endpoint, self.key = sandbox, endpoint, key

    def post(self, path: str, body: object, **headers: str) -> Reply:
        """POST of a JSON body."""
        return self.send("POST", path, json.dumps(body).encode(), Content_Type="application/json", **headers)

    def get(self, path: str) -> Reply:
        """GET."""
        return self.send("GET", path)

    def send(self, method: str, path: str, data: bytes | None = None, **headers: str) -> Reply:
        """Any request below the endpoint's prefix; header names with underscores for hyphens."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        if self.key is not None:
            named["Authorization"] = f"Bearer {self.key}"
        return fetch(f"{self.sandbox.url}/{self.endpoint}{path}", method, data, named)

    @staticmethod
    def settle(ask: Callable[[], Reply], ended: Callable[[Any], bool]) -> Any:
        """Asks until `ended` says so of the body; fails at the deadline."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            body = ask().json
            if ended(body):
                return body
            time.sleep(0.02)
        raise AssertionError("the task did not end")


def fetch(
    url: str, method: str = "GET", data: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """One request and its answer; error statuses are answers too."""
    request = urllib.request.Request(url, data=data, method=method, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return Reply(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, error.read())


def wait_until(seen: Callable[[], object]) -> None:
    """Returns when `seen` says so; fails at the deadline."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def start_command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The sandbox as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "local.sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ledger(sandbox: SandboxServer) -> Any:
    """The control API's ledger."""
    return fetch(f"{sandbox.url}/_sandbox/ledger").json


def change(sandbox: SandboxServer, **settings: object) -> Reply:
    """Changes settings through the control API."""
    data = json.dumps(settings).encode()
    return fetch(f"{sandbox.url}/_sandbox/settings", "POST", data, {"Content-Type": "application/json"})


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded picture, whose checksums must hold and which must decode to the end.

    Pillow's decoder alone skips a PNG's checksums, and damaged deflate data can happen to decode:
    https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.Image.verify
    """
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.size


def input_image(width: int = 640, height: int = 480, kind: str = "PNG") -> str:
    """An input image as a data URI."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"
