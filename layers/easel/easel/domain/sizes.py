"""Sizes as callers write them, and what a route makes of them."""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

PIXELS = re.compile(r"([1-9][0-9]{1,4})[*x]([1-9][0-9]{1,4})")
RATIO = re.compile(r"([1-9][0-9]?):([1-9][0-9]?)")


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}*{self.height}"


class Geometry(NamedTuple):
    """What a route is asked for: its own name of the ratio, the pixels, or both where both are known."""

    ratio: str | None
    size: Size | None


def parse_size(text: str) -> Size | str | None:
    """`1664*928` or `1664x928` as a `Size`, `16:9` as itself, anything else as None."""
    if match := PIXELS.fullmatch(text):
        return Size(int(match[1]), int(match[2]))
    return text if RATIO.fullmatch(text) else None


class SizeRule(NamedTuple):
    """The geometries that a route offers.

    `by_ratio` names a ratio's pixels (None where the vendor does not state them). Ratios are matched
    through this table and never by division: 1664/928 is 0.86 % off 16:9. `free_side` allows any size
    whose sides lie in the range and are multiples of `multiple`. `speaks` is what the vendor is sent.
    """

    by_ratio: Mapping[str, Size | None]
    speaks: Literal["pixels", "ratio"] = "pixels"
    free_side: tuple[int, int] | None = None
    multiple: int = 1

    def resolve(self, asked: Size | str) -> Geometry | None:
        """What the route would be asked for; None where it does not offer that size."""
        if isinstance(asked, str):
            return Geometry(asked, self.by_ratio[asked]) if asked in self.by_ratio else None
        for ratio, size in self.by_ratio.items():
            if size == asked:
                return Geometry(ratio, size)
        return Geometry(None, asked) if self._is_free(asked) else None

    def _is_free(self, size: Size) -> bool:
        if self.free_side is None:
            return False
        low, high = self.free_side
        sides = (size.width, size.height)
        return all(low <= side <= high and side % self.multiple == 0 for side in sides)

    def wire_text(self, geometry: Geometry) -> str:
        """The geometry in the words that the vendor is sent, for the parameter report."""
        return str(geometry.ratio if self.speaks == "ratio" else geometry.size)

    def allowed(self) -> tuple[str, ...]:
        """Every size that the route takes, in words for an error message."""
        ratios = tuple(self.by_ratio)
        pixels = tuple(str(size) for size in self.by_ratio.values() if size is not None)
        if self.free_side is None:
            return ratios + pixels
        low, high = self.free_side
        step = f", multiples of {self.multiple}" if self.multiple > 1 else ""
        return (*ratios, f"W*H with each side {low} to {high}{step}")
