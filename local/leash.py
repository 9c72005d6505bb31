"""Runs a module as the main program and ends it as soon as the process that started it is gone.

Usage: `python leash.py MODULE [ARGUMENT...]` with a pipe as standard input whose other end the starter
holds. The kernel closes that end however the starter ends, SIGKILL included, so nothing is left behind.
Runs without site-packages too: it imports the standard library only.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 15.0  # for an orderly end (the emulator writes its state), then the hard one


def _end_with_starter() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    """Run the module that the first argument names, with the arguments after it."""
    threading.Thread(target=_end_with_starter, name="leash", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
