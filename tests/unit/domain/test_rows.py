"""Batch files of each form: what is read, what is refused and how it is said."""

import json
from itertools import repeat

import pytest

from easel.domain.rows import ROW_BYTES_MAX, BadRow, Form, Row, RowReader, form_of
from tests.unit.domain.row_reading import GOOD, GOOD_READ, SECRET, bad, read, told


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
