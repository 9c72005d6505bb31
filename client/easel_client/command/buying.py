"""What costs money: how to repeat it without buying twice, where no answer says whether it was accepted."""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from easel_client.command.context import again, terminal_of
from easel_client.command.exits import INTERRUPTED
from easel_client.errors import EaselError

KEY = re.compile(r"[\x20\x21\x23-\x7e]{1,255}")


def _checked(key: str | None) -> str | None:
    if key is not None and not KEY.fullmatch(key):
        raise typer.BadParameter('it is 1 to 255 printable ASCII characters, without "')
    return key


Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        callback=_checked,
        metavar="KEY",
        help="A word of your own: the same command with the same one buys nothing again.",
        show_default=False,
    ),
]


@contextmanager
def repeatable(
    ctx: typer.Context, key: str, *listing: str, uploads: Sequence[tuple[str, str]] = ()
) -> Iterator[None]:
    """Says of a request that may have been accepted without an answer how to find out, and how to repeat it.

    `listing` are the words after `easel` that show it. `uploads` are files that were uploaded, with the links
    that a repeat must name instead.
    """
    option = f"--idempotency-key {shlex.quote(key)}"
    images = [f"--image {link} for {file}" for file, link in uploads]
    advice = (
        f"It may have been accepted; `{again(ctx, *listing)}` shows whether it goes on. "
        f"The same command with {' and '.join((option, *images))} does not buy it twice."
    )
    try:
        yield
    except KeyboardInterrupt:
        terminal_of(ctx).note(f"Interrupted before Easel had answered. {advice}")
        raise typer.Exit(INTERRUPTED) from None
    except EaselError as error:
        if error.idempotency_key is not None:
            error.advice = " ".join(filter(None, (error.advice, advice)))
        raise
