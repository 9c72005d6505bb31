"""The options of `generate` and `edit` that become a request's fields."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from easel_client.client import Options
from easel_client.command import completion

PICTURE, ROUTING, VENDOR = "The picture", "Where and how", "What vendors offer beside"

Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="One of `easel models`.", autocompletion=completion.models,
        rich_help_panel=PICTURE, show_default=False,
    ),
]  # fmt: skip
Size = Annotated[
    str | None,
    typer.Option(
        "--size", "-s", help="Pixels such as 1664x928, or a ratio such as 16:9.",
        autocompletion=completion.sizes, rich_help_panel=PICTURE, show_default=False,
    ),
]  # fmt: skip
Count = Annotated[
    int | None,
    typer.Option("--n", "-n", help="How many pictures.", rich_help_panel=PICTURE, show_default=False),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", help="For similar results again.", rich_help_panel=PICTURE, show_default=False),
]
Negative = Annotated[
    str | None,
    typer.Option("--negative-prompt", help="What to avoid.", rich_help_panel=PICTURE, show_default=False),
]
Lora = Annotated[
    str | None,
    typer.Option(
        "--lora", help='Weights: an https link or owner/name; or JSON such as {"weights": ..., "scale": 1}.',
        rich_help_panel=PICTURE, show_default=False,
    ),
]  # fmt: skip
Route = Annotated[
    list[str] | None,
    typer.Option(
        "--route", help="A route of `easel models`; several times: in this order.",
        autocompletion=completion.routes, rich_help_panel=ROUTING, show_default=False,
    ),
]  # fmt: skip
Strict = Annotated[
    bool | None,
    typer.Option(
        "--strict", help="Refuse rather than leave out or cut what a route cannot honour.",
        rich_help_panel=ROUTING, show_default=False,
    ),
]  # fmt: skip
Resubmit = Annotated[
    bool,
    typer.Option(
        "--resubmit", help="Buy once more where a vendor's answer is lost, rather than fail.",
        rich_help_panel=ROUTING,
    ),
]  # fmt: skip
Deadline = Annotated[
    int | None,
    typer.Option(
        "--deadline", help="Seconds until it ends in any case.", rich_help_panel=ROUTING, show_default=False
    ),
]
Webhook = Annotated[
    str | None,
    typer.Option(
        "--webhook", help="A URL that is told of its end.", rich_help_panel=ROUTING, show_default=False
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata", metavar="NAME=VALUE", help="Words of your own that are given back.",
        rich_help_panel=ROUTING, show_default=False,
    ),
]  # fmt: skip
PromptExtend = Annotated[
    bool | None,
    typer.Option(
        "--prompt-extend/--no-prompt-extend", help="Let the vendor rewrite the prompt.",
        rich_help_panel=VENDOR, show_default=False,
    ),
]  # fmt: skip
SafetyFilter = Annotated[
    bool | None,
    typer.Option(
        "--safety-filter/--no-safety-filter", help="The vendor's content filter.",
        rich_help_panel=VENDOR, show_default=False,
    ),
]  # fmt: skip
Watermark = Annotated[
    bool | None,
    typer.Option(
        "--watermark/--no-watermark", help="Mark the corner.", rich_help_panel=VENDOR, show_default=False
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--format", help="png or jpeg.", rich_help_panel=VENDOR, show_default=False),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        "--guidance-scale", help="How closely to follow the prompt.", rich_help_panel=VENDOR,
        show_default=False,
    ),
]  # fmt: skip


def options_of(given: Mapping[str, Any]) -> Options:
    """The request's fields, of a command's values by their names. Raises typer.BadParameter."""
    same = (
        "model", "size", "n", "seed", "negative_prompt", "strict", "webhook", "prompt_extend",
        "safety_filter", "watermark", "guidance_scale",
    )  # fmt: skip
    known: dict[str, Any] = {name: given[name] for name in same}
    known["deadline_seconds"] = given["deadline"]
    known["output_format"] = given["format_"]
    known["route"] = list(given["route"] or ()) or None
    known["on_unknown"] = "resubmit" if given["resubmit"] else None
    known["lora"] = _lora(given["lora"])
    known["metadata"] = _metadata(given["metadata"] or ())
    options: Any = {name: value for name, value in known.items() if value is not None}
    made: Options = options
    return made


def _lora(text: str | None) -> dict[str, Any] | None:
    if text is None or not text.startswith("{"):
        return {"weights": text} if text is not None else None
    try:
        known: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"--lora is not JSON: {error}") from error
    return known


def _metadata(pairs: Iterable[str]) -> dict[str, str] | None:
    known = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"--metadata {pair!r} is not NAME=VALUE")
        known[name] = value
    return known or None
