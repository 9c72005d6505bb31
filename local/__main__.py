"""`make run`: the local stack, one sample picture, then serving until interrupted (`--once`: the end)."""

import argparse
import contextlib
import os
import signal
import sys
import threading
from types import FrameType

from local.build import REPOSITORY
from local.failure import StackError
from local.sample import make_sample
from local.settings import read_settings
from local.stack import LocalStack

STARTER_CHECK_SECONDS = 1.0
COMMAND = '.venv/bin/easel generate "a red fox in snow" --output fox.png'


class _Interrupted(BaseException):
    """SIGINT or SIGTERM came; not an Exception, so that nothing on the way takes it for a fault."""


def main() -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="end after the sample; status 0 only if it succeeded"
    )
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_end_with_make, args=(os.getppid(),), name="make-watch", daemon=True).start()
    try:
        return _run(once=arguments.once)
    except _Interrupted:
        return 130 if arguments.once else 0
    except StackError as error:
        print(f"easel: {error}", file=sys.stderr)
        return 1


def _run(*, once: bool) -> int:
    settings = read_settings(os.environ, REPOSITORY / ".env")
    _say("Easel, local stack")
    stack = LocalStack(settings, report=_show)
    try:
        stack.start()
        _say(f"ready {stack.url}")
        succeeded = _sample(stack)
        if not once:
            _say("Serving. Ctrl-C stops it and keeps the data.")
            threading.Event().wait()
        return 0 if succeeded else 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C must not lose the data
        stack.stop()
        _say("Stopped.")


def _sample(stack: LocalStack) -> bool:
    _say("\nA sample generation")
    progress = _Progress()
    try:
        image = make_sample(stack.url, stack.api_key, stack.settings.data / "images", progress.show)
    except StackError as error:
        print(f"easel: {error}", file=sys.stderr, flush=True)
        return False
    finally:
        _say(f"\n  API key  {stack.api_key}\n  AWS      {stack.aws.url} (key test, secret test)")
    _say(f"  picture  {image.file}\n  S3       {image.s3_uri}\n  URL      {image.url}")
    _say(f"  command  {COMMAND}\n")
    return True


class _Progress:
    """Shows a generation's way: a line for each status, the running one's time going on in a terminal."""

    def __init__(self) -> None:
        self._shown = ""

    def show(self, elapsed_seconds: float, status: str) -> None:
        """Take a look at the generation."""
        line = f"  {elapsed_seconds:5.1f} s  {status}"
        if status != self._shown:
            _say(line)
            self._shown = status
        elif sys.stdout.isatty():
            _say(f"\x1b[A\r{line}")  # over the line above


def _say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody reads any more; the API is still of use
        print(text, flush=True)


def _show(line: str) -> None:
    _say(f"  {line}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Interrupted


def _end_with_make(make: int) -> None:
    """End as by SIGTERM when `make`, which started this, is gone (killed hard: it passes on nothing then)."""
    while os.getppid() == make:
        threading.Event().wait(STARTER_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
