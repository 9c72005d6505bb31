"""What a command is called with beside its own arguments: the deployment, and how to answer."""

import shlex
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from easel_client.client import Easel
from easel_client.command.terminal import Terminal

PROFILE, JSON = "easel.profile", "easel.json"


def _remember(key: str) -> Callable[..., Any]:
    """Keeps an option's value where all commands find it, wherever on the line it stood."""

    def keep(ctx: typer.Context, value: Any) -> Any:
        if value:
            ctx.meta[key] = value
        return value

    return keep


Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        callback=_remember(PROFILE),
        help="A deployment of the profile file; `local` is the local stack.",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", callback=_remember(JSON), help="JSON on standard output, and nothing else.")
]


def terminal_of(ctx: typer.Context) -> Terminal:
    """Where to write."""
    return Terminal(bool(ctx.meta.get(JSON)))


def client_of(ctx: typer.Context) -> Easel:
    """The deployment that is meant."""
    return Easel(profile=ctx.meta.get(PROFILE))


def again(ctx: typer.Context, *words: str) -> str:
    """A command line for a person to type, with the profile that was named in this one."""
    profile = ("--profile", ctx.meta[PROFILE]) if ctx.meta.get(PROFILE) else ()
    return shlex.join(("easel", *words, *profile))


def somebody_types() -> bool:
    """Whether there is a person to be asked."""
    return sys.stdin.isatty()


def agreed(question: str, flag: str) -> bool:
    """A person's yes or no. Where nobody can answer, leaving out the flag is wrong usage."""
    if not somebody_types():
        raise typer.BadParameter(f"there is nobody to ask; add {flag}")
    return typer.confirm(question, err=True)
