"""Lines and CSV records out of a stream of bytes: strict, at known offsets, in memory that does not grow."""

import csv
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.lines import LineReader, RecordReader, read_json, text_of
from easel.domain.rows import Form, RowReader
from easel.errors import FieldProblem, InvalidRequestError

LIMIT = 20  # bytes of a line, unless the test says otherwise
MEGABYTE = 1_000_000


def lines(data: bytes, size: int = 3, limit: int = LIMIT) -> LineReader:
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    return LineReader(chunks, 0, limit)


def drained(reader: LineReader) -> list[bytes | str]:
    """Every line, or what is wrong with it."""
    found: list[bytes | str] = []
    while True:
        try:
            line = reader.read()
        except InvalidRequestError as fault:
            found.append(fault.problems[0].message)
            continue
        if not line:
            return found
        found.append(bytes(line))


def records(data: bytes, size: int = 3, limit: int = LIMIT, columns: int = 2) -> list[list[str] | str]:
    """Every record's cells, or what is wrong with it."""
    reader = RecordReader(lines(data, size, limit), ",", columns)
    found: list[list[str] | str] = []
    while True:
        try:
            cells = reader.read()
        except InvalidRequestError as fault:
            found.append(fault.problems[0].message)
            continue
        if cells is None:
            return found
        found.append(cells)


def problem_of(call: Iterator[object]) -> FieldProblem:
    with pytest.raises(InvalidRequestError) as caught:
        next(call)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def peak_of(work: Iterator[object]) -> int:
    """The most bytes that were held at once while the work went on."""
    tracemalloc.start()
    try:
        for _ in work:
            continue
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_lines_are_cut_at_line_feeds_wherever_the_chunks_are_cut(size: int) -> None:
    data = b"one\r\n\ntwo\n   \nthree"
    assert drained(lines(data, size)) == [b"one\r\n", b"\n", b"two\n", b"   \n", b"three"]


def test_empty_chunks_and_an_empty_stream_are_no_lines() -> None:
    assert drained(LineReader([b"", b"a", b"", b"b\n", b""], 0, LIMIT)) == [b"ab\n"]
    assert drained(LineReader([], 0, LIMIT)) == []


@pytest.mark.parametrize("size", [1, 7, 100])
def test_line_at_the_limit_is_taken_and_one_byte_more_is_passed_by(size: int) -> None:
    data = b"x" * 19 + b"\n" + b"y" * 20 + b"\n" + b"z" * 20
    too_long = "is 21 bytes long, at most 20 are taken"
    assert drained(lines(data, size)) == [b"x" * 19 + b"\n", too_long, b"z" * 20]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_line_that_is_too_long_ends_with_the_file_too(size: int) -> None:
    assert drained(lines(b"a\n" + b"x" * 50, size)) == [b"a\n", "is 50 bytes long, at most 20 are taken"]


def test_offset_is_where_the_next_line_begins_also_after_one_that_was_passed_by() -> None:
    reader = LineReader([b"ab\n" + b"x" * 30, b"\nc\n"], 1000, LIMIT)
    assert (reader.offset, bytes(reader.read()), reader.offset) == (1000, b"ab\n", 1003)
    assert problem_of(iter(reader.read, None)).limit == LIMIT
    assert (reader.offset, bytes(reader.read()), reader.offset) == (1034, b"c\n", 1036)


@given(st.binary(max_size=80).map(lambda data: data.replace(b"a", b"\n")), st.integers(1, 9))
def test_lines_are_what_stands_between_line_feeds(data: bytes, size: int) -> None:
    *whole, last = data.split(b"\n")
    expected = [line + b"\n" for line in whole] + ([last] if last else [])
    assert drained(lines(data, size, limit=100)) == expected


def test_bytes_that_were_peeked_at_are_read_afterwards() -> None:
    reader = lines(b"abcdef\n", size=1)
    assert reader.peek(4) == b"abcd"
    assert reader.peek(100) == b"abcdef\n"
    reader.drop(2)
    assert (bytes(reader.read()), reader.offset) == (b"cdef\n", 7)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_lines_since_the_last_keep_can_be_read_again(size: int) -> None:
    reader = lines(b"one\ntwo\nthree\n", size)
    reader.read()
    second = reader.offset
    assert [bytes(reader.take(LIMIT) or b"too long") for _ in range(2)] == [b"two\n", b"three\n"]
    reader.back_to(second)
    assert drained(reader) == [b"two\n", b"three\n"]


def test_line_of_fifty_megabytes_is_passed_by_in_little_memory() -> None:
    reader = LineReader(repeat(b"x" * 65536, 800), 0, 256 * 1024)

    def work() -> Iterator[object]:
        yield problem_of(iter(reader.read, None))

    assert peak_of(work()) < 2 * MEGABYTE
    assert reader.offset == 800 * 65536


