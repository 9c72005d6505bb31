"""Verification of image bytes while they pass: type by the bytes, dimensions, structure to the very end.

A type is read from the first bytes, never from a name or header. PNG is walked chunk by chunk to IEND,
each with its CRC (PNG 3rd edition, 5.3); JPEG marker by marker to EOI (ITU-T T.81, annex B); WebP by its
RIFF length (RFC 9649); GIF block by block to its trailer (GIF89a). After the end only zero bytes may
follow. Memory is constant: nothing but the current chunk and a header's few bytes is held.
"""

import hashlib
import re
import zlib
from collections.abc import Generator
from typing import NamedTuple

from easel.errors import ImageInvalidError

Steps = Generator[None, None, None]
SIDE_MAX = 16384  # px; no vendor draws more than 2048, and a header beyond this is a lie or a bomb
JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in a scan, FF00 and RSTn are data
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


class ImageFacts(NamedTuple):
    """What the bytes themselves say. `bytes` is the length; `sha256` is in hexadecimal."""

    content_type: str
    width: int
    height: int
    bytes: int
    sha256: str

    @property
    def extension(self) -> str:
        """The file name's ending that fits the type."""
        return EXTENSIONS[self.content_type]


class _Window:
    """The bytes that have come and were not looked at yet. Each wait for more is one `yield`.

    `at` is how far the chunk in `data` was looked at: cutting the rest off at every step would copy it
    each time, and an image of a million tiny blocks would take hours.
    """

    def __init__(self) -> None:
        self.data = b""
        self.at = 0
        self.crc = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def rest(self) -> bytes:
        return self.data[self.at :]

    def feed(self, chunk: bytes) -> None:
        self.data = self.rest() + chunk if self.left else chunk
        self.at = 0

    def take(self, count: int) -> Generator[None, None, bytes]:
        while self.left < count:
            yield
        head = self.data[self.at : self.at + count]
        self.at += count
        self.crc = zlib.crc32(head, self.crc)
        return head

    def skip(self, count: int) -> Steps:
        while count:
            while not self.left:
                yield
            step = min(count, self.left)
            self.crc = zlib.crc32(memoryview(self.data)[self.at : self.at + step], self.crc)
            self.at += step
            count -= step


