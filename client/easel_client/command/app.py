"""The command `easel`: its subcommands, and how errors become one sentence and an exit status."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from easel_client.command import (
    batch,
    catalogue,
    deployments,
    doctor,
    draw,
    exits,
    follow,
    keys,
    local,
)
from easel_client.command.context import Profile, again, terminal_of
from easel_client.errors import EaselError, GenerationFailedError
from easel_client.transport import VERSION

MAKE, SEE, RUN = "Make pictures", "See what there is", "Run and look after Easel"


class Commands(TyperGroup):
    """All commands; an error of any of them ends here."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises typer.Exit with the status of what went wrong."""
        try:
            return super().invoke(ctx)
        except EaselError as error:
            _tell(ctx, error)
            raise typer.Exit(exits.status_of(error)) from error


def _tell(ctx: typer.Context, error: EaselError) -> None:
    terminal, failed = terminal_of(ctx), isinstance(error, GenerationFailedError)
    if not failed:  # a generation that failed is a result, and was written as one
        terminal.data(exits.json_of(error))
    terminal.note(f"easel: {error}")
    if error.generation_id and not failed:
        terminal.note(f"It goes on; pick it up with: {again(ctx, 'status', error.generation_id, '--wait')}")


app = typer.Typer(
    name="easel",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=exits.HELP,
)
app.command("generate", rich_help_panel=MAKE)(draw.generate)
app.command("edit", rich_help_panel=MAKE)(draw.edit)
app.command("batch", rich_help_panel=MAKE)(batch.batch)
app.command("resume", rich_help_panel=MAKE)(batch.resume)
app.command("status", rich_help_panel=SEE)(follow.status)
app.command("list", rich_help_panel=SEE)(follow.listing)
app.command("cancel", rich_help_panel=SEE)(follow.cancel)
app.command("models", rich_help_panel=SEE)(catalogue.models)
app.command("usage", rich_help_panel=SEE)(catalogue.usage)
app.command("login", rich_help_panel=RUN)(deployments.login)
app.command("logout", rich_help_panel=RUN)(deployments.logout)
app.command("profiles", rich_help_panel=RUN)(deployments.profiles)
app.add_typer(keys.app, name="keys", rich_help_panel=RUN)
app.command("up", rich_help_panel=RUN)(local.up)
app.command("doctor", rich_help_panel=RUN)(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"easel {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    profile: Profile = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Say which version this is.")
    ] = False,
) -> None:
    """Pictures of Qwen-Image from any of its vendors, kept in your own account.

    Start with [bold]easel up[/bold] (a local stack, to try it all without a vendor's key) or
    [bold]easel login[/bold] (the address and key of a deployment), then
    [bold]easel generate "a red fox in snow"[/bold].
    """


def main() -> None:
    """The script `easel`."""
    try:
        app()
    except KeyboardInterrupt:  # while nothing of ours was running yet, or any more
        sys.exit(exits.INTERRUPTED)
