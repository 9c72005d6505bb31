"""Input images: what the vendors of edits take."""

import io

import pytest
from PIL import Image

from easel.domain.input_images import START_BYTES, check_start, input_image
from easel.domain.uploads import upload_key
from easel.errors import ImageInvalidError
from tests.fakes.pictures import FORMATS, content_type, picture


@pytest.mark.parametrize("kind", FORMATS)
def test_type_is_told_by_the_bytes(kind: str) -> None:
    assert input_image(picture(kind, 384, 400))[0] == content_type(kind)


def bitmap(form: str, width: int, height: int) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (width, height)).save(held, form)
    return held.getvalue()


@pytest.mark.parametrize(("form", "expected"), [("BMP", "image/bmp"), ("TIFF", "image/tiff")])
def test_bmp_and_tiff_are_taken_too(form: str, expected: str) -> None:
    assert input_image(bitmap(form, 384, 3072))[0] == expected


@pytest.mark.parametrize("form", ["BMP", "TIFF"])
@pytest.mark.parametrize("size", [(383, 384), (384, 3073)])
def test_bmp_and_tiff_of_a_side_out_of_range_are_refused(form: str, size: tuple[int, int]) -> None:
    with pytest.raises(ImageInvalidError, match=f"{size[0]} x {size[1]} px.*384 to 3072"):
        input_image(bitmap(form, *size))


@pytest.mark.parametrize("data", [b"BM", bitmap("BMP", 400, 400)[:20], b"II*\0\xff\xff\xff\xff"])
def test_bmp_or_tiff_that_does_not_come_to_its_size_is_refused(data: bytes) -> None:
    with pytest.raises(ImageInvalidError, match="ends before"):
        input_image(data)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("tail", [b"MPF and a film", b"PK\x03\x04 an archive", b"<script>a page</script>"])
def test_what_follows_an_images_end_stays_behind(kind: str, tail: bytes) -> None:
    image = picture(kind, 400, 400)
    assert input_image(image + tail) == (content_type(kind), image)


@pytest.mark.parametrize("size", [(383, 384), (384, 383), (3073, 384), (384, 3073), (1, 1)])
def test_side_out_of_range_is_refused_and_told(size: tuple[int, int]) -> None:
    with pytest.raises(ImageInvalidError, match=f"{size[0]} x {size[1]} px.*384 to 3072"):
        input_image(picture("gif", *size))


@pytest.mark.parametrize("size", [(384, 384), (3072, 384), (384, 3072)])
def test_side_at_the_limit_is_taken(size: tuple[int, int]) -> None:
    assert input_image(picture("gif", *size))[0] == "image/gif"


def test_image_of_too_many_bytes_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(ImageInvalidError, match="at most 10485760"):
        input_image(b"BM" + bytes(10 * 1024 * 1024))


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"GIF"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ImageInvalidError):
        input_image(data)


def test_broken_image_is_refused_before_a_vendor_sees_it() -> None:
    with pytest.raises(ImageInvalidError):
        input_image(picture("png", 384, 384)[:-20])


LARGE = picture("png", 1500, 1500, compress_level=0)  # seven megabytes


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("size", [(383, 400), (400, 3073)])
def test_beginning_of_an_image_tells_a_side_out_of_range(kind: str, size: tuple[int, int]) -> None:
    with pytest.raises(ImageInvalidError, match=f"{size[0]} x {size[1]} px"):
        check_start(picture(kind, *size)[:1000], None)


@pytest.mark.parametrize("kind", FORMATS)
def test_beginning_of_a_good_image_is_right_however_short(kind: str) -> None:
    whole = picture(kind, 400, 400)
    for length in (4, 10, 30, 1000, len(whole)):
        check_start(whole[:length], len(whole))


def test_beginning_of_a_large_image_is_right() -> None:
    check_start(LARGE[:START_BYTES], len(LARGE))
    check_start(bitmap("TIFF", 1000, 1000)[:START_BYTES], None)


@pytest.mark.parametrize("start", [b"", b"<!doctype html>", b"%PDF-1.7"])
def test_beginning_of_anything_else_is_refused(start: bytes) -> None:
    with pytest.raises(ImageInvalidError, match="is no PNG, JPEG, WebP, GIF, BMP or TIFF image"):
        check_start(start, None)


def test_announced_length_is_held_against_the_limit() -> None:
    start = picture("png", 400, 400)[:100]
    check_start(start, 10485760)
    with pytest.raises(ImageInvalidError, match="has 10485761 bytes, at most 10485760"):
        check_start(start, 10485761)


def test_no_two_tenants_and_ids_have_the_same_place() -> None:
    pairs = [("a", "b/c"), ("a/b", "c"), ("a%2Fb", "c"), ("..", "c"), ("a", "c"), ("A", "c")]
    assert len({upload_key(*pair) for pair in pairs}) == len(pairs)
    assert upload_key("shop_1-x", "upl_1") == "uploads/shop_1-x/upl_1"
    assert upload_key("shop/../other", "upl_1").count("/") == 2
