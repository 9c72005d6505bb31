"""Widths and heights in the headers of BMP and TIFF images, as Pillow writes them and as others do."""

import io
import struct

import pytest
from PIL import Image

from easel.domain.bitmap_sizes import bmp_size, tiff_size
from easel.errors import ImageInvalidError


def drawn(form: str, width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    held = io.BytesIO()
    Image.new(mode, (width, height)).save(held, form, **options)
    return held.getvalue()


def bmp(header: bytes) -> bytes:
    return b"BM" + bytes(12) + header + bytes(20)


def tiff(order: str, *entries: tuple[int, int, int], at: int = 8) -> bytes:
    """Tag, type and value of each entry, in a directory that begins at an offset."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", at) + bytes(at - 8)
    values = {3: "HH", 4: "I"}
    rows = [
        struct.pack(f"{order}HHI{values[kind]}", tag, kind, 1, *((value, 0) if kind == 3 else (value,)))
        for tag, kind, value in entries
    ]
    return start + struct.pack(f"{order}H", len(rows)) + b"".join(rows) + bytes(4)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
def test_size_of_a_bmp_is_in_its_header(mode: str) -> None:
    assert bmp_size(drawn("BMP", 501, 402, mode)) == (501, 402)


def test_bmp_from_the_top_down_has_a_negative_height() -> None:
    assert bmp_size(bmp(struct.pack("<Iii", 40, 500, -400))) == (500, 400)


def test_old_bmp_has_sides_of_16_bits() -> None:
    assert bmp_size(bmp(struct.pack("<IHH", 12, 65535, 400))) == (65535, 400)


@pytest.mark.parametrize("header_bytes", [0, 11, 13, 125, 2**32 - 1])
def test_bmp_of_an_unknown_header_is_refused(header_bytes: int) -> None:
    with pytest.raises(ImageInvalidError, match="header"):
        bmp_size(bmp(struct.pack("<Iii", header_bytes, 500, 400)))


def test_bmp_that_ends_before_its_size_tells_none() -> None:
    whole = drawn("BMP", 501, 402)
    assert [bmp_size(whole[:length]) for length in (2, 14, 25)] == [None] * 3
    assert bmp_size(whole[:26]) == (501, 402)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_size_of_a_tiff_is_in_its_first_directory(compression: str) -> None:
    assert tiff_size(drawn("TIFF", 501, 402, compression=compression)) == (501, 402)


def test_tiff_of_several_pages_has_the_size_of_the_first() -> None:
    more = [Image.new("RGB", (700, 600))]
    assert tiff_size(drawn("TIFF", 501, 402, save_all=True, append_images=more)) == (501, 402)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_tiff_is_read_in_either_byte_order_and_either_type(order: str, kind: int) -> None:
    other = (254, 4, 0)
    assert tiff_size(tiff(order, other, (256, kind, 501), (257, kind, 402), at=100)) == (501, 402)


def test_tiff_whose_directory_lies_beyond_the_bytes_tells_none() -> None:
    whole = tiff("<", (256, 3, 501), (257, 3, 402), at=1000)
    assert [tiff_size(whole[:length]) for length in (4, 8, 1000, 1002, 1013)] == [None] * 5
    assert tiff_size(struct.pack("<4sI", b"II*\0", 2**32 - 1)) is None


@pytest.mark.parametrize("entries", [(), ((256, 3, 501),), ((257, 3, 402), (258, 3, 8))])
def test_tiff_without_a_size_is_refused(entries: tuple[tuple[int, int, int], ...]) -> None:
    with pytest.raises(ImageInvalidError, match="size"):
        tiff_size(tiff("<", *entries))
