"""The sample: one generation through the public API, watched to its end, its picture kept as a file."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from local.failure import StackError

REQUEST = {
    "model": "qwen-image-max",
    "prompt": "A small easel on a cliff above a calm sea at sunrise, a half-finished sun on it",
    "size": "16:9",
    "seed": 7,
}
TERMINAL = frozenset(("succeeded", "failed", "canceled", "expired"))
POLL_SECONDS = 0.25
TIMEOUT_SECONDS = 660.0  # above the default deadline of a generation


@dataclass(frozen=True)
class KeptImage:
    """Where the sample's picture is."""

    file: Path
    s3_uri: str
    url: str


def make_sample(api: str, api_key: str, folder: Path, show: Callable[[float, str], None]) -> KeptImage:
    """Ask for a picture, show the seconds since then and the status over and over, download the picture.

    Raises StackError when the generation does not succeed.
    """
    http = urllib3.PoolManager(
        headers={"Authorization": f"Bearer {api_key}"},
        timeout=urllib3.Timeout(connect=5, read=35),
        retries=False,
    )
    started = time.monotonic()
    generation = _ask(http, api)
    while True:
        status = generation["status"]
        show(
            time.monotonic() - started,
            f"{status} ({generation['route']})" if generation.get("route") else status,
        )
        if status in TERMINAL:
            break
        if time.monotonic() - started > TIMEOUT_SECONDS:
            raise StackError(f"the sample was still {status} after {TIMEOUT_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)
        generation = _json(http.request("GET", f"{api}/v1/generations/{generation['id']}"), 200)
    if status != "succeeded":
        error = generation.get("error") or {}
        raise StackError(f"the sample {status}: {error.get('code')}, {error.get('message')}")
    return _download(generation, folder)


def _ask(http: urllib3.PoolManager, api: str) -> dict[str, Any]:
    return _json(http.request("POST", f"{api}/v1/generations", json=REQUEST), 202)


def _json(answer: urllib3.BaseHTTPResponse, expected: int) -> dict[str, Any]:
    if answer.status != expected:
        raise StackError(f"the API answered {answer.status}: {answer.data.decode(errors='replace')[:500]}")
    body: dict[str, Any] = answer.json()
    return body


def _download(generation: dict[str, Any], folder: Path) -> KeptImage:
    image = generation["images"][0]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{generation['id']}.{image['content_type'].removeprefix('image/')}"
    answer = urllib3.request("GET", image["url"], timeout=30.0, retries=False)  # signed: no key is sent
    if answer.status != 200 or len(answer.data) != image["bytes"]:
        raise StackError(f"the picture's link answered {answer.status} with {len(answer.data)} bytes.")
    file.write_bytes(answer.data)
    return KeptImage(file, image["s3_uri"], image["url"])
