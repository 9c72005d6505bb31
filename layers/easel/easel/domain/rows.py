"""A batch file (JSON, JSONL or CSV) read as a stream of rows, each a request that is not validated yet.

A file may have a million rows and gigabytes: it comes as chunks of bytes, and memory holds one row. After
each row there is a `Place`, from which another process can go on. What is wrong with a row is said as a
BadRow, and the next one is read; what is wrong with the file as a whole is a BadRow with number 0, and the
last thing said. No message quotes a row's content: prompts are private.
"""

import codecs
import csv
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from easel.domain.lines import NAME_MAX, LineReader, RecordReader, read_json, refusal, text_of
from easel.errors import FieldProblem, InvalidRequestError

# Bytes of a row with its line end, and of a whole JSON file. A request must fit a DynamoDB item (400 KB) and
# a workflow's state (256 KB, the Step Functions quota).
ROW_BYTES_MAX = 256 * 1024
HEADER_BYTES_MAX = 16 * 1024  # it travels in each Place; all columns and 16 metadata names need some 2 KB
CUSTOM_ID_MAX = 128  # characters

# A line of an OpenAI Batch file has all four keys and no other: https://platform.openai.com/docs/guides/batch,
# API reference "The request input object" (stored copies, read 2026-11). The last URL is Easel's own.
BATCH_KEYS = ("custom_id", "method", "url", "body")
BATCH_METHOD = "POST"
BATCH_URLS = ("/v1/images/generations", "/v1/images/edits", "/v1/generations")

# Marks of byte order (Unicode 23.8), the longer first: UTF-32's begins with UTF-16's.
FOREIGN_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")  # RFC 8259, 6
PLAIN_NAME = re.compile(rf"[\w.-]{{1,{NAME_MAX}}}", re.ASCII)


class Form(StrEnum):
    """How a batch file is written."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


# The forms of files that come as a request's body, by their media types. For JSON Lines none is registered:
# https://jsonlines.org/ names the first, clients of NDJSON the second. CSV's is RFC 7111's.
BODY_FORMS: Mapping[str, Form] = {
    "application/jsonl": Form.JSONL,
    "application/x-ndjson": Form.JSONL,
    "text/csv": Form.CSV,
}


def form_of(key: str) -> Form | None:
    """The form that a file's name stands for by its ending, in any case; None for any other ending."""
    _, dot, ending = key.lower().rpartition(".")
    return Form(ending) if dot and ending in set(Form) else None


@dataclass(frozen=True, slots=True)
class Row:
    """A row's request: `fields` are its body's, `tenant` among them, as they came.

    `number` counts from 1: lines in JSONL, records after the header in CSV, and so a spreadsheet's row less
    one; blank ones count. In JSON it is the position in the array.
    """

    number: int
    custom_id: str | None
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, or with number 0 the file.

    The problem's field is a column or key, or "row" for the row as a whole; of the file "file" or "header".
    """

    number: int
    custom_id: str | None
    problem: FieldProblem


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on: `offset` in bytes of the file, `number` of the row before.

    `header` is a CSV file's header line as it stands there: names, their order, and the delimiter.
    """

    offset: int
    number: int
    header: str | None = None


START = Place(0, 0)


