"""Verification of image bytes: whole images of every format pass, everything else is refused."""

import hashlib
import io
import itertools
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from easel.domain.image_bytes import ImageFacts, ImageVerifier, verify
from easel.errors import ImageInvalidError
from tests.fakes.pictures import FORMATS, content_type, picture

PICTURES = {kind: picture(kind) for kind in FORMATS}
SMALL = {kind: picture(kind, 9, 7) for kind in FORMATS}
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


def in_chunks(chunks: Iterator[bytes]) -> ImageFacts:
    verifier = ImageVerifier()
    for chunk in chunks:
        verifier.feed(chunk)
    return verifier.finish()


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def header(width: int, height: int) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">II", width, height) + b"\x08\x02\0\0\0")


DATA, END = png_chunk(b"IDAT", zlib.compress(b"\0" * 40)), png_chunk(b"IEND")


@pytest.mark.parametrize("kind", FORMATS)
def test_facts_of_a_whole_picture_are_those_of_its_bytes(kind: str) -> None:
    data = PICTURES[kind]
    facts = verify(data)
    assert facts == ImageFacts(content_type(kind), 64, 48, len(data), hashlib.sha256(data).hexdigest())
    assert facts.extension == EXTENSIONS[facts.content_type]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (301, 299)])
def test_dimensions_are_read_from_the_bytes_of_every_format(kind: str, size: tuple[int, int]) -> None:
    facts = verify(picture(kind, *size))
    assert (facts.width, facts.height) == size


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_pictures_of_every_colour_mode_pass(form: str, mode: str) -> None:
    held = io.BytesIO()
    Image.new(mode, (5, 4)).save(held, form)
    assert (verify(held.getvalue()).width, verify(held.getvalue()).height) == (5, 4)


def test_animated_gif_and_interlaced_png_pass() -> None:
    frames = [Image.new("P", (6, 5), colour) for colour in (1, 2, 3)]
    held = io.BytesIO()
    frames[0].save(held, "GIF", save_all=True, append_images=frames[1:])
    assert verify(held.getvalue()).width == 6
    assert verify(png(header(4, 3), png_chunk(b"tEXt", b"Title\0x"), DATA, DATA, END)).height == 3


@pytest.mark.parametrize("kind", FORMATS)
def test_one_byte_at_a_time_gives_the_same_facts(kind: str) -> None:
    data = PICTURES[kind]
    assert in_chunks(data[at : at + 1] for at in range(len(data))) == verify(data)


@given(kind=st.sampled_from(sorted(FORMATS)), cuts=st.lists(st.integers(0, 20_000), max_size=12))
def test_any_chunking_gives_the_same_facts(kind: str, cuts: list[int]) -> None:
    data = PICTURES[kind]
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = (data[low:high] for low, high in itertools.pairwise(edges))
    assert in_chunks(pieces) == verify(data)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_truncation_is_refused(kind: str) -> None:
    data = SMALL[kind]
    # A WebP of odd length is followed by a zero byte that pads its RIFF file.
    whole = len(data.rstrip(b"\0")) if "webp" in kind else len(data)
    for length in range(whole):
        with pytest.raises(ImageInvalidError):
            verify(data[:length])


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_single_byte_corruption_of_a_png_is_refused(flip: int) -> None:
    data = SMALL["png"]
    for at in range(len(data)):
        spoiled = bytearray(data)
        spoiled[at] ^= flip
        with pytest.raises(ImageInvalidError):
            verify(bytes(spoiled))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("tail", [b"x", b"\0\0x", b"<?php", b"PK\x03\x04"])
def test_bytes_after_the_end_are_refused(kind: str, tail: bytes) -> None:
    with pytest.raises(ImageInvalidError, match="follow after the end"):
        verify(PICTURES[kind] + tail)


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_after_the_end_are_refused_when_they_come_late(kind: str) -> None:
    with pytest.raises(ImageInvalidError, match="follow after the end"):
        in_chunks(iter([PICTURES[kind], b"\0" * 10, b"late"]))


@pytest.mark.parametrize("kind", FORMATS)
def test_zero_bytes_after_the_end_are_padding_and_count_as_bytes(kind: str) -> None:
    facts = in_chunks(iter([PICTURES[kind], b"\0" * 100]))
    assert facts.bytes == len(PICTURES[kind]) + 100


@pytest.mark.parametrize("first", sorted(FORMATS))
@pytest.mark.parametrize("second", ["png", "jpeg", "webp", "gif"])
def test_two_pictures_in_one_file_are_refused(first: str, second: str) -> None:
    with pytest.raises(ImageInvalidError):
        verify(PICTURES[first] + PICTURES[second])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\x89PN",
        b"<html>Access denied</html>",
        b'{"code":"NoSuchKey"}',
        b"<svg/>",
        b"BM" + bytes(60),
        b"%PDF-1.7\n",
        b"MZ" + bytes(60),
        b"RIFF\x24\0\0\0WAVEfmt " + bytes(30),
        b"\0\0\0\x20ftypavif" + bytes(30),
        b"GIF80a" + bytes(30),
        b"\x89PNG\n\n\n\n" + bytes(30),
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ImageInvalidError):
        verify(data)


