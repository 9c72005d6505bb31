"""Input images of edits, as the vendors take them.

JPEG, PNG, BMP, TIFF, WEBP and GIF, each side 384 to 3072 px, at most 10 MB (MuleRouter and DashScope,
edit models). BMP and TIFF are recognised by their first bytes; the vendor reads their dimensions.
"""

from easel.domain.image_bytes import verify
from easel.errors import ImageInvalidError

INPUT_BYTES_MAX = 10 * 1024 * 1024
SIDE_MIN, SIDE_MAX = 384, 3072
BY_FIRST_BYTES = {b"BM": "image/bmp", b"II*\0": "image/tiff", b"MM\0*": "image/tiff"}


def check_input_image(data: bytes) -> str:
    """The image's type by its bytes. Raises ImageInvalidError, saying what would be taken."""
    if len(data) > INPUT_BYTES_MAX:
        raise ImageInvalidError(f"has {len(data)} bytes, at most {INPUT_BYTES_MAX} are taken")
    for first_bytes, content_type in BY_FIRST_BYTES.items():
        if data.startswith(first_bytes):
            return content_type
    facts = verify(data)
    if not (SIDE_MIN <= facts.width <= SIDE_MAX and SIDE_MIN <= facts.height <= SIDE_MAX):
        raise ImageInvalidError(
            f"is {facts.width} x {facts.height} px, sides of {SIDE_MIN} to {SIDE_MAX} are taken"
        )
    return facts.content_type
