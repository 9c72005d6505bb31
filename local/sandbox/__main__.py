"""`python -m local.sandbox --port N [--keep FILE]`: serves until SIGTERM or SIGINT.

Prints `sandbox http://127.0.0.1:PORT` when it answers; port 0 means a free one. The latency is taken from
`--latency`, else from EASEL_SANDBOX_LATENCY, in seconds (`0.2`) or as a range (`2-5`).

With `--keep` the next process with the same file knows what this one knew: memory.py says what, keeper.py
how. A file that is not readable is put aside, which is said on standard error, and the sandbox starts empty.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from local.sandbox.server import SandboxServer
from local.sandbox.settings import SettingError, Settings, changed


def main() -> int:
    """Runs the server; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m local.sandbox", description="Sandbox vendors on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0: a free one")
    parser.add_argument(
        "--latency", default=os.environ.get("EASEL_SANDBOX_LATENCY") or None, help="seconds: 0.2 or 2-5"
    )
    parser.add_argument(
        "--keep", type=Path, help="file that keeps tasks and bills; left out: they are forgotten"
    )
    parser.add_argument("--verbose", action="store_true", help="log method, path and status of each request")
    arguments = parser.parse_args()
    try:
        settings = changed(Settings(), {"latency": arguments.latency} if arguments.latency else {})
        sandbox = SandboxServer(arguments.port, settings, verbose=arguments.verbose, keep=arguments.keep)
    except (SettingError, OSError, OverflowError) as fault:
        print(f"sandbox: cannot start on port {arguments.port}: {fault}", file=sys.stderr)
        return 1
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox:
        print(f"sandbox {sandbox.url}", flush=True)
        stopped.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
