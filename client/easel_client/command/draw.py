"""`easel generate` and `easel edit`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from easel_client.answers import Generation
from easel_client.client import Easel, new_key
from easel_client.command import inline, request_options
from easel_client.command.buying import Key, repeatable
from easel_client.command.context import Json, Profile, again, client_of, terminal_of
from easel_client.command.exits import INTERRUPTED
from easel_client.command.live import Progress
from easel_client.command.naming import Output
from easel_client.command.plan import show_plan
from easel_client.command.words import bytes_words, cost_line, report_lines
from easel_client.errors import EaselError, GenerationFailedError
from easel_client.inputs import UPLOAD

FILES = "Files and output"

Prompt = Annotated[
    str,
    typer.Argument(
        metavar="PROMPT", help="What to draw; - reads it from standard input.", show_default=False
    ),
]
OutputText = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", rich_help_panel=FILES, show_default=False,
        help="A file, a folder/, or a pattern of {slug} {id} {n} {model} {seed} {ext}. "
        "Left out, this folder.",
    ),
]  # fmt: skip
Force = Annotated[
    bool, typer.Option("--force", "-f", help="Replace files that are there.", rich_help_panel=FILES)
]
Show = Annotated[
    bool,
    typer.Option(
        "--show/--no-show", rich_help_panel=FILES,
        help="Show pictures in the terminal, where it can (kitty, iTerm2).",
    ),
]  # fmt: skip
Wait = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait", help="Wait for the picture, or only tell its id.", rich_help_panel=FILES
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=FILES)]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", rich_help_panel=FILES,
        help="Buy nothing: tell routes, price, time, and what becomes of each parameter.",
    ),
]  # fmt: skip
Images = Annotated[
    list[str],
    typer.Option(
        "--image", "-i", show_default=False,
        help="A file or an https link; several times: in this order.",
    ),
]  # fmt: skip


def generate(
    ctx: typer.Context,
    prompt: Prompt,
    output: OutputText = None,
    model: request_options.Model = None,
    size: request_options.Size = None,
    n: request_options.Count = None,
    seed: request_options.Seed = None,
    negative_prompt: request_options.Negative = None,
    lora: request_options.Lora = None,
    route: request_options.Route = None,
    strict: request_options.Strict = None,
    resubmit: request_options.Resubmit = False,
    deadline: request_options.Deadline = None,
    webhook: request_options.Webhook = None,
    metadata: request_options.Metadata = None,
    prompt_extend: request_options.PromptExtend = None,
    safety_filter: request_options.SafetyFilter = None,
    watermark: request_options.Watermark = None,
    format_: request_options.Format = None,
    guidance_scale: request_options.Guidance = None,
    force: Force = False,
    show: Show = True,
    wait: Wait = True,
    dry_run: DryRun = False,
    idempotency_key: Key = None,
    quiet: Quiet = False,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Make a picture of a prompt.

    easel generate "a red fox in snow" --output fox.png --size 16:9

    Ctrl-C leaves it going on and says how to pick it up. Standard output has the files' names.
    """
    _draw(ctx, ())


def edit(
    ctx: typer.Context,
    prompt: Prompt,
    image: Images,
    output: OutputText = None,
    model: request_options.Model = None,
    size: request_options.Size = None,
    n: request_options.Count = None,
    seed: request_options.Seed = None,
    negative_prompt: request_options.Negative = None,
    lora: request_options.Lora = None,
    route: request_options.Route = None,
    strict: request_options.Strict = None,
    resubmit: request_options.Resubmit = False,
    deadline: request_options.Deadline = None,
    webhook: request_options.Webhook = None,
    metadata: request_options.Metadata = None,
    prompt_extend: request_options.PromptExtend = None,
    safety_filter: request_options.SafetyFilter = None,
    watermark: request_options.Watermark = None,
    format_: request_options.Format = None,
    guidance_scale: request_options.Guidance = None,
    force: Force = False,
    show: Show = True,
    wait: Wait = True,
    dry_run: DryRun = False,
    idempotency_key: Key = None,
    quiet: Quiet = False,
    as_json: Json = False,
    profile: Profile = None,
) -> None:
    """Make a picture of other pictures, as a prompt says.

    easel edit "make it night" --image photo.png --output night.png
    """
    _draw(ctx, image)


def deliver(ctx: typer.Context, generation: Generation, output: Output | None) -> None:
    """Write what became of it: its files, its cost, and what was sent otherwise than asked for.

    Raises GenerationFailedError, after the cost was told.
    """
    terminal = terminal_of(ctx)
    files = output.save(generation) if output is not None and generation.succeeded else []
    terminal.data({**generation.raw, "files": [str(file) for file in files]})
    for image, file in zip(generation.images, files, strict=False):
        facts = f"  {image.width}x{image.height}, {bytes_words(image.size_bytes)}"
        terminal.say(f"{file}{facts if terminal.looked_at else ''}")
        if ctx.params.get("show") and terminal.looked_at:
            inline.show(file.read_bytes(), image.content_type)
    for line in report_lines(generation.raw.get("parameters")):
        terminal.note(line)
    if generation.shortfall:
        terminal.note(f"{generation.shortfall} fewer than asked for: the others were broken or withheld.")
    if generation.over:
        terminal.note(cost_line(generation))
    generation.checked()


def waited(
    ctx: typer.Context, easel: Easel, generation: Generation, output: str | None, *, picked_up: bool = False
) -> Generation:
    """The generation once it has ended, however; meanwhile its progress. Ctrl-C ends the wait alone."""
    quiet = bool(ctx.params.get("quiet"))
    with (
        _left_alone(ctx, generation.id, output),
        Progress(terminal_of(ctx), quiet=quiet, picked_up=picked_up) as progress,
    ):
        try:
            return easel.wait(generation, on_update=progress.show)
        except GenerationFailedError as error:
            return error.generation


def _draw(ctx: typer.Context, images: tuple[str, ...] | list[str]) -> None:
    given, terminal = ctx.params, terminal_of(ctx)
    prompt = sys.stdin.read().strip() if given["prompt"] == "-" else given["prompt"]
    options = request_options.options_of(given)
    easel = client_of(ctx)
    if given["dry_run"]:
        show_plan(terminal, easel.plan(prompt, images, **options))
        return
    output = Output(given["output"], given["force"])
    if given["wait"]:
        output.check(given["n"] or 1)
    key, links = given["idempotency_key"] or new_key(), easel.upload(images)
    named = zip(images, links, strict=True)
    uploads = [(file, link) for file, link in named if link.startswith(UPLOAD) and link != file]
    with repeatable(ctx, key, "list", uploads=uploads):
        if images:
            made = easel.edit(prompt, links, wait=False, idempotency_key=key, **options)
        else:
            made = easel.generate(prompt, wait=False, idempotency_key=key, **options)
    if given["wait"]:
        deliver(ctx, waited(ctx, easel, made, given["output"]), output)
        return
    terminal.data(made.raw)
    terminal.say(made.id)


@contextmanager
def _left_alone(ctx: typer.Context, generation_id: str, output: str | None) -> Iterator[None]:
    """Says how to pick it up when the wait ends before it does."""
    words = ("status", generation_id, "--wait", *(("--output", output) if output else ()))
    terminal = terminal_of(ctx)
    try:
        yield
    except KeyboardInterrupt:
        terminal.note(f"{generation_id} goes on. Pick it up with:\n  {again(ctx, *words)}")
        raise typer.Exit(INTERRUPTED) from None
    except EaselError as error:
        error.generation_id = error.generation_id or generation_id
        raise
