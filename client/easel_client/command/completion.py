"""What the shell completes: models, routes and sizes of the catalogue as it was last seen, from a file."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from easel_client.catalogue import Model
from easel_client.command.terminal import plain
from easel_client.errors import EaselError
from easel_client.files import write_whole

USUAL_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4")


def models(incomplete: str) -> list[str]:
    """Names of models."""
    return [name for name in _seen() if name.startswith(incomplete)]


def routes(incomplete: str) -> list[str]:
    """Names of routes."""
    names = {route for model in _seen().values() for route in model["routes"]}
    return sorted(name for name in names if name.startswith(incomplete))


def sizes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Sizes of the model that was named, or of all; and ratios."""
    seen, model = _seen(), ctx.params.get("model")
    chosen = [seen[model]] if model in seen else list(seen.values())
    known = {size.replace("*", "x") for one in chosen for size in one["sizes"]}
    return [size for size in dict.fromkeys((*USUAL_RATIOS, *sorted(known))) if size.startswith(incomplete)]


def remember(found: Iterable[Model]) -> None:
    """Keep the catalogue for the next time. Where it cannot be kept there is no completion."""
    known = {
        plain(model.id): {
            "routes": [plain(route.name) for route in model.routes],
            "sizes": sorted({plain(size) for route in model.routes for size in route.sizes}),
        }
        for model in found
    }
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(known).encode())
    except OSError:
        return


def _seen() -> dict[str, Any]:
    try:
        seen = json.loads(_file().read_text())
    except (OSError, ValueError, EaselError):
        return {}
    return seen if isinstance(seen, dict) else {}


def _file() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "easel" / "models.json"
