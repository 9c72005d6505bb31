"""Runs a Python file as the main program, with the file system that a Lambda function has.

Usage: `python confinement.py FOLDER MEGABYTES FILE [ARGUMENT...]`. Whatever writes, makes, moves or removes
outside of FOLDER gets the error that it would get on AWS, where all but /tmp is a read-only file system
(https://github.com/quarkusio/quarkus/issues/4254, 2019), and no file grows beyond MEGABYTES, the size of /tmp
there (https://docs.aws.amazon.com/lambda/latest/dg/API_EphemeralStorage.html, 2026). An audit hook refuses it
(PEP 578), which needs neither root nor a kernel's namespaces: it holds for what Python code does, not for a
library that makes system calls of its own or for another program; the functions have neither.

Runs without site-packages: it imports the standard library only.
"""

import errno
import os
import resource
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
DEVICES = frozenset(("/dev/null", "/dev/stdout", "/dev/stderr"))
# Of each audit event, where among its arguments a path stands that it changes, and where the descriptor of
# the folder that the path is relative to (docs.python.org/3/library/audit_events.html).
CHANGES: dict[str, Sequence[tuple[int, int | None]]] = {
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.link": ((1, 3),),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.utime": ((0, 3),),
    "sqlite3.connect": ((0, None),),
}
OF_NAMES = frozenset(("os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"))


def confine(folder: str, megabytes: int) -> None:
    """Let this process write below `folder` only, from now on and for good."""
    own = Path(folder).resolve()
    resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes * 1024 * 1024,) * 2)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if arguments[2] & WRITING:
                check(arguments[0], None, of_name=False)
        elif event in CHANGES:
            for place, base in CHANGES[event]:
                check(arguments[place], None if base is None else arguments[base], of_name=event in OF_NAMES)

    def check(path: Any, base: int | None, *, of_name: bool) -> None:
        if isinstance(path, int):
            return  # a descriptor, which was checked when it was opened
        real = _real(os.fsdecode(path), base, of_name=of_name)
        if not real.is_relative_to(own) and path not in DEVICES:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    sys.addaudithook(refuse)


def _real(path: str, base: int | None, *, of_name: bool) -> Path:
    """Return the path without links; of one that is removed or made, the last part is the link itself."""
    start = Path() if base is None or base < 0 else Path(f"/proc/self/fd/{base}").readlink()
    full = start / path
    return full.parent.resolve() / full.name if of_name else full.resolve()


def main() -> None:
    """Confine this process, then run the file."""
    _, folder, megabytes, *sys.argv = sys.argv
    confine(folder, int(megabytes))
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
