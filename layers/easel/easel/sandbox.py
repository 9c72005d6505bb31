"""The sandbox route: a whole generation that costs nothing, where a deployment offers it.

It has a model of its own, so that no request for another one ends here, and a host that does not exist: the
function that asks answers itself, by the task's id alone. The picture says what it is.
"""

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from easel.catalogue import CATALOGUE, QWEN_SIZES, Catalogue, Endpoint, Route
from easel.domain.capabilities import Capabilities
from easel.domain.money import Money
from easel.domain.sizes import Size, SizeRule
from easel.errors import ImageUnavailableError
from easel.ports import Clock, Download, Transport
from easel.wire import HttpResponse

if TYPE_CHECKING:
    from easel.vendors.base import Adapter

HOST = "sandbox.easel.invalid"  # which no name server knows (RFC 6761, 6.4)
BASE_URL = f"https://{HOST}"
PICTURES = f"{BASE_URL}/pictures"
DRAWING_MS = 2000  # that a task says it takes
TASK = re.compile(r"/([0-9]{3,4})x([0-9]{3,4})_([0-9]{1,10})_([0-9]{13})")
SIZES = {str(size): size for size in QWEN_SIZES.values()}
SEED_MAX = 2147483647  # of the route's capabilities, as they are by default
NOTE = b"Comment\0A placeholder of Easel's sandbox route: no vendor was asked for it."
WORD = (
    " ####  ###  #   # ####  ####   ###  #   #",
    "#     #   # ##  # #   # #   # #   # #   #",
    "#     #   # # # # #   # #   # #   #  # # ",
    " ###  ##### #  ## #   # ####  #   #   #  ",
    "    # #   # #   # #   # #   # #   #  # # ",
    "    # #   # #   # #   # #   # #   # #   #",
    "####  #   # #   # ####  ####   ###  #   #",
)  # fmt: skip
BARS = 8


def _adapter() -> "Adapter":
    from easel.vendors.sandbox import Sandbox

    return Sandbox()


SANDBOX = Endpoint(
    name="sandbox",
    vendor="Easel's sandbox",
    setting="SANDBOX",
    base_url=BASE_URL,
    result_hosts=(HOST,),
    adapter_of=_adapter,
    failed_task_cost="free",
)
WITH_SANDBOX = Catalogue.of(
    (
        *CATALOGUE.routes.values(),
        Route(
            endpoint=SANDBOX,
            label="picture",
            models={"sandbox": "sandbox"},
            capabilities=Capabilities(None, None, SizeRule(QWEN_SIZES)),
            price=Money.of(0, "USD"),
            typical_seconds=3,
            lora_base=False,
        ),
    )
)


class Task(NamedTuple):
    """All that is known of a task, which its id tells. `done_ms` is in milliseconds since 1970."""

    size: Size
    seed: int
    done_ms: int

    @property
    def name(self) -> str:
        """The id."""
        return f"{self.size.width}x{self.size.height}_{self.seed}_{self.done_ms}"

    @classmethod
    def at(cls, url: str) -> "Task | None":
        """The task of an address; None where it is none that the route gives out."""
        found = TASK.fullmatch(url.removeprefix(PICTURES))
        if found is None:
            return None
        width, height, seed, done_ms = map(int, found.groups())
        size = SIZES.get(f"{width}*{height}")
        return cls(size, seed, done_ms) if size and seed <= SEED_MAX else None


@dataclass(frozen=True, slots=True)
class SandboxTransport:
    """The port `Transport`: answers what is meant for the sandbox's host, and hands all else to `real`."""

    real: Transport
    clock: Clock

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, object] | None,
        *,
        timeout_seconds: float,
    ) -> HttpResponse:
        """The answer, at once."""
        if not url.startswith(f"{BASE_URL}/"):
            return self.real.send(method, url, headers, body, timeout_seconds=timeout_seconds)
        status, told = self._take(body or {}) if method == "POST" else self._tell(url)
        return HttpResponse(status, {}, json.dumps(told).encode())

    def download(
        self, url: str, *, hosts: Sequence[str], timeout_seconds: float
    ) -> AbstractContextManager[Download]:
        """The picture, for those who may load from the sandbox's host: its own route alone."""
        if HOST not in hosts or not url.startswith(f"{BASE_URL}/"):
            return self.real.download(url, hosts=hosts, timeout_seconds=timeout_seconds)
        return _drawn(url)

    def _take(self, body: Mapping[str, object]) -> tuple[int, dict[str, object]]:
        size, seed = SIZES.get(str(body.get("size", QWEN_SIZES["1:1"]))), body.get("seed")
        if size is None:
            return 400, {"message": f"size must be one of {', '.join(SIZES)}"}
        if not isinstance(seed, int):
            seed = zlib.crc32(str(body.get("prompt")).encode(errors="replace"))
        task = Task(size, seed & SEED_MAX, self._now_ms() + DRAWING_MS)
        return 202, {"id": task.name, "status": "drawing"}

    def _tell(self, url: str) -> tuple[int, dict[str, object]]:
        task = Task.at(url)
        if task is None:
            return 404, {"message": "there is no such picture"}
        if self._now_ms() < task.done_ms:
            return 200, {"id": task.name, "status": "drawing"}
        return 200, {"id": task.name, "status": "drawn", "picture": url, "seed": task.seed}

    def _now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)


@contextmanager
def _drawn(url: str) -> Iterator[Download]:
    task = Task.at(url)
    if task is None:
        raise ImageUnavailableError("the sandbox has no such picture")
    data = draw(task.size, task.seed)
    yield Download(len(data), "image/png", iter((data,)))


def draw(size: Size, seed: int) -> bytes:
    """A PNG of some 20 KB: bars in the seed's colours, and over them what it is. Rows that are alike are
    packed together, so that neither time nor memory is worth a thought."""
    scale = size.width // (len(WORD[0]) + 4)
    left, top = (size.width - len(WORD[0]) * scale) // 2, (size.height - len(WORD) * scale) // 2
    ground = bytes(1 + column * BARS // size.width for column in range(size.width))
    rows = [(ground, top)]
    for line in WORD:
        signs = b"".join((b"\1" if sign == "#" else b"\0") * scale for sign in line)
        inked = bytes(0 if ink else under for ink, under in zip(signs, ground[left:], strict=False))
        rows.append((ground[:left] + inked + ground[left + len(inked) :], scale))
    rows.append((ground, size.height - top - len(WORD) * scale))
    pack = zlib.compressobj()
    data = b"".join([*(pack.compress((b"\0" + row) * count) for row, count in rows), pack.flush()])
    dice = hashlib.sha256(str(seed).encode()).digest()
    palette = b"\xff\xff\xff" + bytes(level // 2 for level in dice[: 3 * BARS])  # white on dark
    header = struct.pack(">IIBBBBB", size.width, size.height, 8, 3, 0, 0, 0)
    blocks = ((b"IHDR", header), (b"PLTE", palette), (b"tEXt", NOTE), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(inner)) + kind + inner + struct.pack(">I", zlib.crc32(kind + inner))
        for kind, inner in blocks
    )
