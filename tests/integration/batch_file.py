"""A batch file with right and wrong rows, and what must become of each.

Fifty rows are wrong, in ten ways in turn. Of the right ones a third are lines of an OpenAI Batch file, and a
third have no custom id.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WRONG_ROWS = 50
REQUEST = {"model": "qwen-image", "route": "aimlapi/qwen-image"}
LONG_BYTES = 5_000_000
# What lines, CSV readers, JSON and HTML may stumble over.
WORDS = (
    "a “quoted” one",
    "狐と雪",
    "a line\u2028separator",
    "</script><b>bold</b>",
    "tab\tand \\ backslash",
    "plain",
)


def json_line(name: str, **changes: Any) -> bytes:
    """A row; a change to None takes a field away."""
    row = {"custom_id": name, **REQUEST, "prompt": f"wrong {name}", **changes}
    return json.dumps({key: value for key, value in row.items() if value is not None}).encode()


# The field that is named, and the line.
WRONGS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "broken JSON": ("row", lambda name: json_line(name)[:-9]),
    "no prompt": ("prompt", lambda name: json_line(name, prompt=None)),
    "a size that no route has": ("size", lambda name: json_line(name, size="4000x4000", strict=True)),
    "a custom id that another row has": ("custom_id", json_line),
    "5 MB": ("row", lambda name: json_line(name, prompt="x" * LONG_BYTES)),
    "not UTF-8": (
        "row",
        lambda name: json_line(name, prompt="caf?").replace(b"caf?", "café".encode("latin-1")),
    ),
    "an unknown field": ("promt", lambda name: json_line(name, promt="an owl")),
    "a wrong type": ("seed", lambda name: json_line(name, seed="seven")),
    "an unknown model": ("model", lambda name: json_line(name, model="nobody", route=None)),
    "too many images": ("n", lambda name: json_line(name, n=99)),
}
TWICE = "a custom id that another row has"


@dataclass
class BatchFile:
    """The bytes; the prompts of right rows by row number; the field that is wrong by row number."""

    data: bytes
    prompts: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)
    twins: dict[int, int] = field(default_factory=dict)  # of rows with one custom id, whichever comes first

    @property
    def rows(self) -> int:
        """How many it has."""
        return len(self.prompts) + len(self.wrong)


def batch_file(rows: int, tag: str) -> BatchFile:
    """A file; `tag` makes its prompts its own."""
    made, lines = BatchFile(b""), []
    kinds, every = list(WRONGS.items()), rows // WRONG_ROWS
    for number in range(1, rows + 1):
        if number % every or len(made.wrong) == WRONG_ROWS:
            made.prompts[number] = f"{tag} row {number}: {WORDS[number % len(WORDS)]}"
            lines.append(right_line(number, made.prompts[number]))
            continue
        kind, (named, line) = kinds[len(made.wrong) % len(kinds)]
        made.wrong[number] = named
        name = f"wrong-{number}"
        if kind == TWICE:
            # Far away, so that another process may well be at work on it.
            twin = next(one for one in range(number // 2, number) if one % 3 == 0 and one % every)
            made.twins |= {number: twin, twin: number}
            name = f"row-{twin}"
        lines.append(line(name))
    made.data = b"\n".join(lines) + b"\n"
    return made


def right_line(number: int, prompt: str) -> bytes:
    """A row in one of three forms."""
    body, name = {**REQUEST, "prompt": prompt}, {"custom_id": f"row-{number}"}
    forms: list[dict[str, Any]] = [
        {**name, **body},
        {**name, "method": "POST", "url": "/v1/images/generations", "body": body},
        {**body, "metadata": {"number": str(number)}},
    ]
    return json.dumps(forms[number % 3], ensure_ascii=number % 2 == 0).encode()