class ImageVerifier:
    """Feed it every chunk, then call `finish`. Raises ImageInvalidError as soon as the bytes are wrong."""

    def __init__(self, *, tail_allowed: bool = False) -> None:
        self._tail_allowed = tail_allowed
        self._window = _Window()
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._complete = False
        self.content_type = ""
        self.width = self.height = 0
        self.tail_bytes = 0  # that have come after the image's end
        self._steps = self._walk()
        next(self._steps)

    def feed(self, chunk: bytes) -> None:
        """The next bytes, in any portions."""
        self._hash.update(chunk)
        self._bytes += len(chunk)
        if self._complete:
            self.tail_bytes += len(chunk)
            self._only_padding(chunk)
            return
        self._window.feed(chunk)
        try:
            next(self._steps)
        except StopIteration:
            self._complete, self.tail_bytes = True, self._window.left
            self._only_padding(self._window.rest())

    def finish(self) -> ImageFacts:
        """The facts, once the image was complete."""
        if not self.content_type:
            raise ImageInvalidError("the bytes are no PNG, JPEG, WebP or GIF image")
        if not self._complete:
            raise ImageInvalidError(f"the {self.content_type} ends after {self._bytes} bytes, before its end")
        return ImageFacts(self.content_type, self.width, self.height, self._bytes, self._hash.hexdigest())

    def _only_padding(self, rest: bytes) -> None:
        if rest.strip(b"\0") and not self._tail_allowed:
            raise ImageInvalidError(f"bytes follow after the end of the {self.content_type}")

    def _dimensions(self, width: int, height: int) -> None:
        if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
            raise ImageInvalidError(f"{width} x {height} pixels is not a size that is kept")
        self.width, self.height = width, height

    def _must_be_drawn(self, drawn: bool) -> None:
        """A header and an end with nothing in between are well-formed, and no image."""
        if not drawn:
            raise ImageInvalidError(f"the {self.content_type} has no image in it")

    def _walk(self) -> Steps:
        yield
        head = yield from self._window.take(4)
        if head == b"\x89PNG":
            yield from self._png()
        elif head[:3] == b"\xff\xd8\xff":
            yield from self._jpeg(head[3])
        elif head == b"RIFF":
            yield from self._webp()
        elif head == b"GIF8":
            yield from self._gif()
        else:
            raise ImageInvalidError("the bytes are no PNG, JPEG, WebP or GIF image")

    def _png(self) -> Steps:
        window = self._window
        if (yield from window.take(4)) != b"\r\n\x1a\n":
            raise ImageInvalidError("the PNG signature is damaged")
        self.content_type = "image/png"
        kind, drawn = b"", False
        while kind != b"IEND":
            length = int.from_bytes((yield from window.take(4)), "big")
            window.crc = 0
            kind = yield from window.take(4)
            if not self.width:
                if kind != b"IHDR" or length != 13:
                    raise ImageInvalidError("the PNG does not begin with its header")
                header = yield from window.take(13)
                self._dimensions(int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"))
            else:
                yield from window.skip(length)
            drawn = drawn or kind == b"IDAT"
            expected = window.crc
            if int.from_bytes((yield from window.take(4)), "big") != expected:
                raise ImageInvalidError(f"the PNG's {kind.decode('ascii', 'replace')} chunk is damaged")
        self._must_be_drawn(drawn)

    def _jpeg(self, marker: int) -> Steps:
        window = self._window
        self.content_type = "image/jpeg"
        drawn = False
        while marker != 0xD9:
            length = int.from_bytes((yield from window.take(2)), "big") - 2
            if length < 0:
                raise ImageInvalidError("a JPEG segment's length is wrong")
            if marker in JPEG_FRAMES and length >= 5:
                frame = yield from window.take(5)
                self._dimensions(int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big"))
                length -= 5
            yield from window.skip(length)
            if marker == 0xDA:
                drawn = self.width > 0
                yield from self._to_marker()
            marker = yield from self._marker()
        self._must_be_drawn(drawn)

    def _to_marker(self) -> Steps:
        """Through the entropy-coded data of a scan, up to the next real marker."""
        window = self._window
        while not (match := JPEG_MARKER.search(window.data, window.at)):
            # A marker's first byte may be the chunk's last.
            window.at = max(window.at, len(window.data) - window.data.endswith(b"\xff"))
            yield
        window.at = match.start()

    def _marker(self) -> Generator[None, None, int]:
        if (yield from self._window.take(1)) != b"\xff":
            raise ImageInvalidError("a JPEG marker is missing")
        while (code := (yield from self._window.take(1))) == b"\xff":
            pass
        return code[0]

    def _webp(self) -> Steps:
        window = self._window
        length = int.from_bytes((yield from window.take(4)), "little")
        head = yield from window.take(8)
        if head[:4] != b"WEBP" or length < 22:
            raise ImageInvalidError("the RIFF file is no WebP image")
        self.content_type = "image/webp"
        # 4 bytes of chunk length, then the start of the chunk that tells the size.
        start = yield from window.take(14)
        payload = start[4:]
        if head[4:] == b"VP8X":
            width = int.from_bytes(payload[4:7], "little") + 1
            height = int.from_bytes(payload[7:10], "little") + 1
        elif head[4:] == b"VP8L" and payload[0] == 0x2F:
            bits = int.from_bytes(payload[1:5], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif head[4:] == b"VP8 " and payload[3:6] == b"\x9d\x01\x2a":
            width = int.from_bytes(payload[6:8], "little") & 0x3FFF
            height = int.from_bytes(payload[8:10], "little") & 0x3FFF
        else:
            raise ImageInvalidError("the WebP image has no known first chunk")
        self._dimensions(width, height)
        yield from window.skip(length - 22)

    def _gif(self) -> Steps:
        window = self._window
        head = yield from window.take(9)
        if head[:2] not in (b"7a", b"9a"):
            raise ImageInvalidError("the GIF's version is unknown")
        self.content_type = "image/gif"
        self._dimensions(int.from_bytes(head[2:4], "little"), int.from_bytes(head[4:6], "little"))
        yield from self._color_table(head[6])
        drawn = False
        while (kind := (yield from window.take(1))) != b";":
            if kind == b",":
                descriptor = yield from window.take(9)
                yield from self._color_table(descriptor[8])
                yield from window.skip(1)
                drawn = True
            elif kind == b"!":
                yield from window.skip(1)
            else:
                raise ImageInvalidError("the GIF has an unknown block")
            while size := (yield from window.take(1))[0]:
                yield from window.skip(size)
        self._must_be_drawn(drawn)

    def _color_table(self, flags: int) -> Steps:
        if flags & 0x80:
            yield from self._window.skip(3 << ((flags & 7) + 1))


def verify(data: bytes, *, tail_allowed: bool = False) -> ImageFacts:
    """Verify an image that is in memory already."""
    verifier = ImageVerifier(tail_allowed=tail_allowed)
    verifier.feed(data)
    return verifier.finish()
