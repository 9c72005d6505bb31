"""Pictures in the terminal itself, where it can show them.

kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/ (PNG, in chunks of 4096 characters);
iTerm2: https://iterm2.com/documentation-images.html.
"""

import base64
import os
import sys
from collections.abc import Mapping
from typing import Literal

CHUNK = 4096  # characters of base64
COLUMNS = 40  # of the terminal that a picture takes
BYTES_MAX = 16_000_000
Protocol = Literal["kitty", "iterm2"]


def protocol(environ: Mapping[str, str] | None = None) -> Protocol | None:
    """What this terminal shows pictures by; None for none, and inside a multiplexer, which eats them."""
    environ = os.environ if environ is None else environ
    if "TMUX" in environ or environ.get("TERM", "").startswith(("screen", "tmux")):
        return None
    program = environ.get("TERM_PROGRAM", "")
    if "KITTY_WINDOW_ID" in environ or environ.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if program == "ghostty":
        return "kitty"
    if program in ("iTerm.app", "WezTerm", "mintty") or environ.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return None


def show(data: bytes, content_type: str) -> bool:
    """Write a picture to standard output; whether that could be done. Never where that is no terminal."""
    spoken = protocol()
    if spoken is None or not sys.stdout.isatty() or len(data) > BYTES_MAX:
        return False
    if spoken == "kitty" and content_type != "image/png":
        return False
    sys.stdout.write((kitty(data) if spoken == "kitty" else iterm2(data)) + "\n")
    sys.stdout.flush()
    return True


def kitty(data: bytes) -> str:
    """A PNG by kitty's protocol."""
    text = base64.b64encode(data).decode()
    chunks = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    parts = []
    for number, chunk in enumerate(chunks):
        first = f"a=T,f=100,q=2,c={COLUMNS}," if number == 0 else ""
        parts.append(f"\x1b_G{first}m={int(number < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(parts)


def iterm2(data: bytes) -> str:
    """Any picture by iTerm2's protocol."""
    head = f"inline=1;size={len(data)};width={COLUMNS};preserveAspectRatio=1"
    return f"\x1b]1337;File={head}:{base64.b64encode(data).decode()}\x07"
