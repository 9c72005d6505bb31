"""Input images of edits, as the vendors take them.

JPEG, PNG, BMP, TIFF, WEBP and GIF (its first frame counts), each side 384 to 3072 px, at most 10 MB
(MuleRouter and DashScope, edit models). PNG, JPEG, WebP and GIF are walked to their end; of BMP and TIFF the
header alone is read. What follows after an image's end stays behind: phones put films there, and others put
archives or pages, so that the file is two things at once.
"""

from easel.domain.bitmap_sizes import BYTE_ORDERS, Size, bmp_size, tiff_size
from easel.domain.image_bytes import ImageVerifier
from easel.errors import ImageInvalidError

INPUT_BYTES_MAX = 10 * 1024 * 1024  # 10 MB; that it means 2^20 is our reading
SIDE_MIN, SIDE_MAX = 384, 3072  # px
BMP_START = b"BM"
WALKED_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")
START_BYTES = 64 * 1024  # of a link that are looked at: nearly all photos tell their size in them


def input_image(data: bytes) -> tuple[str, bytes]:
    """The image's type by its bytes, and the image without what follows its end.

    Raises ImageInvalidError, saying what would be taken.
    """
    check_length(len(data))
    bitmap = _bitmap(data)
    if bitmap is None:
        verifier = ImageVerifier(tail_allowed=True)
        verifier.feed(data)
        facts = verifier.finish()
        bitmap = (facts.content_type, (facts.width, facts.height))
        data = data[: len(data) - verifier.tail_bytes]
    content_type, size = bitmap
    if size is None:
        raise ImageInvalidError(f"is an {content_type} that ends before it says its size")
    _check_size(size)
    return content_type, data


def check_start(start: bytes, length: int | None) -> None:
    """What an image's first bytes and its announced length tell; more may be wrong with the rest.

    Raises ImageInvalidError, saying what would be taken.
    """
    if length is not None:
        check_length(length)
    bitmap = _bitmap(start)
    if bitmap is None:
        verifier = ImageVerifier(tail_allowed=True)
        verifier.feed(start)
        size = (verifier.width, verifier.height) if verifier.width else None
    else:
        _, size = bitmap
    if size is not None:
        _check_size(size)


def _bitmap(data: bytes) -> tuple[str, Size | None] | None:
    """Type and size of a BMP or TIFF; None for an image that is walked. Raises ImageInvalidError."""
    if data.startswith(BMP_START):
        return "image/bmp", bmp_size(data)
    if data.startswith(tuple(BYTE_ORDERS)):
        return "image/tiff", tiff_size(data)
    if not data.startswith(WALKED_STARTS):
        raise ImageInvalidError("is no PNG, JPEG, WebP, GIF, BMP or TIFF image")
    return None


def check_length(length: int) -> None:
    """Raises ImageInvalidError for more bytes than an input image may have."""
    if length > INPUT_BYTES_MAX:
        raise ImageInvalidError(f"has {length} bytes, at most {INPUT_BYTES_MAX} are taken")


def _check_size(size: Size) -> None:
    width, height = size
    if not (SIDE_MIN <= width <= SIDE_MAX and SIDE_MIN <= height <= SIDE_MAX):
        raise ImageInvalidError(f"is {width} x {height} px, sides of {SIDE_MIN} to {SIDE_MAX} are taken")
