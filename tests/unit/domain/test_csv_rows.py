"""Batch files of CSV: their headers, their cells, and their rows as a spreadsheet counts them."""

import json
from typing import Any

import pytest

from easel.domain.request import GenerationRequest, Lora
from easel.domain.rows import COLUMNS, BadRow, Form, Row
from tests.unit.domain.row_reading import SECRET, bad, fields_of, read, told


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


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
