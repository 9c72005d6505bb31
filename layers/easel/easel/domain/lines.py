"""A stream of bytes cut into lines, and lines into CSV records; text and JSON read strictly.

Memory does not grow with the stream, nor with a line. What is refused is refused as InvalidRequestError
with one problem, and the next `read` goes on behind it. No message quotes what a line holds, beyond the
name of a key: prompts are private.
"""

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from easel.errors import FieldProblem, InvalidRequestError

DEPTH_MAX = 20  # levels; a request has 3 in a Batch line, and what is read must be writable again anywhere
NAME_MAX = 100  # characters of a key or column that a message may quote
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def refusal(
    field: str, message: str, limit: int | None = None, allowed: tuple[str, ...] | None = None
) -> InvalidRequestError:
    """The error that names this one problem."""
    return InvalidRequestError(f"{field} {message}", [FieldProblem(field, message, limit, allowed)])


def text_of(line: bytes | bytearray, field: str = "row") -> str:
    """The bytes as text. Raises InvalidRequestError for what is not UTF-8, and for a NUL: no text has one."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise refusal(field, f"is not UTF-8 at byte {error.start + 1}") from None  # it holds the line
    if "\0" in text:
        raise refusal(field, f"holds a NUL, as character {text.index(chr(0)) + 1}")
    return text


def read_json(text: str, field: str = "row") -> Any:
    """What the JSON says, as strict as RFC 8259 lets a reader be.

    Raises InvalidRequestError for what is not JSON, a key given twice in one object (it is the problem's
    field), numbers that are not finite or have thousands of digits, half characters and deep nesting.
    """
    try:
        value = STRICT_JSON.decode(text)
        if text.count("[") + text.count("{") > DEPTH_MAX and depth_of(value) > DEPTH_MAX:
            raise refusal(field, f"is nested more than {DEPTH_MAX} deep", DEPTH_MAX)
        if HALF_CHARACTER.search(text):  # or a pair: what cannot be written as UTF-8 again is none
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as error:
        line = f" of line {error.lineno}" if error.lineno > 1 else ""
        raise refusal(field, f"is not JSON at character {error.colno}{line}") from None  # it holds the text
    except UnicodeEncodeError:
        raise refusal(field, "holds half a character, a \\u escape without its other half") from None
    except OverflowError as error:
        raise refusal(field, "holds a number that is not finite") from error
    except RecursionError as error:
        raise refusal(field, f"is nested more than {DEPTH_MAX} deep", DEPTH_MAX) from error
    except ValueError as error:  # the interpreter's bound on digits (sys.set_int_max_str_digits)
        raise refusal(field, "holds a number of too many digits") from error


def depth_of(value: Any) -> int:
    """How many arrays and objects stand within each other, found without recursion."""
    depth, level = 0, [value]
    while level := [inner for inner in level if isinstance(inner, dict | list)]:
        depth += 1
        level = [part for inner in level for part in (inner.values() if isinstance(inner, dict) else inner)]
    return depth


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            name = key[:NAME_MAX].encode(errors="replace").decode()  # it may hold half a character
            raise refusal(name, f'the key "{name}" is given twice in one object')
        values[key] = value
    return values


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise OverflowError("not finite")
    return number


# `parse_constant` is called for NaN and Infinity, which json reads and RFC 8259 does not have.
STRICT_JSON = json.JSONDecoder(object_pairs_hook=_each_key_once, parse_float=_finite, parse_constant=_finite)


class LineReader:
    """Cuts chunks of bytes into lines that end in LF, or with the file.

    Holds one line, or the lines from the last `keep` on, and one chunk. `limit` is how many bytes a line
    may have, its line end included; `offset` is where the next line begins, in bytes of the whole file.
    """

    def __init__(self, chunks: Iterable[bytes], offset: int, limit: int) -> None:
        self.offset = offset
        self.limit = limit
        self._chunks = iter(chunks)
        self._held = bytearray()
        self._kept = 0  # where in `_held` begins what `back_to` may return to
        self._at = 0  # where in `_held` the next line begins

    def read(self) -> bytearray:
        """The next line with its line end; nothing at the end of the file.

        Raises InvalidRequestError for one that is too long, having passed it by without holding it.
        """
        self.keep()
        line = self.take(self.limit)
        if line is None:
            length = self._skip()
            raise refusal("row", f"is {length} bytes long, at most {self.limit} are taken", self.limit)
        return line

    def take(self, limit: int) -> bytearray | None:
        """The next line as `read` gives it, or None: it has more bytes than `limit`, and stays unread."""
        while not (end := self._held.find(b"\n", self._at) + 1):
            if len(self._held) - self._at > limit:
                return None
            if not self._fetch():
                end = len(self._held)
                break
        if end - self._at > limit:
            return None
        line = self._held[self._at : end]
        self._advance(len(line))
        return line

    def keep(self) -> None:
        """Keep what comes from here on, for `back_to`."""
        self._kept = self._at

    def back_to(self, offset: int) -> None:
        """Read again from there, which is not before the last `keep`."""
        self._advance(offset - self.offset)

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end of the file; they stay unread."""
        while len(self._held) - self._at < count and self._fetch():
            continue
        return bytes(self._held[self._at : self._at + count])

    def drop(self, count: int) -> None:
        """Pass by `count` bytes that were peeked at."""
        self._advance(count)

    def _skip(self) -> int:
        """Pass the next line by, holding no more than a chunk of it; its length in bytes."""
        begin = self.offset
        while not (end := self._held.find(b"\n", self._at) + 1):
            self._advance(len(self._held) - self._at)
            self.keep()
            if not self._fetch():
                return self.offset - begin
        self._advance(end - self._at)
        return self.offset - begin

    def _advance(self, count: int) -> None:
        self._at += count
        self.offset += count

    def _fetch(self) -> bool:
        """Hold one chunk more, and let go of what is no longer kept; whether there was one."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        del self._held[: self._kept]
        self._at -= self._kept
        self._kept = 0
        self._held += chunk
        return True


class RecordReader:
    """Cuts lines into CSV records (RFC 4180): a quoted cell may hold delimiters, quotes and line ends.

    A record may have as many bytes as a line. `columns` is how many cells a good one has.
    """

    def __init__(self, lines: LineReader, delimiter: str, columns: int) -> None:
        # The csv module's own bound is 128 KiB for the whole process; a cell may fill its row.
        csv.field_size_limit(max(csv.field_size_limit(), lines.limit))
        self._lines = lines
        self._delimiter = delimiter
        self._columns = columns
        self._begin = 0  # the record's offset
        self._second: int | None = None  # its second line's, once the first was read
        self._turns = 0  # its further lines on which a quote opens or closes
        self._damage: InvalidRequestError | None = None
        self._parser = self._parse()

    def read(self) -> list[str] | None:
        """The next record's cells, none for an empty line; None at the end of the file.

        Raises InvalidRequestError. A record that is not CSV, an unclosed quote above all, must not take
        others along: reading goes on with the line after the one where it began.
        """
        self._second = self._damage = None
        try:
            cells = next(self._parser, None)
        except csv.Error as error:
            self._begin_again()
            advice = "a quote is not closed, or not doubled inside a quoted cell"
            raise refusal("row", f"is not CSV: {advice}") from error
        except InvalidRequestError:
            self._begin_again()
            raise
        if self._damage:
            raise self._damage
        return cells

    def close(self) -> None:
        """Let go of what was read ahead: parser and source hold each other."""
        self._parser = iter(())

    def _begin_again(self) -> None:
        if self._second is not None:
            self._lines.back_to(self._second)
        self._parser = self._parse()  # the old one's source has ended

    def _parse(self) -> Iterator[list[str]]:
        return csv.reader(self._texts(), delimiter=self._delimiter, strict=True)

    def _texts(self) -> Iterator[str]:
        """The lines as csv.reader asks for them: it takes one more as long as a quote is open."""
        while line := self._first() if self._second is None else self._further():
            try:
                yield text_of(line)
            except InvalidRequestError as damage:
                # Read on for the record's end: what is left of its cells must not pass for rows.
                self._damage = self._damage or damage
                yield line.decode(errors="replace")

    def _first(self) -> bytearray:
        line = self._lines.read()
        self._begin, self._second = self._lines.offset - len(line), self._lines.offset
        self._turns = 0
        return line

    def _further(self) -> bytearray:
        limit = self._lines.limit
        line = self._lines.take(limit - (self._lines.offset - self._begin))
        if line is None:
            message = f"opens a quote that is not closed within {limit} bytes, the most that a row may have"
            raise refusal("row", message, limit)
        # A quote that is not doubled ends the open cell. More such lines than columns: some quote was never
        # closed. Reading on to the limit would tell as well, but a file of such rows would take for ever.
        self._turns += b'"' in line.replace(b'""', b"")
        if self._turns > self._columns:
            raise refusal("row", f"opens quotes for more than {self._columns} cells: one is not closed")
        return line
