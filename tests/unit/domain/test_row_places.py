"""Reading a batch file on from any row's place gives exactly the rest."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain import rows
from easel.domain.rows import START, BadRow, Form, Place, Row, RowReader
from tests.unit.domain.row_reading import GOOD, GOOD_READ, cut, read


def places_of(form: Form, chunks: Iterable[bytes]) -> list[tuple[Row | BadRow, Place]]:
    reader = RowReader(form, chunks)
    return [(row, reader.place) for row in reader]


def assert_every_place_gives_the_rest(form: Form, data: bytes, size: int, again: int) -> None:
    found = places_of(form, cut(data, size))
    assert found == places_of(form, [data])  # however the bytes are cut
    for index, (row, place) in enumerate(found):
        if row.number:
            sent = Place(**json.loads(json.dumps(asdict(place))))
            rest = RowReader(form, cut(data[sent.offset :], again), sent)
            assert [(one, rest.place) for one in rest] == found[index + 1 :]


PIECES: dict[Form, list[bytes]] = {
    Form.JSONL: [
        GOOD, GOOD, b'{"prompt": "\xf0\x9f\x8c\x88", "custom_id": "a"}', b"", b" ", b"{", b"\0",
        b'{"prompt": "%s"}' % (b"x" * 60), b'{"a": 1, "a": 2}', b"\xef\xbb\xbf{}", b"\xff\xfe{}",
    ],
    Form.CSV: [
        b"m,p", b'm,"p"', b'm,"p\nq"', b'm,"\n\r\n\n"', b'm,"""\n"""', b"", b",", b"m", b"m,p,q", b"m,\xff",
        b'm,"\xff\n"', b'm,"p', b'"', b'x",""",', b'm,"p" q', b"m,\xf0\x9f\x8c\x88", b"m," + b"x" * 60, b"\0",
        b"\xef\xbb\xbfm,p",
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", PIECES)
def test_reading_on_from_any_rows_place_gives_exactly_the_rest(form: Form) -> None:
    sizes, ends = st.integers(1, 50), st.sampled_from([b"\n", b"\r\n"])
    marks = st.sampled_from([b"", b"\xef\xbb\xbf"])

    @given(st.lists(st.sampled_from(PIECES[form]), max_size=12), marks, ends, st.booleans(), sizes, sizes)
    def check(pieces: list[bytes], mark: bytes, end: bytes, ended: bool, size: int, again: int) -> None:
        lines = ([b"model,prompt"] if form is Form.CSV else []) + pieces + ([b""] if ended else [])
        assert_every_place_gives_the_rest(form, mark + end.join(lines), size, again)

    with patch.object(rows, "ROW_BYTES_MAX", 40):  # so that short files have rows that are too long
        check()


def test_reading_on_in_a_json_array_gives_exactly_the_rest() -> None:
    data = b'\xef\xbb\xbf[{"prompt": "a"}, {"custom_id": ""}, {"prompt": "b"}]'
    assert_every_place_gives_the_rest(Form.JSON, data, 5, 9)
    assert places_of(Form.JSON, [data])[1][1] == Place(0, 2)


def test_reading_on_at_the_files_end_gives_nothing() -> None:
    assert list(RowReader(Form.JSONL, [], Place(len(GOOD), 1))) == []
    assert list(RowReader(Form.CSV, [], Place(20, 1, "model;prompt"))) == []


@pytest.mark.parametrize(("form", "data"), [(Form.JSONL, b"\n\n"), (Form.CSV, b"a\n"), (Form.CSV, b"size\n")])
def test_fault_of_the_file_is_told_again_to_whoever_reads_on(form: Form, data: bytes) -> None:
    reader = RowReader(form, [data])
    fault = list(reader)
    assert reader.place == START
    assert read(form, data, reader.place) == fault


def test_place_is_the_start_until_a_row_has_come_and_reading_can_pause() -> None:
    reader = RowReader(Form.CSV, [b"prompt;size\n", b'"a\n";1:1\n', b"b;\n"])
    assert reader.place == START
    for _ in reader:
        break
    assert reader.place == Place(21, 1, "prompt;size")
    assert list(reader) == [Row(2, None, {"prompt": "b"})]


def test_fault_of_the_stream_passes_through() -> None:
    def chunks() -> Iterator[bytes]:
        yield GOOD + b"\n{"
        raise ConnectionError("reset")

    reader = RowReader(Form.JSONL, chunks())
    assert next(reader) == GOOD_READ
    with pytest.raises(ConnectionError):
        next(reader)
    assert reader.place == Place(len(GOOD) + 1, 1)
