"""Draws the picture that a sandbox vendor delivers: who made it, from what, and a pattern of its own.

The bytes depend on a `Picture` alone, so a picture is drawn anew at each fetch and is the same each time.
Prompt, route, seed and index choose colours, pattern and emblem: two pictures that differ in one of them
look different at a glance.
"""

from __future__ import annotations

import colorsys
import hashlib
import io
import math
import os
import random
import threading
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK: Colour = (250, 250, 252)
PAPER: Colour = (13, 15, 26)
SMALLEST_FONT = 13  # px; below it the default font is not readable
LONGEST_TEXT = 1200  # code points; more cannot be set readably in the smallest picture

# A decoded picture holds up to 40 MB for a moment: as many at once as there are processors, no more.
PIXEL_WORK = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))


@dataclass(frozen=True)
class Picture:
    """All that decides a picture's bytes. Sizes in px; `media_type` is image/png or image/jpeg.

    `inputs` are the reduced input images of an edit, as encoded files; `censored` makes the picture black.
    """

    prompt: str
    route: str
    seed: int
    width: int
    height: int
    index: int = 0
    count: int = 1
    media_type: str = "image/png"
    inputs: tuple[bytes, ...] = ()
    watermark: bool = False
    censored: bool = False


def draw(picture: Picture) -> bytes:
    """The encoded file of `picture`, equal for equal pictures."""
    with PIXEL_WORK:
        return _encode(_compose(picture), picture.media_type)


