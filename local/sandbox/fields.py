"""Checks of request fields by a table, field -> rule; the words for a fault are the dialect's."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

MAX_SEED = 2**31 - 1

Rule = Callable[[object], str | None]  # what was expected, where the value does not fit


class FieldError(Exception):
    """A field that the contract refuses: its name, what was expected, and what kind of value came."""

    def __init__(self, field: str, expected: str, received: str) -> None:
        super().__init__(f"{field}: expected {expected}, received {received}")
        self.field, self.expected, self.received = field, expected, received


def check(body: Mapping[str, object], rules: Mapping[str, Rule], required: Collection[str] = ()) -> None:
    """Raises FieldError for the first field that is missing, unknown or unfit."""
    for field in required:
        if field not in body:
            raise FieldError(field, "a value", "nothing")
    for field, value in body.items():
        if field not in rules:
            raise FieldError(field[:80], "no such field", describe(value))
        if (expected := rules[field](value)) is not None:
            raise FieldError(field, expected, describe(value))


def describe(value: object) -> str:
    """The kind and size of a value, never its text: it may be a prompt."""
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)[:40] if isinstance(value, int | float) else "an object"


def text(longest: int | None = None, shortest: int = 1) -> Rule:
    """A string of `shortest` to `longest` code points."""

    def rule(value: object) -> str | None:
        fits = (
            isinstance(value, str) and len(value) >= shortest and (longest is None or len(value) <= longest)
        )
        return None if fits else f"a string of {shortest} to {longest or 'any number of'} characters"

    return rule


def whole(least: int, most: int | None = None) -> Rule:
    """An integer, written as one."""

    def rule(value: object) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool)
        fits = fits and value >= least and (most is None or value <= most)  # type: ignore[operator]
        return None if fits else f"an integer from {least}" + ("" if most is None else f" to {most}")

    return rule


def number(least: float, most: float) -> Rule:
    """An integer or a fraction."""

    def rule(value: object) -> str | None:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        return None if fits else f"a number from {least:g} to {most:g}"

    return rule


def flag(value: object) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else "true or false"


def one_of(*values: object) -> Rule:
    """One of a few values."""

    def rule(value: object) -> str | None:
        return (
            None
            if any(type(value) is type(known) and value == known for known in values)
            else f"one of {values}"
        )

    return rule


def or_null(inner: Rule) -> Rule:
    """Null, or what `inner` takes."""
    return lambda value: None if value is None else inner(value)


def sides(least: int, most: int) -> Rule:
    """`W*H` in px, both within the limits."""

    def rule(value: object) -> str | None:
        found = re.fullmatch(r"([0-9]{1,5})\*([0-9]{1,5})", value) if isinstance(value, str) else None
        fits = found is not None and all(least <= int(side) <= most for side in found.groups())
        return None if fits else f"W*H with sides from {least} to {most}"

    return rule


def parse_size(size: str) -> tuple[int, int]:
    """Width and height in px of `W*H`."""
    width, _, height = size.partition("*")
    return int(width), int(height)


def nearest_16(side: int) -> int:
    """The multiple of 16 that is nearest, a tie downwards: 1033*1032 is delivered as 1040*1024."""
    return max(16, (side + 7) // 16 * 16)