class RowReader(Iterator[Row | BadRow]):
    """The rows of a file, one by one.

    `chunks` are the file's bytes from `place.offset` on, cut anywhere; whatever they raise passes through.
    """

    def __init__(self, form: Form, chunks: Iterable[bytes], place: Place = START) -> None:
        self._place = place
        self._lines = LineReader(chunks, place.offset, ROW_BYTES_MAX)
        read = {Form.JSON: self._json, Form.JSONL: self._json_lines, Form.CSV: self._csv}[form]
        self._rows = self._read(read)

    def __next__(self) -> Row | BadRow:
        return next(self._rows)

    def close(self) -> None:
        """Let go of what was read ahead, where reading ends before the file does."""
        self._rows.close()

    @property
    def place(self) -> Place:
        """The place after the row that came last: reading from there gives exactly the rest.

        A fault of the file moves it nowhere, so whoever reads again is told again. At the file's end
        `offset` is its length, of which S3 serves no range.
        """
        return self._place

    def _read(self, rows: Callable[[], Iterator[Row | BadRow]]) -> Generator[Row | BadRow, None, None]:
        try:
            self._begin()
            yield from rows()
            if self._place.number == 0:
                raise refusal("file", "holds no rows")
        except InvalidRequestError as fault:
            yield BadRow(0, None, fault.problems[0])

    def _begin(self) -> None:
        """Pass UTF-8's mark by at the file's start. Raises InvalidRequestError for another encoding's."""
        if self._place.offset > 0:
            return
        head = self._lines.peek(4)
        if head.startswith(codecs.BOM_UTF8):
            self._lines.drop(len(codecs.BOM_UTF8))
        for mark, encoding in FOREIGN_MARKS:
            if head.startswith(mark):
                raise refusal("file", f"is {encoding}, save it as UTF-8")

    def _json_lines(self) -> Iterator[Row | BadRow]:
        number = self._place.number
        while True:
            number += 1
            row: Row | BadRow
            try:
                line = self._lines.read()
                if not line:
                    return
                if line.isspace():
                    continue
                row = _row(number, read_json(text_of(line)))
            except InvalidRequestError as fault:
                row = BadRow(number, None, fault.problems[0])
            self._place = Place(self._lines.offset, number)
            yield row

    def _json(self) -> Iterator[Row | BadRow]:
        data = self._lines.peek(ROW_BYTES_MAX + 1)
        if len(data) > ROW_BYTES_MAX:
            message = f"is more than {ROW_BYTES_MAX} bytes long; more rows than that fit a .jsonl"
            raise refusal("file", message, ROW_BYTES_MAX)
        if not data.strip():
            return
        said = read_json(text_of(data, "file"), "file")
        rows = said if isinstance(said, list) else [said]
        if not all(isinstance(row, dict) for row in rows):
            raise refusal("file", "must be a JSON object, or an array of objects")
        for number, row in enumerate(rows, 1):
            if number > self._place.number:
                # The whole file is read again, so the offset is its start.
                self._place = Place(0, number)
                yield _row(number, row)

    def _csv(self) -> Iterator[Row | BadRow]:
        header = self._header() if self._place.header is None else self._place.header
        delimiter = next((mark for mark in ",;\t" if mark in header), ",")
        columns = _columns(header, delimiter)
        with closing(RecordReader(self._lines, delimiter, len(columns))) as records:
            yield from self._records(records, header, columns)

    def _records(
        self, records: RecordReader, header: str, columns: Sequence["_Column"]
    ) -> Iterator[Row | BadRow]:
        number = self._place.number
        while True:
            number += 1
            row: Row | BadRow
            try:
                cells = records.read()
                if cells is None:
                    return
                # A spreadsheet ends a file with rows of nothing but delimiters now and then.
                if not any(cell.strip() for cell in cells):
                    continue
                row = _row_of_cells(number, columns, cells)
            except InvalidRequestError as fault:
                row = BadRow(number, None, fault.problems[0])
            self._place = Place(self._lines.offset, number, header)
            yield row

    def _header(self) -> str:
        """The first line that is not blank. Raises InvalidRequestError."""
        while line := self._lines.take(HEADER_BYTES_MAX):
            self._lines.keep()
            if not line.isspace():
                return text_of(line, "header").rstrip("\r\n")
        if line is None:
            raise refusal("header", f"is more than {HEADER_BYTES_MAX} bytes long", HEADER_BYTES_MAX)
        raise refusal("file", "holds no rows")


def _row(number: int, said: Any) -> Row | BadRow:
    """What one object says: a request, or a line of an OpenAI Batch file around one."""
    custom_id = None
    try:
        if not isinstance(said, dict):
            raise refusal("row", "must be a JSON object")
        custom_id = _custom_id(said)
        return Row(number, custom_id, _fields(said))
    except InvalidRequestError as fault:
        return BadRow(number, custom_id, fault.problems[0])


def _custom_id(said: Mapping[str, Any]) -> str | None:
    if "custom_id" not in said:
        return None
    custom_id = said["custom_id"]
    if isinstance(custom_id, str) and 1 <= len(custom_id) <= CUSTOM_ID_MAX and custom_id.isprintable():
        return custom_id
    raise refusal("custom_id", f"must be a text of 1 to {CUSTOM_ID_MAX} printable characters", CUSTOM_ID_MAX)


