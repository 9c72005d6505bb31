"""Keeps what the sandbox vendors know in one file: read before they serve, written while and after they do.

A write goes to a file beside it, which then takes its place: whenever the process dies, the file is whole.
A clean stop writes everything; a kill loses what came after the last write, see the constants.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from local.sandbox.engine import Engine
from local.sandbox.memory import UnreadableError, from_json, to_json

PAUSE_SECONDS = 3.0  # between two writes
PAUSE_PER_WRITE = (
    20  # times the last write's own: many large bodies take no more than a twentieth of a processor
)
LAST_WRITE_SECONDS = 10.0  # for the last one; whoever stops the process kills it soon after


class Keeper:
    """Reads the file into `engine` at once, if there is one. Raises OSError where its folder is unusable."""

    def __init__(self, file: Path, engine: Engine) -> None:
        self._file, self._engine = file, engine
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_until_the_end, name="keeper", daemon=True)
        self._read()

    def start(self) -> None:
        """From now on the file is written, now and then."""
        self._thread.start()

    def stop(self) -> None:
        """Writes the file for the last time; the engine must be closed, so that nothing comes after it."""
        self._ended.set()
        self._thread.join(LAST_WRITE_SECONDS)
        if self._thread.is_alive():
            _say(f"gave up writing {self._file} after {LAST_WRITE_SECONDS:.0f} s")

    def _read(self) -> None:
        try:
            memory = from_json(self._file.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, UnreadableError) as fault:
            aside = self._file.with_name(f"{self._file.name}.unreadable")
            self._file.replace(aside)
            _say(f"starts with nothing: what was kept is not readable ({fault}) and now lies in {aside}")
        else:
            self._engine.recall(memory)

    def _write_until_the_end(self) -> None:
        pause = PAUSE_SECONDS
        while not self._ended.wait(pause):
            if self._engine.changed.is_set():
                pause = max(PAUSE_SECONDS, PAUSE_PER_WRITE * self._write())
        self._write()

    def _write(self) -> float:
        """Returns the seconds that it took. What cannot be written is said, and tried again."""
        began = time.monotonic()
        self._engine.changed.clear()  # before the look: what changes meanwhile is for the next write
        beside = self._file.with_name(f"{self._file.name}.new")
        try:
            beside.touch(mode=0o600)  # it holds prompts, and links that are their own credential
            beside.write_text(to_json(self._engine.memory()), encoding="ascii")
            beside.replace(self._file)
        except OSError as fault:
            self._engine.changed.set()
            _say(f"cannot write {self._file}: {fault.strerror}")
        return time.monotonic() - began


def _say(line: str) -> None:
    print(f"sandbox: {line}", file=sys.stderr, flush=True)
