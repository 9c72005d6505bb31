"""Input images: what the vendors of edits take."""

import io

import pytest
from PIL import Image

from easel.domain.input_images import check_input_image
from easel.errors import ImageInvalidError
from tests.fakes.pictures import FORMATS, content_type, picture


@pytest.mark.parametrize("kind", FORMATS)
def test_type_is_told_by_the_bytes(kind: str) -> None:
    assert check_input_image(picture(kind, 384, 400)) == content_type(kind)


@pytest.mark.parametrize(("form", "expected"), [("BMP", "image/bmp"), ("TIFF", "image/tiff")])
def test_bmp_and_tiff_are_taken_by_their_first_bytes(form: str, expected: str) -> None:
    held = io.BytesIO()
    Image.new("RGB", (400, 400)).save(held, form)
    assert check_input_image(held.getvalue()) == expected


@pytest.mark.parametrize("size", [(383, 384), (384, 383), (3073, 384), (384, 3073), (1, 1)])
def test_side_out_of_range_is_refused_and_told(size: tuple[int, int]) -> None:
    with pytest.raises(ImageInvalidError, match=f"{size[0]} x {size[1]} px.*384 to 3072"):
        check_input_image(picture("gif", *size))


@pytest.mark.parametrize("size", [(384, 384), (3072, 384), (384, 3072)])
def test_side_at_the_limit_is_taken(size: tuple[int, int]) -> None:
    assert check_input_image(picture("gif", *size)) == "image/gif"


def test_image_of_too_many_bytes_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(ImageInvalidError, match="at most 10485760"):
        check_input_image(b"BM" + bytes(10 * 1024 * 1024))


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"GIF"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ImageInvalidError):
        check_input_image(data)


def test_broken_image_is_refused_before_a_vendor_sees_it() -> None:
    with pytest.raises(ImageInvalidError):
        check_input_image(picture("png", 384, 384)[:-20])