def _fields(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request's fields. Raises InvalidRequestError for what is neither a request nor a Batch line."""
    if said.keys().isdisjoint(("method", "url", "body")):
        return {key: value for key, value in said.items() if key != "custom_id"}
    for key in said:
        if key not in BATCH_KEYS:
            raise refusal(key[:NAME_MAX], "is not a key of an OpenAI Batch line", allowed=BATCH_KEYS)
    if "custom_id" not in said:
        raise refusal("custom_id", "is missing: an OpenAI Batch line has one")
    if said.get("method") != BATCH_METHOD:
        raise refusal("method", f"must be {BATCH_METHOD}", allowed=(BATCH_METHOD,))
    if said.get("url") not in BATCH_URLS:
        raise refusal("url", "is not one that Easel serves in a batch", allowed=BATCH_URLS)
    body = said.get("body")
    if not isinstance(body, dict):
        raise refusal("body", "must be a JSON object, the request")
    return body


def _number_or_flag(cell: str) -> int | float | bool:
    text = cell.strip()
    if text.lower() in ("true", "false"):  # a spreadsheet writes TRUE
        return text.lower() == "true"
    if not NUMBER.fullmatch(text):
        raise refusal("row", "must be a number such as 7 or 2.5, or true or false")
    number: int | float = read_json(text)
    return number


def _one_or_many(cell: str) -> list[Any]:
    text = cell.strip()
    if not text.startswith(("[", "{")):
        return [text]
    value = read_json(text)
    if isinstance(value, list):
        return value
    raise refusal("row", "must be one text, or a JSON array of texts")


def _object(cell: str) -> dict[str, Any]:
    value = read_json(cell.strip())
    if isinstance(value, dict):
        return value
    raise refusal("row", "must be a JSON object")


def _url_or_object(cell: str) -> str | dict[str, Any]:
    return _object(cell) if cell.strip().startswith("{") else cell.strip()


# How a cell is read, by its column: each field of a request, and of its `lora`. `metadata.NAME` is text.
COLUMNS: Mapping[str, Callable[[str], Any]] = {
    "custom_id": str,
    "tenant": str,
    "model": str,
    "prompt": str,
    "negative_prompt": str,
    "size": str,
    "n": _number_or_flag,
    "seed": _number_or_flag,
    "prompt_extend": _number_or_flag,
    "safety_filter": _number_or_flag,
    "watermark": _number_or_flag,
    "images": _one_or_many,
    "lora": _object,
    "lora.weights": str,
    "lora.scale": _number_or_flag,
    "lora.steps": _number_or_flag,
    "lora.guidance": _number_or_flag,
    "lora.go_fast": _number_or_flag,
    "output_format": str,
    "guidance_scale": _number_or_flag,
    "route": _one_or_many,
    "strict": _number_or_flag,
    "on_unknown": str,
    "deadline_seconds": _number_or_flag,
    "webhook": _url_or_object,
    "metadata": _object,
}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: its name, what it is a part of (`metadata`, `lora` or nothing), and how a cell is read."""

    name: str
    whole: str
    key: str
    read: Callable[[str], Any]


def _columns(header: str, delimiter: str) -> tuple[_Column, ...]:
    """What the header's names stand for. Raises InvalidRequestError."""
    if "\r" in header:
        raise refusal("header", "ends in CR alone, save the file with LF or CRLF line ends")
    try:
        names = next(csv.reader([header], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise refusal("header", "is not CSV: a quote is not closed, or not doubled") from error
    columns: dict[str, _Column] = {}
    for position, name in enumerate(names, 1):
        column = _column(name.strip(), position)
        if column.name in columns:
            raise refusal("header", f'names the column "{column.name[:NAME_MAX]}" twice')
        columns[column.name] = column
    for column in columns.values():
        if column.whole in columns:
            raise refusal("header", f'has "{column.whole}" as one column, and parts of it as others')
    return tuple(columns.values())


def _column(name: str, position: int) -> _Column:
    whole, _, key = name.partition(".")
    if whole.lower() == "metadata" and key:
        return _Column(f"metadata.{key}", "metadata", key, str)  # a name of the caller's own, in its case
    name = name.lower()
    if name in COLUMNS:
        whole, _, key = name.rpartition(".")
        return _Column(name, whole, key, COLUMNS[name])
    # In a file without a header this may be a prompt, so nothing but a plain word is quoted.
    shown = f' "{name}"' if PLAIN_NAME.fullmatch(name) else ""
    raise refusal("header", f"column {position}{shown} is not known", allowed=(*COLUMNS, "metadata.NAME"))


def _row_of_cells(number: int, columns: Sequence[_Column], cells: Sequence[str]) -> Row | BadRow:
    """The row that the cells are; a blank one leaves its field out. Raises InvalidRequestError."""
    if len(cells) != len(columns):
        raise refusal("row", f"has {len(cells)} cells, the header has {len(columns)}", len(columns))
    said: dict[str, Any] = {}
    problem = None
    for column, cell in zip(columns, cells, strict=True):
        if not cell.strip():
            continue
        try:
            value = column.read(cell)
        except InvalidRequestError as fault:
            problem = problem or fault.problems[0]._replace(field=column.name[:NAME_MAX])
            continue
        (said.setdefault(column.whole, {}) if column.whole else said)[column.key] = value
    row = _row(number, said)
    return BadRow(number, row.custom_id, problem) if problem else row
