"""What is written where: results to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import typer

# C0 and C1, but for newline and tab: what a terminal takes as orders.
CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
del CONTROLS[ord("\n")], CONTROLS[ord("\t")]
ESCAPED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}  # in JSON, which escapes the others itself


def plain(text: str) -> str:
    """The text without what a terminal takes as orders: prompts and vendors' words come from elsewhere."""
    return text.translate(CONTROLS)


@dataclass(frozen=True, slots=True)
class Terminal:
    """The two streams. With `as_json` standard output has one JSON value and nothing else."""

    as_json: bool = False

    @property
    def looked_at(self) -> bool:
        """Whether a person reads standard output, and not a program."""
        return sys.stdout.isatty() and not self.as_json

    @property
    def watched(self) -> bool:
        """Whether a person sees standard error change."""
        return sys.stderr.isatty()

    def say(self, text: str = "") -> None:
        """A line of the result; with `as_json` none."""
        if not self.as_json:
            typer.echo(plain(text))

    def note(self, text: str) -> None:
        """A line beside the result."""
        typer.echo(plain(text), err=True)

    def data(self, value: Any) -> None:
        """The result as JSON, where that was asked for."""
        if self.as_json:
            typer.echo(json.dumps(value, ensure_ascii=False, indent=2).translate(ESCAPED))

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        right: Collection[str] = (),
        *,
        wrap: bool = False,
    ) -> None:
        """A table for a person: columns in `right` are flush right, and the last one is cut, or wrapped, to
        what is left of the width. For a program a line each, with tabs between, and no head."""
        if self.as_json:
            return
        rows = [tuple(map(plain, row)) for row in rows]
        if not self.looked_at:
            for row in rows:
                typer.echo("\t".join(" ".join(cell.split()) for cell in row))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), show_header=any(head)
        )
        for place, name in enumerate(head):
            last = place == len(head) - 1
            needed = max((len(row[place]) for row in rows), default=0)
            table.add_column(
                name,
                justify="right" if name in right else "left",
                no_wrap=not last,
                min_width=None if last else needed,
            )
        for row in rows:
            cells = [Text(cell) for cell in row[:-1]]
            table.add_row(*cells, Text(row[-1], no_wrap=not wrap, overflow="fold" if wrap else "ellipsis"))
        Console().print(table)
