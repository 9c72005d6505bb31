"""Real pictures of every format, drawn by Pillow."""

import io
from typing import Any

from PIL import Image

FORMATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "png": ("PNG", "image/png", {}),
    "jpeg": ("JPEG", "image/jpeg", {}),
    "progressive jpeg": ("JPEG", "image/jpeg", {"progressive": True}),
    "webp": ("WEBP", "image/webp", {}),
    "lossless webp": ("WEBP", "image/webp", {"lossless": True}),
    "webp with metadata": ("WEBP", "image/webp", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}),
    "gif": ("GIF", "image/gif", {}),
}

RAMP = bytes(range(251))  # a prime, so that no two rows are alike


def picture(kind: str = "png", width: int = 64, height: int = 48, **options: Any) -> bytes:
    """A picture of a slanted ramp of colours, so that it does not compress to nothing."""
    form, _, settings = FORMATS[kind]
    length = width * height * 3
    drawn = Image.frombytes("RGB", (width, height), (RAMP * (length // len(RAMP) + 1))[:length])
    held = io.BytesIO()
    drawn.save(held, form, **{**settings, **options})
    return held.getvalue()


def content_type(kind: str) -> str:
    """The media type of a kind of picture."""
    return FORMATS[kind][1]
