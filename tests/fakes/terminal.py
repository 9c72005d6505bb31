"""A person at a terminal: the command `easel` in a process of its own, on a pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EASEL = Path(sys.executable).with_name("easel")
ROWS, COLUMNS = 30, 110
PATIENCE_SECONDS = 60.0
CTRL_C = b"\x03"
# Up a row, clear the row, other sequences (colours, the cursor's look), a control character, text.
PARTS = re.compile(
    r"(?P<up>\x1b\[1A)|(?P<clear>\x1b\[2K)|\x1b\[[?0-9;]*[a-zA-Z]|(?P<text>[^\x1b\r\n]+)|[\r\n]"
)


@dataclass(frozen=True)
class Session:
    """All that the terminal was sent, and how the command ended."""

    screen: str
    status: int

    @property
    def left(self) -> list[str]:
        """The lines that are to be seen at the end: what was written over, or cleared, is gone."""
        lines, row, column = [""], 0, 0
        for part in PARTS.finditer(self.screen):
            if part["up"]:
                row -= 1
            elif part["clear"]:
                lines[row] = ""
            elif part["text"]:
                lines[row] = lines[row][:column].ljust(column) + part["text"]
                column += len(part["text"])
            elif part[0] == "\r":
                column = 0
            elif part[0] == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
        return [line.rstrip() for line in lines if line.strip()]


def on_a_terminal(
    *words: str, types: Mapping[str, bytes] | None = None, environment: Mapping[str, str] | None = None
) -> Session:
    """Run `easel` with these words. When the screen shows a text of `types`, its keys are typed, once."""
    waiting = dict(types or {})
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        # As an interactive shell starts it; tests that run in the background were given Ctrl-C to ignore.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # Not `execv`: readline, which pytest imports, has set COLUMNS behind Python's back.
        given = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        os.execve(EASEL, [str(EASEL), *words], given | {"TERM": "xterm-256color"} | dict(environment or {}))
    shown, deadline = b"", time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 65_536)
            except OSError:  # how Linux says that the other end is gone
                break
            if not data:
                break
            shown += data
        for text in [text for text in waiting if text.encode() in shown]:
            os.write(terminal, waiting.pop(text))
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    return Session(shown.decode(), os.waitstatus_to_exitcode(status))
