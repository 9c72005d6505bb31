"""Files that pictures are written to: their names, and writing them whole or not at all."""

import contextlib
import os
import re
import secrets
from pathlib import Path

from easel_client.errors import InputError

TRIES_MAX = 10_000


def safe_name(text: str) -> str:
    """Text from elsewhere as a part of a file's name that leads into no other folder and hides no file: of
    A-Z, a-z, 0-9, `.`, `_` and `-`, without a dot at its beginning or two in a row."""
    kept = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]", "-", text)).lstrip(".")
    return kept or "-"


def numbered(path: Path, number: int) -> Path:
    """`fox.png` for the first of several, `fox-2.png` for the second."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def named_file(path: str | Path) -> Path:
    """The path of a file. Raises InputError where it is a folder's."""
    if str(path).endswith("/") or Path(path).is_dir():
        raise InputError(f"{path} is a folder.", "Give a file's name in it.")
    return Path(path)


def with_extension(path: Path, extension: str) -> Path:
    """`fox` as `fox.png`; a name that has an ending keeps it."""
    return path if path.suffix or not extension else path.with_name(f"{path.name}.{extension}")


def free_name(path: Path) -> Path:
    """The path, or where it is taken the first of `fox (2).png`, `fox (3).png` that is free."""
    for number in range(2, TRIES_MAX):
        if not path.exists():
            return path
        stem = path.stem.removesuffix(f" ({number - 1})")
        path = path.with_name(f"{stem} ({number}){path.suffix}")
    return path


def write_whole(path: Path, data: bytes, mode: int = 0o666) -> Path:
    """Write a file beside it and put it in place at once: nobody ever sees half of it.

    `mode` is narrowed by the umask, as with every new file.
    """
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
        half.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            half.unlink()
        raise
    return path
