"""Input images of edits: small ones go inside the request, larger ones are uploaded first."""

import base64
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from easel_client.answers import Image, needed
from easel_client.errors import ImageError, InputError
from easel_client.transport import CONNECT_SECONDS, Call, Transport, pool_for

if TYPE_CHECKING:
    import urllib3

InputImage = str | Path | bytes | Image
UPLOAD = "upload:"
LINKS = ("https://", "http://", "data:", UPLOAD, "s3://")
BYTES_MAX = 10 * 2**20
INLINE_BYTES_MAX = 256 * 1024  # a request may have 6 MB, with three images in base64
UPLOAD_SECONDS = 60.0  # of silence
TRIES_MAX = 3
WEBP = slice(8, 12)
STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)


def references(transport: Transport, images: InputImage | Iterable[InputImage]) -> list[str]:
    """One image, or each of several, as a request names it: links as they are, files and bytes as data
    URLs or uploads.

    Raises InputError for what is no picture, ImageError where an upload fails, and what a call may.
    """
    # All are read before one is uploaded: a misspelled name costs nothing.
    given = [images] if isinstance(images, InputImage) else images
    read = [_link_or_bytes(image, number) for number, image in enumerate(given, 1)]
    return [one if isinstance(one, str) else _reference(transport, *one) for one in read]


def _link_or_bytes(image: InputImage, number: int) -> str | tuple[bytes, str]:
    if isinstance(image, Image):
        return image.s3_uri
    if isinstance(image, str) and image.startswith(LINKS):
        return image
    if not isinstance(image, InputImage):
        raise InputError(f"Image {number} is neither a path, bytes, a link nor an image of a generation.")
    name = f"image {number}" if isinstance(image, bytes) else str(image)
    try:
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.") from error
    content_type = next((kind for start, kind in STARTS if data.startswith(start)), None)
    if data.startswith(b"RIFF") and data[WEBP] == b"WEBP":
        content_type = "image/webp"
    if len(data) > BYTES_MAX:
        raise InputError(f"{name} has {len(data) / 2**20:.1f} MB.", "10 MB are taken.")
    if content_type is None:
        raise InputError(f"{name} is no picture.", "PNG, JPEG, WebP, GIF, BMP and TIFF are taken.")
    return data, content_type


def _reference(transport: Transport, data: bytes, content_type: str) -> str:
    if len(data) <= INLINE_BYTES_MAX:
        return f"data:{content_type};base64,{base64.b64encode(data).decode()}"
    announced = {"content_type": content_type, "bytes": len(data)}
    offer = needed(transport.ask(Call("POST", "/v1/uploads", body=announced)).body, "id", "url", "fields")
    # S3's form wants the file after all other fields.
    form: dict[str, Any] = {**offer["fields"], "file": ("image", data, content_type)}
    _put(lambda pool, timeout: pool.request(
        "POST", offer["url"], fields=form, timeout=timeout, retries=False, redirect=False
    ), offer["url"])  # fmt: skip
    return f"{UPLOAD}{offer['id']}"


def _put(post: Callable[..., "urllib3.BaseHTTPResponse"], url: str) -> None:
    """The upload, which may be repeated: the form writes the same object."""
    import urllib3

    why, pool = "", pool_for(url)
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=UPLOAD_SECONDS)
    for _ in range(TRIES_MAX):
        try:
            status = post(pool, timeout).status
        except urllib3.exceptions.HTTPError:
            why = "no answer came"
            continue
        if status < 300:
            return
        why = f"the answer was {status}"
        if status < 500:
            break
    raise ImageError(f"An image cannot be uploaded: {why}.", "Try again.")
