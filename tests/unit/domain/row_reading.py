"""Reading batch files cut into small pieces, and what is said of their rows."""

from collections.abc import Iterable, Iterator
from typing import Any

from easel.domain.rows import START, BadRow, Form, Place, Row, RowReader

SECRET = "PLANTED-PROMPT"
GOOD = b'{"prompt": "a"}'
GOOD_READ = Row(1, None, {"prompt": "a"})


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def read(form: Form, data: bytes | str, place: Place = START, size: int = 7) -> list[Row | BadRow]:
    data = data if isinstance(data, bytes) else data.encode()
    return list(RowReader(form, cut(data[place.offset :], size), place))


def told(found: Iterable[Row | BadRow]) -> list[tuple[int, str]]:
    """What is said of each row: its number, and "" or the field that is wrong."""
    return [(row.number, "" if isinstance(row, Row) else row.problem.field) for row in found]


def bad(found: list[Row | BadRow]) -> BadRow:
    (row,) = found
    assert isinstance(row, BadRow), row
    return row


def fields_of(found: list[Row | BadRow]) -> dict[str, Any]:
    (row,) = found
    assert isinstance(row, Row), row
    return dict(row.fields)
