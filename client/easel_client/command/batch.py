"""`easel batch`: the dry run first, then the batch, its progress and its results; and `easel resume`."""

import json
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from easel_client.answers import Image
from easel_client.batches import Batch, BatchPlan
from easel_client.client import Easel, new_key
from easel_client.command.buying import Key, repeatable
from easel_client.command.context import Json, Profile, again, agreed, client_of, terminal_of
from easel_client.command.exits import FAILED, INTERRUPTED, REFUSED
from easel_client.command.live import Progress
from easel_client.command.terminal import Terminal
from easel_client.command.words import amounts
from easel_client.errors import InputError
from easel_client.files import safe_name, write_whole
from easel_client.transport import CONNECTIONS_MAX

ERRORS_SHOWN = 20
RESUMABLE = ("stopped", "canceled")
MANIFEST, RESULTS = "manifest.json", "results.jsonl"

File = Annotated[
    Path, typer.Argument(help="Requests as .jsonl, .csv or .json.", show_default=False, metavar="FILE")
]
Folder = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", help="A folder for results, pictures and a gallery to open.", show_default=False
    ),
]


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Start without being asked.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it would come to.")]
MaxCost = Annotated[
    str | None, typer.Option("--max-cost", help="Dollars that it may cost at most.", show_default=False)
]
MaxConcurrency = Annotated[
    int | None, typer.Option("--max-concurrency", help="Rows at a time.", show_default=False)
]
Tolerated = Annotated[
    int | None,
    typer.Option("--tolerated-failures", help="Rows that may fail before it stops.", show_default=False),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def batch(
    ctx: typer.Context,
    file: File,
    output: Folder = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    max_cost: MaxCost = None,
    max_concurrency: MaxConcurrency = None,
    tolerated_failures: Tolerated = None,
    wait: Wait = True,
    idempotency_key: Key = None,
    quiet: Quiet = False,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Make the pictures of a whole file.

    It says first what that would come to and which rows are wrong, and asks. Ctrl-C leaves it going on and
    says how to pick it up.
    """
    easel, terminal = client_of(ctx), terminal_of(ctx)
    if not _wanted(ctx, easel.plan_batch(file), output):
        return
    key = idempotency_key or new_key()
    with repeatable(ctx, key, "list", "--batches"):
        made = easel.batch(
            file,
            max_cost_usd=max_cost,
            max_concurrency=max_concurrency,
            tolerated_failures=tolerated_failures,
            idempotency_key=key,
        )
    if wait:
        deliver_batch(ctx, easel, waited_batch(ctx, easel, made, output), output)
    else:
        terminal.data(made.raw)
        terminal.say(made.id)


def resume(
    ctx: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="bat_...", show_default=False)],
    output: Folder = None,
    max_cost: MaxCost = None,
    max_concurrency: MaxConcurrency = None,
    tolerated_failures: Tolerated = None,
    wait: Wait = True,
    quiet: Quiet = False,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Go on with a batch that was stopped or canceled.

    Its rows that were started are not bought again. Bounds that are not given stay.
    """
    easel, terminal = client_of(ctx), terminal_of(ctx)
    resumed = easel.resume_batch(
        id_,
        max_cost_usd=max_cost,
        max_concurrency=max_concurrency,
        tolerated_failures=tolerated_failures,
    )
    if wait:
        deliver_batch(ctx, easel, waited_batch(ctx, easel, resumed, output), output)
    else:
        terminal.data(resumed.raw)
        terminal.say(resumed.id)


def waited_batch(ctx: typer.Context, easel: Easel, made: Batch, output: str | None) -> Batch:
    """The batch once it has ended; meanwhile its progress. Ctrl-C ends the wait alone."""
    terminal = terminal_of(ctx)
    words = ("status", made.id, "--wait", *(("--output", output) if output else ()))
    try:
        with Progress(terminal, quiet=bool(ctx.params.get("quiet"))) as progress:
            return easel.wait_batch(made, on_update=progress.show)
    except KeyboardInterrupt:
        terminal.note(f"{made.id} goes on. Pick it up with:\n  {again(ctx, *words)}")
        raise typer.Exit(INTERRUPTED) from None


def deliver_batch(ctx: typer.Context, easel: Easel, batch: Batch, output: str | None) -> None:
    """Write how it ended, and fetch its results.

    Raises typer.Exit where a row has no picture, InputError where results cannot be written.
    """
    terminal, rows, count = terminal_of(ctx), batch.rows, 0
    facts = [("id", batch.id), ("status", batch.status), ("rows", str(rows.total))]
    facts += [(name, str(getattr(rows, name))) for name in ("succeeded", "failed", "refused") if rows.ended]
    facts += [("billed", amounts(batch.cost, batch.usd.billed))]
    maybe = amounts(batch.possibly_billed, batch.usd.possibly_billed)
    facts += [("possibly billed", maybe)] if batch.possibly_billed else []
    facts += [("stopped because", batch.stop_reason.message)] if batch.stop_reason else []
    terminal.table(("", ""), facts)
    fetch = f"fetch them with: {again(ctx, 'status', batch.id, '--output', 'FOLDER')}"
    if batch.over and output is not None:
        try:
            count = _fetch(terminal, easel, batch, Path(output))
        except OSError as error:
            why = f"{error.filename or output} cannot be written: {error.strerror}."
            raise InputError(why, f"Easel keeps results and pictures; {fetch}") from error
    terminal.data(batch.raw)
    if not batch.over:
        return
    if output is not None:
        terminal.note(f"{count} pictures and the results are in {output}; open {output}/gallery.html.")
    else:
        terminal.note(f"Results and pictures stay in your bucket; {fetch}")
    if batch.status in RESUMABLE:
        terminal.note(f"Go on with it by: {again(ctx, 'resume', batch.id)}")
    if not batch.whole:
        raise typer.Exit(FAILED)


def _wanted(ctx: typer.Context, plan: BatchPlan, output: str | None) -> bool:
    """Whether to start it, after telling what it would come to.

    Raises typer.Exit where no row can be started, InputError where its results would have no place, or where
    nobody knows what it may cost.
    """
    terminal, given = terminal_of(ctx), ctx.params
    _tell_plan(terminal, plan)
    none_valid = plan.complete and not plan.valid
    if given["dry_run"] or none_valid:
        terminal.data(plan.raw)
        if none_valid:
            terminal.note("easel: No row can be started.")
        if plan.refused:
            raise typer.Exit(REFUSED)
        return False
    if not plan.complete and given["max_cost"] is None:
        raise InputError(
            "What all of it may cost is not known.", "Say with --max-cost what it may cost at most."
        )
    if output is not None:
        _make_folder(Path(output), None)
    question = f"Start {_rows(plan.valid)} for {plan.estimated_cost} at most?"
    if not plan.complete:
        question = f"Start the whole file for ${given['max_cost']} at most?"
    if given["yes"] or agreed(question, "--yes"):
        return True
    terminal.note("Nothing was started.")
    return False


def _tell_plan(terminal: Terminal, plan: BatchPlan) -> None:
    wrong = [row for row in plan.rows if row.problems]
    seen, bound = ("", "at most") if plan.complete else ("The first ", "at least")
    terminal.note(
        f"{seen}{_rows(plan.total)}: {plan.valid} can be started, for {plan.estimated_cost} {bound}"
        + (f"; {plan.refused} would be refused:" if plan.refused else ".")
    )
    for row in wrong[:ERRORS_SHOWN]:
        name = f" ({row.custom_id})" if row.custom_id else ""
        terminal.note(f"  row {row.number}{name}  {'; '.join(map(str, row.problems))}")
    if (more := plan.refused - ERRORS_SHOWN) > 0:
        terminal.note(f"  and {more} more; --dry-run --json has them all.")
    if not plan.complete:
        terminal.note("The file is too long to be looked at as a whole: this is of its first rows alone.")


def _fetch(terminal: Terminal, easel: Easel, batch: Batch, folder: Path) -> int:
    """Every file of the batch and every picture, as they lie in the bucket. How many pictures there are."""
    from concurrent.futures import ThreadPoolExecutor

    _make_folder(folder, batch.id)
    for name in batch.files:
        write_whole(folder / safe_name(name), easel.batch_file(batch, name))
    lines = (folder / RESULTS).read_text(encoding="utf-8").splitlines()
    ids = [one["id"] for one in map(json.loads, filter(None, lines)) if one.get("id")]
    done = 0
    with ThreadPoolExecutor(CONNECTIONS_MAX) as loaders:
        for number, count in enumerate(loaders.map(lambda one: _keep(easel, one, batch.id, folder), ids), 1):
            done += count
            if terminal.watched:
                typer.echo(
                    f"\rloading pictures: {number} of {len(ids)} rows", nl=number == len(ids), err=True
                )
    return done


def _keep(easel: Easel, generation_id: str, batch_id: str, folder: Path) -> int:
    """The pictures of a row, but for those that are there already."""
    generation = easel.get(generation_id)
    for image in generation.images:
        file = folder / _place(image, batch_id)
        if not file.is_file() or file.stat().st_size != image.size_bytes:
            image.save(file)
    return len(generation.images)


def _place(image: Image, batch_id: str) -> PurePosixPath:
    """Where it lies below the batch's folder; the gallery looks for it there."""
    place = image.s3_uri.partition(f"/batches/{batch_id}/")[2]
    if not place or any(part != safe_name(part) for part in place.split("/")):
        return PurePosixPath("images") / f"{safe_name(image.sha256[:16])}.{image.extension}"
    return PurePosixPath(place)


def _make_folder(folder: Path, batch_id: str | None) -> None:
    """Make it, unless it is there. Raises InputError where there are other things in it already than this
    batch, or nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
        if empty:
            write_whole(folder / "can-be-written", b"").unlink()
    except OSError as error:
        raise InputError(f"Nothing can be written to {folder}: {error.strerror}.") from error
    if not empty and (batch_id is None or _batch_in(folder) != batch_id):
        raise InputError(f"{folder} has something in it already.", "Choose another folder.")


def _batch_in(folder: Path) -> Any:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("id")
    except (OSError, ValueError, AttributeError):
        return None


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