def _encode(image: Image.Image, media_type: str) -> bytes:
    out = io.BytesIO()
    if media_type == "image/jpeg":
        image.save(out, "JPEG", quality=90)
    else:
        # Run-length matching halves the time at this level, for a tenth more bytes.
        image.save(out, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return out.getvalue()


def _compose(picture: Picture) -> Image.Image:
    if picture.censored:
        return Image.new("RGB", (picture.width, picture.height))
    facts = f"{picture.route}\n{picture.seed}\n{picture.index}\n{picture.prompt}"
    dice = random.Random(hashlib.sha256(facts.encode("utf-8", "replace")).digest())
    unit = min(picture.width, picture.height)
    margin = unit // 20
    image = _background(picture.width, picture.height, dice)
    _header(image, picture, dice, margin, unit)
    top = margin + unit // 8 + margin // 2
    text_top = _inputs(image, picture, margin, top, unit) if picture.inputs else top
    _caption(image, picture, margin, text_top, unit)
    if picture.watermark:
        font = _font(max(SMALLEST_FONT, unit // 40))
        _chip(image, "AI generated", (picture.width, picture.height), font, inside=True)
    return image


def _background(width: int, height: int, dice: random.Random) -> Image.Image:
    """A smooth height map, coloured by its height: layers of paper that no other dice throw."""
    longer, shorter = dice.randint(5, 8), dice.randint(3, 5)
    across, down = (longer, shorter) if width >= height else (shorter, longer)
    coarse = Image.frombytes("L", (across, down), dice.randbytes(across * down))
    # In floats: rounding between the two passes of the resize would fray the layers' edges.
    heights = coarse.convert("F").resize((width, height), Image.Resampling.BICUBIC).convert("L")
    ramp = _ramp(dice)
    return Image.merge("RGB", [heights.point([colour[band] for colour in ramp]) for band in range(3)])


def _ramp(dice: random.Random) -> list[Colour]:
    """256 colours in flat layers, like cut paper: from a deep tone to a light one of kindred hue."""
    hue, spread = dice.random(), dice.choice((-1, 1)) * dice.uniform(0.08, 0.22)
    layers = dice.randint(9, 14)
    accent = dice.randrange(layers)
    colours = []
    for layer in range(layers):
        share = layer / (layers - 1)
        colours.append(_colour(hue + spread * share, 0.8 - 0.45 * share, 0.25 + 0.72 * share))
    colours[accent] = _colour(hue + 0.5, 0.6, 0.95)
    return [colours[level * layers // 256] for level in range(256)]


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _header(image: Image.Image, picture: Picture, dice: random.Random, margin: int, unit: int) -> None:
    """The route on the left, an emblem (mirrored cells, as chance has it) on the right."""
    size = unit // 8
    left = image.width - margin - size
    _panel(image, (left, margin, left + size, margin + size), size // 6)
    pen = ImageDraw.Draw(image)
    cell = size // 7
    start = (size - 5 * cell) // 2
    ink = _colour(dice.random(), 0.35, 1.0)
    for row in range(5):
        for column in range(3):
            if dice.random() < 0.5:
                continue
            for across in {column, 4 - column}:
                x, y = left + start + across * cell, margin + start + row * cell
                pen.rectangle((x, y, x + cell - 1, y + cell - 1), fill=ink)
    font = _fitting(picture.route, left - 3 * margin, unit // 22)
    _chip(image, picture.route, (margin, margin), font)


def _chip(
    image: Image.Image, text: str, corner: tuple[int, int], font: Font, *, inside: bool = False
) -> None:
    """A label on a dark ground; `corner` is its top left, or with `inside` the corner of the picture."""
    left, top, right, bottom = font.getbbox(text)
    pad = round((bottom - top) * 0.7)
    width, height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    x, y = (corner[0] - width - pad, corner[1] - height - pad) if inside else corner
    _panel(image, (x, y, x + width, y + height), height // 3)
    ImageDraw.Draw(image).text((x + pad - left, y + pad - top), text, font=font, fill=INK)


def _inputs(image: Image.Image, picture: Picture, margin: int, top: int, unit: int) -> int:
    """The input images side by side, numbered as prompts do. Returns where text may begin."""
    count = len(picture.inputs)
    gap = margin // 2
    width = (image.width - 2 * margin - gap * (count - 1)) // count
    height = round(image.height * 0.4)
    small = _font(max(SMALLEST_FONT, unit // 42))
    for number, encoded in enumerate(picture.inputs, start=1):
        with Image.open(io.BytesIO(encoded)) as opened:
            inset = opened.convert("RGB")
        scale = min(width / inset.width, height / inset.height)
        inset = inset.resize((max(1, round(inset.width * scale)), max(1, round(inset.height * scale))))
        x = margin + (number - 1) * (width + gap) + (0 if count == 1 else (width - inset.width) // 2)
        border = max(3, unit // 160)
        frame = (x - border, top - border, x + inset.width + border - 1, top + inset.height + border - 1)
        ImageDraw.Draw(image).rectangle(frame, fill=INK)
        image.paste(inset, (x, top))
        _chip(image, f"Image {number}", (x, top + inset.height + 2 * border), small)
    return top + height + margin


def _caption(image: Image.Image, picture: Picture, margin: int, top: int, unit: int) -> None:
    """The prompt, as large as it fits between `top` and the lower edge, over a line of facts."""
    size, number = f"{picture.width} x {picture.height}", f"image {picture.index + 1} of {picture.count}"
    facts = f"seed {picture.seed}   {size}   {number}"
    pad = margin * 3 // 4
    inner = image.width - 2 * margin - 2 * pad
    small = _fitting(facts, inner, unit // 27)
    facts_height = round(_line_height(small) * 1.6)
    room = image.height - margin - top - 2 * pad - facts_height
    font, lines = _set(_printable(picture.prompt), inner, room, unit)
    step = _line_height(font)
    bottom = image.height - margin
    upper = bottom - 2 * pad - facts_height - step * len(lines)
    _panel(image, (margin, upper, image.width - margin, bottom), margin)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        pen.text((margin + pad, upper + pad + row * step), line, font=font, fill=INK)
    pen.text((margin + pad, bottom - pad - _line_height(small)), facts, font=small, fill=(196, 202, 222))


def _panel(image: Image.Image, box: Box, radius: int) -> None:
    width, height = box[2] - box[0], box[3] - box[1]
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), radius, fill=205)
    image.paste(PAPER, box, mask)


def _set(text: str, width: int, height: int, unit: int) -> tuple[Font, list[str]]:
    """The largest font in which `text` fits the box, and its lines; the smallest font may leave some out."""
    # A sign is about half as wide as the font is high: begin where the text could just fit.
    likely = math.sqrt(width * max(height, 1) / (0.5 * max(1, len(text))))
    size = max(SMALLEST_FONT, min(unit // 12, round(likely)))
    while True:
        font = _font(size)
        lines = _wrap(text, font, width)
        most = max(1, height // _line_height(font))
        if len(lines) <= most:
            return font, lines
        if size == SMALLEST_FONT:
            return font, [*lines[: most - 1], lines[most - 1][:-1] + "..."]
        size = max(SMALLEST_FONT, size * 5 // 6)


def _wrap(text: str, font: Font, width: int) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while font.getlength(line) > width and len(line) > 1:
            cut = _cut(line, font, width)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def _cut(word: str, font: Font, width: int) -> int:
    """How many characters of `word` fit: words without spaces (Chinese, links) break anywhere."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(word[:middle]) <= width else (low, middle - 1)
    return low


def _printable(text: str) -> str:
    """Without what a font cannot set: control characters and halves of surrogate pairs."""
    kept = (
        " " if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} else sign
        for sign in text[:LONGEST_TEXT]
    )
    return "".join(kept)


def _fitting(text: str, width: int, size: int) -> Font:
    while size > SMALLEST_FONT - 3 and _font(size).getlength(text) > width:
        size -= 1
    return _font(max(size, SMALLEST_FONT - 3))


def _line_height(font: Font) -> int:
    top, bottom = font.getbbox("Åg|")[1::2]
    return round((bottom - top) * 1.25)


@lru_cache(maxsize=64)  # sizes between SMALLEST_FONT and 2048 / 12, in practice a dozen
def _font(size: int) -> Font:
    return ImageFont.load_default(size)
