"""`easel doctor`: says what is missing, here and on AWS."""

import itertools
import os
from dataclasses import asdict
from typing import Annotated

import typer

from easel_client.command.context import PROFILE, Json, Profile, terminal_of
from easel_client.command.exits import FAILED
from easel_client.command.findings import Finding, Verdict
from easel_client.command.terminal import Terminal

COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


def doctor(
    ctx: typer.Context,
    aws: Annotated[bool, typer.Option("--aws", help="Look into an AWS account, too.")] = False,
    trial: Annotated[
        bool, typer.Option("--trial", help="With --aws: run the stack, too, in ways that buy nothing.")
    ] = False,
    stack: Annotated[str, typer.Option("--stack", help="The stack on AWS.")] = "easel-dev",
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Look for what is missing, and say what to do.

    The exit status is 1 if something fails.
    """
    # What they need, no other command does; each finding is told when it is there.
    from easel_client.command import doctor_aws, doctor_deployment, doctor_machine

    terminal, found = terminal_of(ctx), []
    for one in itertools.chain(
        doctor_machine.findings(),
        doctor_deployment.findings(ctx.meta.get(PROFILE)),
        doctor_aws.findings(stack, ctx.meta.get(PROFILE), trial=trial) if aws else (),
    ):
        found.append(one)
        _tell(terminal, one)
    terminal.data({"findings": [asdict(one) for one in found]})
    if any(one.verdict is Verdict.FAIL for one in found):
        raise typer.Exit(FAILED)


def _tell(terminal: Terminal, finding: Finding) -> None:
    if terminal.as_json:
        return
    colour = None if "NO_COLOR" in os.environ else COLOURS[finding.verdict]
    typer.secho(f"{finding.verdict.value:<5}", nl=False, fg=colour)
    terminal.say(f" {finding.subject:<11} {finding.text}")
    if finding.advice:
        terminal.say(f"{'':<18}{finding.advice}")
