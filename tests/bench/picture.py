"""The bench as a small picture: a bar for each figure that has a target, and a line where that is."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from tests.bench.table import Row, number

WIDTH, MARGIN, LINE, BAR = 360, 8, 18, 16  # as wide as a phone
TARGET = 240  # where the target is; what takes more than half as much again is cut off at the edge
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #1f2328; }
.head { font-weight: 600; }
.figure { text-anchor: end; }
.ground { fill: #ffffff; }
.held { fill: #c3e6df; }
.missed { fill: #f8cdb5; }
.target { stroke: #1f2328; stroke-dasharray: 2 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .ground { fill: #0d1117; }
  .held { fill: #17524b; }
  .missed { fill: #7a2f0e; }
  .target { stroke: #e6edf3; }
}
"""


def svg(told: Mapping[str, Sequence[Row]]) -> str:
    """The rows of each part, by its name."""
    lines = [line for name, rows in told.items() for line in _part(name, rows)]
    lines.append(_text("A bar ends where the figure is; the dashes are its target.", MARGIN))
    height = 2 * MARGIN + LINE * len(lines)
    placed = [f'<g transform="translate(0 {MARGIN + LINE * n})">{line}</g>' for n, line in enumerate(lines)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>Figures beside their targets</title>\n<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
            *placed,
            "</svg>\n",
        ]
    )


def _part(name: str, rows: Sequence[Row]) -> Iterator[str]:
    """A heading, and a line for each row that has a target."""
    bars = [_bar(row) for row in rows if row.target is not None]
    if bars:
        yield _text(name.replace("_", " ").capitalize(), MARGIN, "head")
        yield from bars


def _bar(row: Row) -> str:
    length = min(WIDTH - 2 * MARGIN, (TARGET - MARGIN) * (row.of_target or 0.0))
    kind, mark = ("held", "✓") if row.held else ("missed", "✗")
    value, unit = (row.ours, row.unit) if row.ratio is None else (row.ratio, "x")
    return (
        f'<rect class="{kind}" x="{MARGIN}" width="{length:.0f}" height="{BAR}"/>'
        f'<path class="target" d="M{TARGET} 0V{BAR}"/>{_text(row.name, MARGIN + 3)}'
        + _text(f"{number(value)} / {number(row.target)} {unit} {mark}", WIDTH - MARGIN - 3, "figure")
    )


def _text(words: str, across: int, kind: str = "name") -> str:
    return f'<text class="{kind}" x="{across}" y="12">{escape(words)}</text>'
