"""Widths and heights of BMP and TIFF images, read from their headers.

BMP: the header after the file's own 14 bytes, of 12 bytes (BITMAPCOREHEADER, 16-bit sides) or of at least 16
(BITMAPINFOHEADER and its successors, 32-bit sides; a negative height stands for rows from the top down)
(https://learn.microsoft.com/windows/win32/gdi/bitmap-header-types).
TIFF: tags 256 and 257 of the first image file directory, in either byte order, each SHORT or LONG (TIFF 6.0,
section 2 and page 18).
"""

import struct

from easel.errors import ImageInvalidError

CORE_HEADER_BYTES, HEADER_BYTES_MIN, HEADER_BYTES_MAX = 12, 16, 124  # of a BMP
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # of a TIFF, by its first bytes
WIDTH_TAG, HEIGHT_TAG = 256, 257
SIDE_TYPES = {3: "H", 4: "I"}  # SHORT, LONG
ENTRY_BYTES = 12

Size = tuple[int, int]


def bmp_size(data: bytes) -> Size | None:
    """Width and height in px; None where the bytes end before them. Raises ImageInvalidError."""
    if len(data) < 26:
        return None
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header_bytes == CORE_HEADER_BYTES:
        width, height = struct.unpack_from("<HH", data, 18)
    elif HEADER_BYTES_MIN <= header_bytes <= HEADER_BYTES_MAX:
        width, height = struct.unpack_from("<ii", data, 18)
    else:
        raise ImageInvalidError("is a BMP with an unknown header")
    return width, abs(height)


def tiff_size(data: bytes) -> Size | None:
    """Width and height of the first image in px; None where the bytes end before them, which may lie
    anywhere. Raises ImageInvalidError."""
    order = BYTE_ORDERS[data[:4]]
    sides: dict[int, int] = {}
    try:
        (directory,) = struct.unpack_from(f"{order}I", data, 4)
        (entries,) = struct.unpack_from(f"{order}H", data, directory)
        for number in range(entries):
            at = directory + 2 + number * ENTRY_BYTES
            tag, kind, count = struct.unpack_from(f"{order}HHI", data, at)
            if tag in (WIDTH_TAG, HEIGHT_TAG) and kind in SIDE_TYPES and count == 1:
                (sides[tag],) = struct.unpack_from(f"{order}{SIDE_TYPES[kind]}", data, at + 8)
            if len(sides) == 2:
                return sides[WIDTH_TAG], sides[HEIGHT_TAG]
    except struct.error:
        return None
    raise ImageInvalidError("is a TIFF that does not say its size")
