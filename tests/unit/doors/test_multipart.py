"""Forms with files, as HTTP clients send them."""

from typing import Any

import pytest
from urllib3.filepost import encode_multipart_formdata

from easel.doors.multipart import PARTS_MAX, Part, parts_of
from easel.errors import MalformedRequestError, UnsupportedMediaError
from tests.fakes.pictures import picture

TYPE = 'multipart/form-data; boundary="b"'
AWKWARD = b"\r\n--\r\n\r\n--not-b\r\n\n\r\x00\xff--"


def read(body: bytes, content_type: str = TYPE) -> list[Part]:
    return list(parts_of(content_type, body))


def test_fields_and_files_are_read_in_order_and_byte_for_byte() -> None:
    fields: list[Any] = [
        ("prompt", "ein Bär, 熊"),
        ("image[]", ("bär \" 熊.png", picture(), "image/png")),
        ("image[]", ("b", AWKWARD, "application/octet-stream")),
        ("empty", ""),
    ]  # fmt: skip
    body, content_type = encode_multipart_formdata(fields)
    parts = read(body, content_type)
    assert [part.name for part in parts] == ["prompt", "image[]", "image[]", "empty"]
    assert parts[0].text == "ein Bär, 熊"
    assert [part.data for part in parts[1:]] == [picture(), AWKWARD, b""]


def test_what_stands_around_the_form_and_spaces_after_a_boundary_mean_nothing() -> None:
    body = b'before\r\n--b \t\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\nafter\r\n--b'
    assert read(body) == [Part("a", b"1")]


def test_header_names_are_read_in_any_case_and_name_in_any_place() -> None:
    head = b'content-type: image/png\r\nCONTENT-DISPOSITION: form-data; filename="x"; name=a'
    assert read(b"--b\r\n" + head + b"\r\n\r\n1\r\n--b--") == [Part("a", b"1")]


def test_form_without_fields_has_none() -> None:
    assert read(b"--b--\r\n") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing of the kind",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\n',
        b"--b\r\n\r\n1\r\n--b--",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--',
        b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\n1\r\n--b--',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * (PARTS_MAX + 1) + b"--b--",
    ],
    ids=lambda body: ascii(body[:60]),
)
def test_form_that_is_broken_off_or_nameless_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        read(body)


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=b", "\x00"]
)
def test_body_that_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaError):
        read(b"--b--", content_type)


def test_field_that_is_no_text_is_refused_where_text_is_wanted() -> None:
    with pytest.raises(MalformedRequestError):
        _ = Part("prompt", b"\xff").text