def test_short_lines_of_one_huge_chunk_are_read_in_time_that_grows_with_its_length() -> None:
    started = time.monotonic()
    assert len(drained(lines(b"x\n" * 500_000, size=MEGABYTE))) == 500_000
    assert len(drained(lines(b"x" * 200_000, size=1, limit=MEGABYTE))) == 1
    assert time.monotonic() - started < 10  # copying the rest at each line or chunk would take minutes


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"caf\xe9", "is not UTF-8 at byte 4"),
        (b"\xc0\xaf", "is not UTF-8 at byte 1"),  # overlong
        (b"\xed\xa0\x80", "is not UTF-8 at byte 1"),  # a surrogate
        (b"\xf4\x90\x80\x80", "is not UTF-8 at byte 1"),  # beyond U+10FFFF
        (b"abc\xf0\x9f\x8c", "is not UTF-8 at byte 4"),  # cut off
        (b"ab\0c", "holds a NUL, as character 3"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_position(line: bytes, message: str) -> None:
    assert problem_of(map(text_of, [line])) == FieldProblem("row", message)


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("", "row", "is not JSON at character 1"),
        ("{", "row", "is not JSON at character 2"),
        ('{"a": 1,}', "row", "is not JSON at character"),
        ("{'a': 1}", "row", "is not JSON at character 2"),
        ('{"a": 1} {}', "row", "is not JSON at character 10"),
        ('{"a":\n 01}', "row", "is not JSON at character 3 of line 2"),
        ('"line\tbreak"', "row", "is not JSON at character 6"),
        ('{"a": 1, "b": 2, "a": 3}', "a", 'the key "a" is given twice in one object'),
        ('[{"b": {"c": 1, "c": 1}}]', "c", 'the key "c" is given twice in one object'),
        ("NaN", "row", "holds a number that is not finite"),
        ('{"a": -Infinity}', "row", "holds a number that is not finite"),
        ("[1e999]", "row", "holds a number that is not finite"),
        ("9" * 5000, "row", "holds a number of too many digits"),
        ('"\\ud83c"', "row", "holds half a character, a \\u escape without its other half"),
        ('{"\\uDF08": 1}', "row", "holds half a character, a \\u escape without its other half"),
        ("[" * 21 + "]" * 21, "row", "is nested more than 20 deep"),
        ("[" * 130_000, "row", "is nested more than 20 deep"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "row", "is nested more than 20 deep"),
    ],
)
def test_json_that_readers_disagree_on_is_refused(text: str, field: str, message: str) -> None:
    problem = problem_of(map(read_json, [text]))
    assert problem.field == field
    assert problem.message.startswith(message)


def test_json_as_writers_write_it_is_read() -> None:
    assert read_json('{"a": [1, 2.5, -1e3, true, null, "\\ud83c\\udf08"]}') == {
        "a": [1, 2.5, -1000.0, True, None, "\U0001f308"]
    }
    assert read_json("[" * 20 + "]" * 20) is not None
    assert read_json('"' + "[{" * 1000 + '"') == "[{" * 1000  # brackets in a text are no nesting


def test_key_that_is_given_twice_is_named_by_its_beginning() -> None:
    problem = problem_of(map(read_json, [f'{{"{"k" * 5000}": 1, "{"k" * 5000}": 2}}']))
    assert (problem.field, len(problem.message)) == ("k" * 100, 139)


def test_object_of_very_many_keys_is_looked_through_in_time_that_grows_with_its_length() -> None:
    keys = ",".join(f'"{number}":1' for number in range(100_000))
    started = time.monotonic()
    assert problem_of(map(read_json, [f'{{{keys},"99999":1}}'])).field == "99999"
    assert time.monotonic() - started < 10


UNCLOSED, NOT_CSV = "opens a quote that is not closed within", "is not CSV: a quote is not closed"