@given(
    data=st.binary(max_size=300),
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a"]),
)
def test_random_bytes_are_refused_and_never_crash(data: bytes, start: bytes) -> None:
    with pytest.raises(ImageInvalidError):
        verify(start + data)


@given(kind=st.sampled_from(sorted(FORMATS)), at=st.integers(0, 20_000), value=st.integers(0, 255))
def test_corrupted_picture_is_refused_or_read_and_never_crashes(kind: str, at: int, value: int) -> None:
    data = bytearray(PICTURES[kind])
    data[at % len(data)] = value
    try:
        facts = verify(bytes(data))
    except ImageInvalidError:
        return
    assert facts.bytes == len(data)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (16385, 1), (1, 16385), (2**31, 2**31), (2**32 - 1, 1)])
def test_impossible_dimensions_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageInvalidError, match="not a size that is kept"):
        verify(png(header(*size), DATA, END))


def test_impossible_dimensions_are_refused_before_the_rest_is_read() -> None:
    verifier = ImageVerifier()
    with pytest.raises(ImageInvalidError, match="not a size that is kept"):
        verifier.feed(png(header(40000, 40000)))


def test_largest_side_is_kept() -> None:
    assert verify(png(header(16384, 16384), DATA, END)).width == 16384


@pytest.mark.parametrize(
    "data",
    [
        png(DATA, header(4, 3), END),
        png(png_chunk(b"IHDR", b"\0" * 12), DATA, END),
        png(png_chunk(b"IHDR", b"\0\0\0\4\0\0\0\3" + b"\x08\x02\0\0\0x"), DATA, END),
        png(END),
    ],
    ids=["header not first", "header too short", "header too long", "no header"],
)
def test_png_without_a_proper_header_is_refused(data: bytes) -> None:
    with pytest.raises(ImageInvalidError):
        verify(data)


@pytest.mark.parametrize(
    "data",
    [
        png(header(4, 3), END),
        b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x03\x00\x04\x01\x01\x11\x00\xff\xd9",
        b"\xff\xd8\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\x34\xff\xd9",
        b"GIF89a\x04\x00\x03\x00\x00\x00\x00;",
        b"GIF89a\x04\x00\x03\x00\x00\x00\x00!\xfe\x02hi\x00;",
    ],
    ids=["png", "jpeg without a scan", "jpeg without a frame", "gif", "gif with a comment"],
)
def test_file_with_a_header_and_no_picture_in_it_is_refused(data: bytes) -> None:
    with pytest.raises(ImageInvalidError, match="no image in it"):
        verify(data)


def test_length_that_lies_beyond_the_file_is_refused() -> None:
    lying = png(header(4, 3), struct.pack(">I", 2**31) + b"IDAT" + b"x" * 100, END)
    with pytest.raises(ImageInvalidError, match="before its end"):
        verify(lying)
    webp = bytearray(PICTURES["webp"])
    webp[4:8] = struct.pack("<I", len(webp) * 2)
    with pytest.raises(ImageInvalidError, match="before its end"):
        verify(bytes(webp))


def test_jpeg_with_a_thumbnail_inside_ends_at_its_own_end() -> None:
    data = PICTURES["jpeg"]
    thumbnail = picture("jpeg", 8, 8)
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    facts = verify(data[:2] + segment + data[2:])
    assert (facts.width, facts.height) == (64, 48)


def test_marker_split_between_two_chunks_is_found() -> None:
    data = PICTURES["jpeg"]
    end = data.rindex(b"\xff\xd9")
    assert in_chunks(iter([data[: end + 1], data[end + 1 :]])) == verify(data)


def test_picture_of_very_many_tiny_blocks_is_verified_in_time_that_grows_with_its_length() -> None:
    gif = PICTURES["gif"]
    blocks = b"!\xfe" + b"\x01x" * 100_000 + b"\0;"
    started = time.monotonic()
    facts = verify(gif[:-1] + blocks)
    verify(gif[:-1] + b"!\xfe" + b"\xff" * 256 * 40_000 + b"\0;")
    assert facts.content_type == "image/gif"
    assert time.monotonic() - started < 5  # copying the rest at each block would take minutes


def test_memory_stays_constant_however_long_the_picture_is() -> None:
    verifier = ImageVerifier()
    chunk = b"x" * 65536
    verifier.feed(png(header(4, 3)) + struct.pack(">I", 50_000_000) + b"IDAT")
    tracemalloc.start()
    try:
        for _ in range(100):
            verifier.feed(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(chunk)
