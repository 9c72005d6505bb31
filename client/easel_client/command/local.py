"""`easel up`: the local stack of the checkout that one is in."""

import os
from pathlib import Path
from typing import Annotated

import typer

from easel_client.errors import InputError

HOW = "Get Easel's source, and run `easel up` in its folder (or `make run`)."


def up(
    once: Annotated[bool, typer.Option("--once", help="Stop after the sample picture.")] = False,
) -> None:
    """Start the local stack of this checkout.

    It needs no AWS account and no vendor's key: sandbox vendors draw placeholders.
    """
    folder = checkout()
    if folder is None:
        raise InputError("There is no checkout of Easel here or in a folder above.", HOW)
    try:
        os.chdir(folder)
        os.execvp("make", ["make", "run", *(["ONCE=1"] if once else [])])
    except FileNotFoundError as error:
        raise InputError("There is no `make` on this machine.", "Install it, then try again.") from error


def checkout(start: Path | None = None) -> Path | None:
    """The folder of Easel's source that one is in; None where there is none."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "Makefile").is_file() and (folder / "local" / "__main__.py").is_file():
            return folder
    return None