RECORDS: dict[str, tuple[bytes, list[list[str] | str]]] = {
    "plain": (b"a,b\nc,d", [["a", "b"], ["c", "d"]]),
    "ends in CRLF": (b"a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]),
    "empty lines": (b"\na,b\n\r\n", [[], ["a", "b"], []]),
    "line end in a cell": (b'a,"b\nc"\nd,e\n', [["a", "b\nc"], ["d", "e"]]),
    "CRLF in a cell": (b'a,"b\r\n"\r\nd,e\n', [["a", "b\r\n"], ["d", "e"]]),
    "empty line in a cell": (b'a,"\n\n"\nd,e\n', [["a", "\n\n"], ["d", "e"]]),
    "quotes in a cell": (b'a,"b ""c"""\n', [["a", 'b "c"']]),
    "quote inside an unquoted cell": (b'a,12" b\nc,d\n', [["a", '12" b'], ["c", "d"]]),
    "unclosed to the file's end": (b'a,"b\nc,d\ne,f\n', [NOT_CSV, ["c", "d"], ["e", "f"]]),
    "unclosed on the last line": (b'a,b\nc,"d', [["a", "b"], NOT_CSV]),
    "unclosed for longer than a row": (b'a,"b\n' + b"c,d\n" * 6, [UNCLOSED] + [["c", "d"]] * 6),
    "unclosed until another quote": (b'a,"b\nc,"d"\ne,f\n', [NOT_CSV, ["c", "d"], ["e", "f"]]),
    "unclosed before a line that is too long": (
        b'a,"b\n' + b"x" * 30 + b"\nc,d\n",
        [UNCLOSED, "is 31 bytes long", ["c", "d"]],
    ),
    "not doubled": (b'a,"b" c\nd,e\n', [NOT_CSV, ["d", "e"]]),
    "CR within a line": (b"a\rb,c\nd,e\n", [NOT_CSV, ["d", "e"]]),
    "not UTF-8": (b"a,\xff\nc,d\n", ["is not UTF-8 at byte 3", ["c", "d"]]),
    "NUL": (b"a,\0\nc,d\n", ["holds a NUL, as character 3", ["c", "d"]]),
    "not UTF-8 in a cell of lines": (b'a,"b\n\xff\nc"\nd,e\n', ["is not UTF-8 at byte 1", ["d", "e"]]),
    "too long": (b"a," + b"b" * 30 + b"\nc,d\n", ["is 33 bytes long, at most 20", ["c", "d"]]),
}


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_record_and_what_is_wrong_with_it_stays_its_own(name: str, size: int) -> None:
    data, expected = RECORDS[name]
    found = records(data, size)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.startswith(str(other)) if isinstance(one, str) else one == other


def test_record_of_lines_may_be_as_long_as_a_line() -> None:
    assert records(b'a,"' + b"\n" * 15 + b'"\n') == [["a", "\n" * 15]]
    assert records(b'a,"' + b"\n" * 16 + b'"\n')[0] == f"{UNCLOSED} 20 bytes, the most that a row may have"


def test_cell_may_fill_its_row() -> None:
    limit = 256 * 1024  # twice the csv module's own bound
    assert records(b"x" * (limit - 3) + b",y\n", 65536, limit) == [["x" * (limit - 3), "y"]]


CELL = st.text(st.sampled_from("ab,\"\n\r \u00e9\U0001f308;\t'"), max_size=12)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=8), st.integers(1, 40))
def test_what_the_csv_module_writes_is_read_as_it_was(rows: list[list[str]], size: int) -> None:
    data = "".join(written(rows)).encode()
    assert records(data, size, limit=1000) == rows


def written(rows: Iterable[list[str]]) -> list[str]:
    found: list[str] = []

    class Sink:
        def write(self, text: str) -> int:
            found.append(text)
            return len(text)

    csv.writer(Sink()).writerows(rows)
    return found


def test_unclosed_quote_before_very_many_short_lines_takes_little_memory() -> None:
    limit = 64 * 1024
    data = b'a,"' + b"\n" * (limit + 1000) + b"c,d\n"

    def work() -> Iterator[object]:
        reader = RecordReader(lines(data, 65536, limit), ",", 2)
        yield problem_of(iter(reader.read, None))
        while (cells := reader.read()) == []:
            continue
        assert cells == ["c", "d"]

    assert peak_of(work()) < 2 * MEGABYTE  # an object for each line would need some ten


def test_file_of_unclosed_quotes_is_read_in_time_that_grows_with_its_length() -> None:
    # Read from its start each line leaves a quote open; read inside a quote it closes and opens another.
    data = b'x",""",\n' * 20_000
    started = time.monotonic()
    found = records(data, 65536, limit=256 * 1024)
    assert time.monotonic() - started < 10  # reading on to the limit from each line would take minutes
    assert len(found) == 20_000
    assert "opens quotes for more than 2 cells: one is not closed" in found


LONG_FILES = {
    Form.JSONL: (b"", b'{"model": "m", "prompt": "a red fox"}\n' * 100),
    Form.CSV: (b"model,prompt\n", b'm,"a red\nfox"\n' * 100),
}


@pytest.mark.parametrize(("form", "count"), [(Form.JSONL, 2_000), (Form.CSV, 500)])
def test_memory_does_not_grow_with_the_number_of_rows(form: Form, count: int) -> None:
    head, hundred = LONG_FILES[form]
    few = peak_of(RowReader(form, chain([head], repeat(hundred, 20))))
    reader = RowReader(form, chain([head], repeat(hundred, count)))
    assert peak_of(reader) < few + 2 * MEGABYTE
    assert reader.place.number == 100 * count


@pytest.mark.parametrize("form", LONG_FILES)
def test_memory_does_not_grow_with_the_length_of_a_row(form: Form) -> None:
    head, hundred = LONG_FILES[form]
    reader = RowReader(form, chain([head, hundred], repeat(b"x" * 65536, 800), [b"\n", hundred]))
    assert peak_of(reader) < 2 * MEGABYTE
    assert reader.place.number == 201


def test_memory_does_not_grow_with_blank_lines_before_the_header() -> None:
    reader = RowReader(Form.CSV, chain(repeat((b" " * 8000 + b"\n") * 8, 200), [b"prompt\na\n"]))
    assert peak_of(reader) < 2 * MEGABYTE
    assert reader.place.number == 1
