"""`easel status`, `easel list` and `easel cancel`, of generations and batches."""

from typing import Annotated

import typer

from easel_client.answers import Generation
from easel_client.command.batch import deliver_batch, waited_batch
from easel_client.command.context import Json, Profile, client_of, terminal_of
from easel_client.command.draw import Force, OutputText, Quiet, Show, deliver, waited
from easel_client.command.naming import Output
from easel_client.command.terminal import Terminal
from easel_client.command.words import ago, amounts, cost_words, short
from easel_client.durations import in_words

BATCH = "bat_"
ROWS = 20

Id = Annotated[str, typer.Argument(metavar="ID", help="gen_... or bat_...", show_default=False)]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="gen_... or bat_...", show_default=False)]


def status(
    ctx: typer.Context,
    id_: Id,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait for its end.")] = False,
    output: OutputText = None,
    force: Force = False,
    show: Show = True,
    quiet: Quiet = False,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """How a generation or a batch stands.

    With --wait and --output it is picked up where it was left.
    """
    easel = client_of(ctx)
    if id_.startswith(BATCH):
        batch = easel.get_batch(id_)
        batch = waited_batch(ctx, easel, batch, output) if wait and not batch.over else batch
        deliver_batch(ctx, easel, batch, output)
        return
    target = Output(output, force) if output is not None else None
    if target is not None:
        target.check(1)
    generation = easel.get(id_)
    if wait and not generation.over:
        generation = waited(ctx, easel, generation, output, picked_up=True)
    if target is not None and generation.over:
        deliver(ctx, generation, target)
        return
    terminal = terminal_of(ctx)
    terminal.data(generation.raw)
    _tell(terminal, generation)
    if target is not None:
        terminal.note("It has not ended; --wait waits for it.")
    generation.checked()


def listing(
    ctx: typer.Context,
    status: Annotated[
        str | None, typer.Option("--status", help="Only succeeded, failed, ...", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only of this model.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, help="How many.")] = ROWS,
    batches: Annotated[bool, typer.Option("--batches", help="Batches instead.")] = False,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Generations, or batches, newest first."""
    easel, terminal = client_of(ctx), terminal_of(ctx)
    if batches:
        found = list(easel.batches(limit=limit))
        terminal.data({"data": [one.raw for one in found]})
        terminal.table(
            ("id", "status", "rows", "billed"),
            [
                (one.id, one.status, f"{one.rows.ended}/{one.rows.total}", amounts(one.cost, one.usd.billed))
                for one in found
            ],
        )
        return
    generations = list(easel.list(status=status, model=model, limit=limit))
    terminal.data({"data": [one.raw for one in generations]})
    terminal.table(
        ("id", "status", "cost", "ago", "prompt"),
        [(one.id, one.status, _cost(one), ago(one.created_at), short(one.prompt)) for one in generations],
        right=("cost", "ago"),
    )


def cancel(ctx: typer.Context, ids: Ids, as_json: Json = False, profile: Profile = None) -> None:
    """End generations or batches.

    It says what a vendor may still bill.
    """
    easel, terminal, told = client_of(ctx), terminal_of(ctx), []
    for one in ids:
        if one.startswith(BATCH):
            batch = easel.cancel_batch(one)
            told.append(batch.raw)
            terminal.say(f"{one} starts no further row; {batch.rows.running} are at work and will be kept.")
        else:
            generation = easel.cancel(one)
            told.append(generation.raw)
            terminal.say(f"{one} is {generation.status}; {cost_words(generation)}.")
    terminal.data({"data": told})


def _cost(generation: Generation) -> str:
    """In dollars, with a question mark where it is only possible."""
    usd = generation.receipt.usd
    return str(usd.billed) if usd.billed else f"{usd.possibly_billed}?" if usd.possibly_billed else ""


def _tell(terminal: Terminal, generation: Generation) -> None:
    """Its facts, a line each, for a person and for a program alike."""
    took = in_words(generation.seconds) if generation.seconds is not None else ""
    left = generation.estimated_completion_at
    facts = {
        "id": generation.id,
        "status": generation.status,
        "prompt": short(generation.prompt),
        "model": generation.model,
        "route": generation.route,
        "made": f"{ago(generation.created_at)} ago",
        "took": took,
        "expected": left.astimezone().strftime("%H:%M:%S") if left else "",
        "cost": cost_words(generation),
        "seed": str(generation.seed) if generation.seed is not None else "",
        "batch": generation.batch or "",
        "error": f"{generation.error.code}: {generation.error.message}" if generation.error else "",
    }
    terminal.table(("", ""), [(name, value) for name, value in facts.items() if value])
    terminal.table(("", ""), [(f"picture {image.number}", image.s3_uri) for image in generation.images])
