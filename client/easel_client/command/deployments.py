"""`easel login`, `easel logout` and `easel profiles`: several deployments in one profile file."""

import sys
from typing import Annotated

import typer

from easel_client.client import Easel
from easel_client.command import completion
from easel_client.command.context import PROFILE, Json, somebody_types, terminal_of
from easel_client.command.context import Profile as ProfileOption
from easel_client.errors import NotFoundError, ScopeError, SettingsError
from easel_client.profiles import FIRST, LOCAL_URL, Profile, Profiles, profile_file

Named = Annotated[str | None, typer.Argument(metavar="[PROFILE]", show_default=False)]


def login(
    ctx: typer.Context,
    url: Annotated[
        str | None, typer.Option("--url", help="The deployment's address.", show_default=False)
    ] = None,
    profile: ProfileOption = None,
) -> None:
    """Keep the address and key of a deployment.

    They are tried first. The key is asked for, or read from standard input where that is no terminal.
    """
    terminal, name = terminal_of(ctx), ctx.meta.get(PROFILE) or FIRST
    people = somebody_types()
    if url is None:
        if not people:
            raise typer.BadParameter("--url is needed where nobody can be asked")
        url = typer.prompt("Address", default=LOCAL_URL, err=True)
    key = typer.prompt("Key", hide_input=True, err=True) if people else sys.stdin.readline()
    kept = Profiles.read()  # before the network is asked: a broken file is said first
    easel = Easel(str(url), key.strip())
    easel_url, secret = easel.connection.url, easel.connection.key
    who = _who(easel)
    kept.having(name, Profile(easel_url, secret)).write()
    terminal.note(f"{easel_url} answers {who}. It is profile {name} of {profile_file()}.")


def logout(ctx: typer.Context, name: Named = None, profile: ProfileOption = None) -> None:
    """Forget a profile; the default one unless it is named."""
    kept = Profiles.read()
    chosen = name or ctx.meta.get(PROFILE) or kept.default
    if chosen is None:
        raise SettingsError("There is no default profile.", "Say which to forget.")
    kept.without(chosen).write()
    terminal_of(ctx).note(f"Profile {chosen} is forgotten. Its key works on; `easel keys revoke` ends one.")


def profiles(
    ctx: typer.Context,
    use: Annotated[
        str | None, typer.Option("--use", help="Make this one the default.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """The deployments that are known here; never their keys."""
    kept, terminal = Profiles.read(), terminal_of(ctx)
    if use is not None:
        kept = kept.preferring(use)
        kept.write()
    terminal.data(
        {"default": kept.default, "profiles": {name: {"url": one.url} for name, one in kept.known.items()}}
    )
    terminal.table(
        ("", "profile", "address"),
        [("*" if name == kept.default else "", name, one.url) for name, one in sorted(kept.known.items())],
    )
    if not kept.known:
        terminal.note("There is none yet; `easel login` makes one.")


def _who(easel: Easel) -> str:
    """Whom the deployment takes this key for; and the catalogue for completion. Raises what a call may."""
    try:
        key = easel.keys.whoami()
        who = f"to {key.name or key.id} of tenant {key.tenant}, which may {', '.join(key.scopes)}"
    except NotFoundError:  # an older deployment
        who = "to this key"
    try:
        completion.remember(easel.models())
    except ScopeError:
        return who
    return who
