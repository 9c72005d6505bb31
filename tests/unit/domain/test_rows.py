"""Batch files of each form: what is read, what is refused and how it is said, and going on from any place."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import repeat
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain import rows
from easel.domain.request import GenerationRequest, Lora
from easel.domain.rows import COLUMNS, ROW_BYTES_MAX, START, BadRow, Form, Place, Row, RowReader, form_of

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


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@pytest.mark.parametrize(
    ("keys", "form"),
    [
        (["requests/fox.json", "FOX.JSON"], Form.JSON),
        (["requests/foxes.jsonl", "foxes.JsonL"], Form.JSONL),
        (["a.b/Foxes.Csv"], Form.CSV),
        (["", "csv", "requests/csv", "foxes.csv.gz", "foxes.json/part", "foxes.jsonl ", "foxes.txt"], None),
    ],
)
def test_form_is_told_by_the_keys_ending(keys: list[str], form: Form | None) -> None:
    assert [form_of(key) for key in keys] == [form] * len(keys)


BODY = {"model": "m", "prompt": SECRET}
BATCH = {"custom_id": "row-1", "method": "POST", "url": "/v1/images/generations", "body": BODY}
# A line, and the field that is named; none for one that is read.
LINES: dict[str, tuple[bytes, str]] = {
    "request": (b'{"prompt": "PLANTED-PROMPT"}', ""),
    "request with spaces around": (b'  {"prompt": "PLANTED-PROMPT"}\t\r', ""),
    "request with custom id": (b'{"custom_id": "a b-\xc3\xa9", "prompt": "PLANTED-PROMPT"}', ""),
    "empty object": (b"{}", ""),
    "batch line": (json.dumps(BATCH).encode(), ""),
    "batch line for edits": (json.dumps(BATCH | {"url": "/v1/images/edits"}).encode(), ""),
    "batch line for ours": (json.dumps(BATCH | {"url": "/v1/generations"}).encode(), ""),
    "batch line for chat": (json.dumps(BATCH | {"url": "/v1/chat/completions"}).encode(), "url"),
    "batch line with host": (json.dumps(BATCH | {"url": f"https://{SECRET}/v1/generations"}).encode(), "url"),
    "batch line with list as url": (json.dumps(BATCH | {"url": [SECRET]}).encode(), "url"),
    "batch line with GET": (json.dumps(BATCH | {"method": "GET"}).encode(), "method"),
    "batch line with post": (json.dumps(BATCH | {"method": "post"}).encode(), "method"),
    "batch line without method": (b'{"custom_id": "a", "url": "/v1/generations", "body": {}}', "method"),
    "batch line without url": (b'{"custom_id": "a", "method": "POST", "body": {}}', "url"),
    "batch line without body": (b'{"custom_id": "a", "method": "POST", "url": "/v1/generations"}', "body"),
    "batch line with text as body": (json.dumps(BATCH | {"body": SECRET}).encode(), "body"),
    "batch line without id": (b'{"method": "POST", "url": "/v1/generations", "body": {}}', "custom_id"),
    "batch line with more": (json.dumps(BATCH | {"prompt": SECRET}).encode(), "prompt"),
    "custom id empty": (b'{"custom_id": "", "prompt": "PLANTED-PROMPT"}', "custom_id"),
    "custom id null": (b'{"custom_id": null}', "custom_id"),
    "custom id number": (b'{"custom_id": 7}', "custom_id"),
    "custom id of lines": (b'{"custom_id": "PLANTED-PROMPT\\n"}', "custom_id"),
    "custom id with half a character": (b'{"custom_id": "\\ud800"}', "row"),
    "custom id at its limit": (b'{"custom_id": "%s"}' % (b"x" * 128), ""),
    "custom id too long": (b'{"custom_id": "%s"}' % (b"x" * 129), "custom_id"),
    "key twice": (b'{"prompt": "PLANTED-PROMPT", "prompt": "b"}', "prompt"),
    "not a number": (b'{"prompt": "PLANTED-PROMPT", "seed": NaN}', "row"),
    "infinity": (b'{"seed": -Infinity}', "row"),
    "deep": (b'{"lora": %s%s}' % (b"[" * 100_000, b"]" * 100_000), "row"),
    "array": (b'[{"prompt": "PLANTED-PROMPT"}]', "row"),
    "null": (b"null", "row"),
    "not JSON": (b"PLANTED-PROMPT", "row"),
    "cut off": (b'{"prompt": "PLANTED-PROMPT', "row"),
    "Latin-1": (b'{"prompt": "PLANTED-PROMPT caf\xe9"}', "row"),
    "NUL": (b'{"prompt": "PLANTED-PROMPT \0"}', "row"),
    "UTF-16 inside": ('{"prompt": "a"}'.encode("utf-16-le"), "row"),
    "mark in the middle": (b'\xef\xbb\xbf{"prompt": "PLANTED-PROMPT"}', "row"),
    "too long": (b'{"prompt": "%s"}' % (b"PLANTED-PROMPT" * 20_000), "row"),
}


@pytest.mark.parametrize("name", LINES)
def test_jsonl_line_is_read_or_refused_by_field_and_the_next_is_read_all_the_same(name: str) -> None:
    line, field = LINES[name]
    found = read(Form.JSONL, GOOD + b"\n" + line + b"\n" + GOOD, size=1000)
    assert told(found) == [(1, ""), (2, field), (3, "")]
    assert SECRET not in "".join(repr(row) for row in found if isinstance(row, BadRow))


def test_custom_id_is_no_field_of_the_request_and_tenant_is() -> None:
    assert read(Form.JSONL, json.dumps(BATCH)) == [Row(1, "row-1", BODY)]
    found = read(Form.JSONL, '{"custom_id": "a", "prompt": "p", "tenant": "studio"}')
    assert found == [Row(1, "a", {"prompt": "p", "tenant": "studio"})]


def test_row_that_is_refused_keeps_a_custom_id_that_is_right() -> None:
    assert bad(read(Form.JSONL, json.dumps(BATCH | {"method": "GET"}))).custom_id == "row-1"
    assert bad(read(Form.JSONL, '{"custom_id": "\\n"}')).custom_id is None


def test_refusal_of_a_batch_line_names_what_is_allowed() -> None:
    allowed = bad(read(Form.JSONL, json.dumps(BATCH | {"url": "/v1/embeddings"}))).problem.allowed
    assert allowed == ("/v1/images/generations", "/v1/images/edits", "/v1/generations")
    assert bad(read(Form.JSONL, json.dumps(BATCH | {"method": "PUT"}))).problem.allowed == ("POST",)


def test_jsonl_counts_lines_and_skips_blank_ones() -> None:
    found = read(Form.JSONL, b"\n  \r\n" + GOOD + b"\r\n\n\t\n" + GOOD + b"\n\n")
    assert told(found) == [(3, ""), (6, "")]


def test_line_that_is_too_long_says_how_long_and_what_is_allowed() -> None:
    long = b'{"prompt": "%s"}\n' % (b"x" * 5_000_000)
    problem = bad(read(Form.JSONL, long, size=65536)).problem
    assert problem.message == f"is {len(long)} bytes long, at most 262144 are taken"
    assert problem.limit == ROW_BYTES_MAX
    at_the_limit = b'{"prompt": "%s"}\n' % (b"x" * (ROW_BYTES_MAX - 15))
    assert len(at_the_limit) == ROW_BYTES_MAX
    assert told(read(Form.JSONL, at_the_limit, size=65536)) == [(1, "")]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_utf8_mark_at_the_start_is_dropped(form: Form, size: int) -> None:
    text = {Form.CSV: "prompt\na\n"}.get(form, '{"prompt": "a"}')
    assert read(form, b"\xef\xbb\xbf" + text.encode(), size=size) == [GOOD_READ]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_file_of_another_encoding_is_told_so_once(form: Form, encoding: str, order: str) -> None:
    row = bad(read(form, '\ufeff{"prompt": "PLANTED"}\n\n'.encode(f"{encoding}-{order}"), size=1))
    assert (row.number, row.problem.field) == (0, "file")
    assert row.problem.message == f"is {encoding}, save it as UTF-8"


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\n ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_file_of_nothing_is_told_so_once(form: Form, data: bytes) -> None:
    row = bad(read(form, data))
    assert (row.number, row.problem.field, row.problem.message) == (0, "file", "holds no rows")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GOOD, [(1, "")]),
        (b'\n{\n  "prompt":\r\n  "PLANTED-PROMPT"\n}\n', [(1, "")]),
        (json.dumps(BATCH).encode(), [(1, "")]),
        (json.dumps(BATCH | {"url": SECRET}).encode(), [(1, "url")]),
        (b'[{"prompt": "a"}, {"custom_id": ""}, {"prompt": "b"}]', [(1, ""), (2, "custom_id"), (3, "")]),
        (b"[]", [(0, "file")]),
        (b'[{"prompt": "PLANTED-PROMPT"}, 7]', [(0, "file")]),
        (b'"PLANTED-PROMPT"', [(0, "file")]),
        (b'{"prompt": "PLANTED-PROMPT"}\n{"prompt": "b"}', [(0, "file")]),
        (b'[{"prompt": "PLANTED-PROMPT", "prompt": "b"}]', [(0, "prompt")]),
        (b'{"prompt": "PLANTED-PROMPT', [(0, "file")]),
        (b'{"prompt": "PLANTED-PROMPT \xe9"}', [(0, "file")]),
        (b'{"prompt": "PLANTED-PROMPT \0"}', [(0, "file")]),
        (b"[" * 100_000, [(0, "file")]),
        (b'{"seed": Infinity}', [(0, "file")]),
        (b" " * ROW_BYTES_MAX + b"{}", [(0, "file")]),
        (b'{"prompt": "a"}' + b" " * (ROW_BYTES_MAX - 15), [(1, "")]),
    ],
)
def test_json_file_is_one_request_or_an_array_of_them(data: bytes, expected: list[tuple[int, str]]) -> None:
    found = read(Form.JSON, data, size=1000)
    assert told(found) == expected
    assert SECRET not in "".join(repr(row) for row in found if isinstance(row, BadRow))


def test_json_file_that_is_too_long_is_not_read_to_its_end() -> None:
    chunks = repeat(b"x" * 65536, 1_000_000)
    assert told(RowReader(Form.JSON, chunks)) == [(0, "file")]
    assert len(list(chunks)) == 1_000_000 - 5


HEADERS: dict[str, tuple[str, str]] = {
    "unknown column": ("model,prompt,colour", 'column 3 "colour" is not known'),
    "column without a name": ("model,prompt,", "column 3 is not known"),
    "prompt in the place of a header": ("qwen-image-max,A PLANTED-PROMPT", 'column 1 "qwen-image-max" is'),
    "prompt first": ("A PLANTED-PROMPT,qwen-image-max", "column 1 is not known"),
    "long name": (f"{'x' * 101},prompt", "column 1 is not known"),
    "column twice": ("model,prompt, Prompt ", 'names the column "prompt" twice'),
    "metadata twice": ("metadata.a,metadata.a", 'names the column "metadata.a" twice'),
    "metadata without a name": ("prompt,metadata.", 'column 2 "metadata." is not known'),
    "part of lora that it has not": ("lora.weight", 'column 1 "lora.weight" is not known'),
    "part of a field without parts": ("prompt.text", 'column 1 "prompt.text" is not known'),
    "lora in two ways": ("lora,lora.scale", 'has "lora" as one column, and parts of it as others'),
    "metadata in two ways": ("metadata.a,metadata", 'has "metadata" as one column, and parts of it'),
    "JSON": ('{"prompt": "PLANTED-PROMPT"}', "column 1 is not known"),
    "unclosed quote": ('model,"prompt', "is not CSV: a quote is not closed"),
    "CR line ends": ("model,prompt\rm,PLANTED-PROMPT\r", "ends in CR alone"),
    "NUL": ("model,prom\0pt", "holds a NUL"),
    "too long": ("metadata." + "x" * 16_384, "is more than 16384 bytes long"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_header_that_is_wrong_is_told_once_and_ends_the_reading(name: str) -> None:
    header, message = HEADERS[name]
    row = bad(read(Form.CSV, f"{header}\nm,PLANTED-PROMPT\nm,p\n", size=1000))
    assert (row.number, row.problem.field) == (0, "header")
    assert row.problem.message.startswith(message)
    assert SECRET not in repr(row)


def test_header_that_is_not_utf8_is_told_so() -> None:
    assert bad(read(Form.CSV, b"prompt,\xff\na,b\n")).problem.message == "is not UTF-8 at byte 8"


def test_unknown_column_is_told_with_those_that_are_known() -> None:
    allowed = bad(read(Form.CSV, "colour\nred\n")).problem.allowed
    assert allowed is not None
    assert {"prompt", "custom_id", "tenant", "lora.scale", "metadata.NAME"} <= set(allowed)


def test_file_of_a_header_alone_is_told_so() -> None:
    for rest in ("", "\n", "\r\n\r\n", "\n,\n , \n"):
        row = bad(read(Form.CSV, "model,prompt" + rest))
        assert (row.number, row.problem.message) == (0, "holds no rows")


def test_every_field_of_a_request_is_a_column() -> None:
    parts = {f"lora.{name}" for name in Lora.model_fields}
    assert set(COLUMNS) == {"custom_id", "tenant", *GenerationRequest.model_fields, *parts}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_is_the_headers(delimiter: str) -> None:
    text = 'prompt|size|"metadata.b"\r\n"a, b; c\td"|16:9|"x"'.replace("|", delimiter)
    expected = {"prompt": "a, b; c\td", "size": "16:9", "metadata": {"b": "x"}}
    assert fields_of(read(Form.CSV, text)) == expected


def test_header_names_may_have_spaces_and_capitals_and_metadata_keeps_its_own() -> None:
    header = "\n Custom_ID , MODEL,Prompt\t,METADATA.Shot; 1, Lora.Weights \n"
    found = read(Form.CSV, header + "id 1,m,p,x,owner/name\n")
    fields = {"model": "m", "prompt": "p", "metadata": {"Shot; 1": "x"}, "lora": {"weights": "owner/name"}}
    assert found == [Row(1, "id 1", fields)]


CELLS: list[tuple[str, str, Any]] = [
    ("prompt", "7", "7"),
    ("prompt", "true", "true"),
    ("prompt", " a ", " a "),
    ("prompt", "[a]", "[a]"),
    ("prompt", 'a "b"\n\U0001f308', 'a "b"\n\U0001f308'),
    ("negative_prompt", "null", "null"),
    ("tenant", "007", "007"),
    ("size", "16:9", "16:9"),
    ("seed", "7", 7),
    ("seed", " 9007199254740991 ", 2**53 - 1),
    ("n", "-1", -1),
    ("n", "2.0", 2.0),
    ("guidance_scale", "2.5", 2.5),
    ("guidance_scale", "1E+1", 10.0),
    ("strict", "TRUE", True),
    ("watermark", "False", False),
    ("prompt_extend", " true ", True),
    ("images", "https://example.com/a,b.png", ["https://example.com/a,b.png"]),
    ("images", ' ["s3://a/b", "data:,"]', ["s3://a/b", "data:,"]),
    ("images", "[]", []),
    ("route", "mulerouter/qwen-image-max", ["mulerouter/qwen-image-max"]),
    ("route", '["a/b", "c/d"]', ["a/b", "c/d"]),
    ("lora", '{"weights": "a/b", "scale": 0.5}', {"weights": "a/b", "scale": 0.5}),
    ("metadata", ' {\n"a": "b"}', {"a": "b"}),
]


@pytest.mark.parametrize(("column", "cell", "value"), CELLS)
def test_cell_is_read_as_its_column_wants_it(column: str, cell: str, value: Any) -> None:
    assert fields_of(read(Form.CSV, f"model,{column}\nm,{quoted(cell)}\n")) == {"model": "m", column: value}


BAD_CELLS: list[tuple[str, str]] = [
    *[("seed", cell) for cell in ("PLANTED-PROMPT", "1,5", "+7", "07", "0x7", "NaN", "1e999", "null", '"7"')],
    *[("seed", cell) for cell in ("[7]", "\u0667", "9" * 5000, "7 8")],
    *[("strict", cell) for cell in ("yes", "WAHR", "tru")],
    *[("images", cell) for cell in ('["PLANTED-PROMPT"', '{"a": "b"}', "[1] x", '[{"a": 1, "a": 2}]')],
    *[("route", cell) for cell in ("[a/b]", '{"a/b"}')],
    *[("lora", cell) for cell in ("owner/PLANTED-PROMPT", "[]", '{"scale": 1', '{"scale": NaN}')],
    *[("metadata", cell) for cell in ("PLANTED-PROMPT", "[1]", "7", "{" * 1000)],
    ("lora.steps", "many"),
    ("custom_id", "a\nPLANTED-PROMPT"),
    ("custom_id", "x" * 129),
]


@pytest.mark.parametrize(("column", "cell"), BAD_CELLS)
def test_cell_that_cannot_be_read_is_named_by_its_column(column: str, cell: str) -> None:
    found = read(Form.CSV, f"prompt,{column}\np,{quoted(cell)}\nq,\n", size=1000)
    assert told(found) == [(1, column), (2, "")]
    assert SECRET not in repr(found[0])


def test_row_with_a_bad_cell_keeps_its_custom_id_wherever_that_stands() -> None:
    assert bad(read(Form.CSV, "seed,custom_id\nx,id-1\n")).custom_id == "id-1"
    assert bad(read(Form.CSV, "seed,custom_id\nx,\n")).custom_id is None


def test_blank_cell_leaves_its_field_out() -> None:
    header = "custom_id,prompt,seed,images,lora.scale,metadata.a,negative_prompt"
    assert read(Form.CSV, f"{header}\n,p,, ,,,\n") == [Row(1, None, {"prompt": "p"})]


@pytest.mark.parametrize(("line", "count"), [("m", 1), ("m,p", 2), ("m,p,7,", 4), ("m,a fox, red,7", 4)])
def test_row_of_too_few_or_too_many_cells_is_refused(line: str, count: int) -> None:
    found = read(Form.CSV, f"model,prompt,seed\n{line}\nm,p,7\n")
    assert told(found) == [(1, "row"), (2, "")]
    assert isinstance(found[0], BadRow)
    assert found[0].problem.message == f"has {count} cells, the header has 3"


def test_csv_counts_rows_as_a_spreadsheet_does_and_skips_blank_ones() -> None:
    found = read(Form.CSV, 'model,prompt\r\nm,p\r\n\r\n,\r\n"","  "\r\nm,"p\r\n\r\nq"\r\nm,p')
    assert told(found) == [(1, ""), (5, ""), (6, "")]


def test_unclosed_quote_costs_one_row() -> None:
    rest = b"m,p\n" * 100_000
    found = read(Form.CSV, b'model,prompt\nm,p\nm,"PLANTED-PROMPT\n' + rest, size=65536)
    assert told(found) == [(1, ""), (2, "row")] + [(number, "") for number in range(3, 100_003)]
    assert SECRET not in repr(found[1])


def test_row_of_csv_is_the_request_that_the_same_row_of_jsonl_is() -> None:
    request = {
        "model": "qwen-image-max", "prompt": 'a "red" fox,\nrunning', "size": "16:9", "n": 2, "seed": 7,
        "watermark": False, "images": ["https://example.com/a.png"], "guidance_scale": 2.5, "strict": True,
        "lora": {"weights": "owner/name", "scale": 0.5}, "route": ["a/b"], "metadata": {"scene": "4"},
    }  # fmt: skip
    cells = [value if isinstance(value, str) else json.dumps(value) for value in request.values()]
    line = ",".join(map(quoted, cells))
    from_csv = fields_of(read(Form.CSV, ",".join(request) + "\n" + line))
    assert from_csv == fields_of(read(Form.JSONL, json.dumps(request))) == request
    assert GenerationRequest.model_validate(from_csv).seed == 7


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
