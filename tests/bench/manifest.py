"""Reading a batch's manifest: rows a second, and peak memory by the number of rows.

Each size runs in a process of its own, through the Prepare step itself; what it writes is counted and thrown
away. `python -m tests.bench.manifest ROWS FORM` runs one and prints it as JSON.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from easel.catalogue import CATALOGUE
from easel.domain.batch import Batch, Source
from easel.ports import BatchStore
from easel.routing import choose
from easel.runtime import SystemClock
from easel.steps.prepare import Preparer
from tests.bench.table import Row

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CHUNK_BYTES = 256 * 1024
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass
class OneBatch:
    """The store, as far as Prepare uses it."""

    batch: Batch

    def get(self, _batch_id: str) -> Batch:
        return self.batch

    def save(self, batch: Batch) -> None:
        self.batch = batch


@dataclass
class Made:
    """The manifest, made while it is read; and a sink."""

    rows: int
    form: str
    written: int = 0
    sizes: dict[str, int] = field(default_factory=dict)

    def read_from(self, _bucket: str, _key: str, offset: int, _etag: str) -> Generator[bytes, None, None]:
        """The bytes from the offset on: every line is as long as every other."""
        buffer, line = bytearray(), self._line(0)
        first = 0 if self.form == "jsonl" else len(self.header)
        if not offset:
            buffer += self.header
        start = max(0, offset - first) // len(line)
        for number in range(start, self.rows):
            buffer += self._line(number)
            if len(buffer) > CHUNK_BYTES:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)

    @property
    def header(self) -> bytes:
        return b"custom_id,model,prompt,size,seed\n" if self.form == "csv" else b""

    def _line(self, number: int) -> bytes:
        text = "a lighthouse on a cliff at dusk, long exposure, waves below"
        if self.form == "csv":
            return f'row-{number:09d},qwen-image-max,"{text}",16:9,{number + 10**9}\n'.encode()
        row = {"custom_id": f"row-{number:09d}", "model": "qwen-image-max", "prompt": text, "size": "16:9"}
        return json.dumps({**row, "seed": number + 10**9}).encode() + b"\n"

    def put(self, _key: str, data: bytes, _content_type: str) -> str:
        self.written += len(data)
        return ""

    def read(self, _key: str) -> bytes | None:
        return None

    def writer(self, _key: str, _content_type: str) -> Any:
        return nullcontext()

    def signed_url(self, _key: str) -> str:
        return ""


def run(rows: int, form: str) -> dict[str, Any]:
    """One manifest, prepared to its end."""
    source = Source(bucket="b", key=f"requests/made.{form}", etag="e")
    store = OneBatch(Batch(id="bat_x", tenant="t", source=source, created_at=NOW, updated_at=NOW))
    files = Made(rows, form)
    names = frozenset(CATALOGUE.endpoints)
    preparer = Preparer(
        cast(BatchStore, store),
        files,
        lambda _caller, request: choose(request, CATALOGUE, names),
        CATALOGUE,
        {},
        SystemClock(),
        50,
        "s3://inbox/",
    )
    before = resource.getrusage(resource.RUSAGE_SELF)
    while preparer.prepare("bat_x")["next"] == "prepare":
        pass
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert store.batch.rows == rows, store.batch.rows
    return {
        "rows": rows,
        "form": form,
        "cpu_seconds": round(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, 2),
        "peak_mib_above_start": round((after.ru_maxrss - before.ru_maxrss) / 1024, 1),
        "chunks": store.batch.chunks,
    }


def measure() -> list[dict[str, Any]]:
    """Every size and form, each in a fresh process."""
    found = []
    for form in ("jsonl", "csv"):
        for rows in SIZES:
            command = [sys.executable, "-m", "tests.bench.manifest", str(rows), form]
            begun = time.monotonic()
            said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800).stdout
            found.append({**json.loads(said), "seconds": round(time.monotonic() - begun, 1)})
    return found


def rows() -> list[Row]:
    """The figures for the table."""
    found = []
    for cell in measure():
        name, pace = f"{cell['rows']:,} rows of {cell['form']}", cell["rows"] / max(cell["cpu_seconds"], 0.01)
        found += [
            Row(f"{name}: pace", round(pace), None, "rows/CPU s", None),
            Row(f"{name}: peak memory above start", cell["peak_mib_above_start"], None, "MiB", None),
        ]
    return found


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), sys.argv[2])))
