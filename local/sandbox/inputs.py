"""Input images of edits: fetched or decoded, checked by the vendors' common rules, reduced for the inset."""

from __future__ import annotations

import base64
import binascii
import io
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from local.sandbox.drawing import PIXEL_WORK
from local.sandbox.fields import nearest_16, parse_size

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
SHORTEST_SIDE, LONGEST_SIDE = 384, 3072  # px
MAX_BYTES = 10 * 2**20  # 10 MB; that it means 2^20 is our reading
FETCH_SECONDS = 10.0  # for all images of one request together
INSET_SIDE = 640  # px; no picture shows an input larger


class InputImageError(Exception):
    """Why an input image is refused; `reason` is address, download, timeout, bytes, format or resolution."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class InputImage:
    """Its true size in px, and an encoded file no larger than the inset needs."""

    width: int
    height: int
    inset: bytes


def edit_size(size: str | None, last: InputImage | None) -> tuple[int, int]:
    """What an edit delivers, in px: the size asked for, or the last input's ratio at about 1024*1024 px."""
    if size is not None:
        width, height = parse_size(size)
    else:
        ratio = math.sqrt(last.width / last.height) if last else 1
        width, height = round(1024 * ratio), round(1024 / ratio)
    return nearest_16(width), nearest_16(height)


def load_inputs(references: Sequence[str], *, bare_base64: bool) -> list[InputImage]:
    """The images behind links, data URIs or (if `bare_base64`) base64 text. Raises InputImageError."""
    deadline = time.monotonic() + FETCH_SECONDS
    return [_inspect(_read(reference, deadline, bare_base64)) for reference in references]


def _read(reference: str, deadline: float, bare_base64: bool) -> bytes:
    if reference.startswith(("http://", "https://")):
        return _fetch(reference, deadline)
    head, comma, encoded = reference.partition(",")
    if comma and head.startswith("data:image/") and head.endswith(";base64"):
        return _decode(encoded)
    if bare_base64 and not comma and ":" not in reference:
        return _decode(reference)
    raise InputImageError("address")


def _decode(encoded: str) -> bytes:
    if len(encoded) > MAX_BYTES * 4 // 3 + 4:
        raise InputImageError("bytes")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InputImageError("format") from None
    if len(data) > MAX_BYTES:
        raise InputImageError("bytes")
    return data


def _fetch(url: str, deadline: float) -> bytes:
    """At most `MAX_BYTES` by `deadline`. A proxy is not asked for what lies on this machine."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise InputImageError("timeout")
    try:
        host = urllib.parse.urlsplit(url).hostname
        handlers = [urllib.request.ProxyHandler({})] if host in ("127.0.0.1", "localhost", "::1") else []
        with urllib.request.build_opener(*handlers).open(url, timeout=left) as answer:
            return _read_within(answer, deadline)
    except TimeoutError:
        raise InputImageError("timeout") from None
    except urllib.error.URLError as error:
        reason = "timeout" if isinstance(error.reason, TimeoutError) else "download"
        raise InputImageError(reason) from None
    except (OSError, ValueError):  # reset connections; addresses and answers that are none
        raise InputImageError("download") from None


def _read_within(answer: Any, deadline: float) -> bytes:
    data = bytearray()
    while chunk := answer.read1(64 * 1024):
        data += chunk
        if len(data) > MAX_BYTES:
            raise InputImageError("bytes")
        if time.monotonic() > deadline:
            raise InputImageError("timeout")
    return bytes(data)


def _inspect(data: bytes) -> InputImage:
    try:
        with PIXEL_WORK, Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
            if not all(SHORTEST_SIDE <= side <= LONGEST_SIDE for side in (width, height)):
                raise InputImageError("resolution")
            opened.draft("RGB", (INSET_SIDE, INSET_SIDE))  # a large JPEG is decoded at a fraction of its size
            inset = opened.convert("RGB")
            inset.thumbnail((INSET_SIDE, INSET_SIDE))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise InputImageError("format") from None
    out = io.BytesIO()
    inset.save(out, "JPEG", quality=88)
    return InputImage(width, height, out.getvalue())
