"""The gallery of a batch: one HTML page, made piece by piece, that needs no server and no network.

`gallery_start`, then `gallery_picture` for each picture, then `gallery_end`, put one after the other, are
the page; nobody ever holds all of it. It carries its data itself, one JSON text a line, because a page
that is opened from disk cannot fetch. Prompts are hostile: they are escaped here so that no text ends the
element that holds it, and the page's script makes text nodes of them, never markup.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

TEMPLATE = Path(__file__).with_name("gallery.html")


class GalleryFacts(TypedDict):
    """What the head of the page tells of the batch."""

    batch: str
    created_at: str | None  # ISO 8601, as `ended_at`
    ended_at: str | None
    succeeded: int  # generations, as `failed`
    failed: int
    cost: Sequence[Mapping[str, str]]  # money, one for each currency
    shown: int  # pictures in the page; fewer than `total` where the page is capped
    total: int


class GalleryPicture(TypedDict):
    """One picture. Those of one generation follow each other and tell the same facts."""

    custom_id: str
    generation: str
    prompt: str
    negative_prompt: str | None
    model: str
    route: str
    seed: int | None
    width: int
    height: int
    bytes: int
    cost: Mapping[str, str] | None  # money, of the generation with all its pictures
    image: str  # relative to the page: images/GENERATION/NUMBER.png
    request: Mapping[str, Any]  # as it would be posted; whoever reads the page can copy it


class _Page(NamedTuple):
    """The template, cut where something goes in."""

    before_title: bytes
    before_facts: bytes
    before_pictures: bytes
    end: bytes


def gallery_start(title: str, facts: GalleryFacts) -> bytes:
    """Everything before the first picture. The title is plain text."""
    page = _page()
    # What UTF-8 cannot say (a lone surrogate) becomes a question mark: a title is no reason to fail.
    heading = escape(title).encode("utf-8", "replace")
    return b"".join((page.before_title, heading, page.before_facts, _data(facts), page.before_pictures))


def gallery_picture(picture: GalleryPicture) -> bytes:
    """One picture: a line of ASCII."""
    return _data(picture) + b"\n"


def gallery_end() -> bytes:
    """Everything after the last picture."""
    return _page().end


def _data(value: GalleryFacts | GalleryPicture) -> bytes:
    """JSON that is safe within a script element, whatever it says.

    ASCII alone, so it holds no line separator and survives any guess at the page's encoding; and none of
    `<`, `>`, `&`, so it can neither end the element nor begin a comment in it. In JSON these stand in
    strings only, where each may be written as an escape. NaN, which JSON.parse refuses, raises ValueError.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026").encode("ascii")


@cache
def _page() -> _Page:
    text = TEMPLATE.read_text(encoding="utf-8")
    style, script = (_only(rf"<{tag}>(.*?)</{tag}>", text) for tag in ("style", "script"))
    text = text.replace("{{style}}", _source(style)).replace("{{script}}", _source(script))
    return _Page(*(part.encode() for part in re.split(r"{{(?:title|facts|pictures)}}", text)))


def _only(pattern: str, text: str) -> str:
    (found,) = re.findall(pattern, text, re.DOTALL)
    return str(found)


def _source(code: str) -> str:
    """How a Content-Security-Policy allows exactly this code (CSP 3, 2.3.1: hash-source)."""
    return f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'"
