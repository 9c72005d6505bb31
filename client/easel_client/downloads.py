"""Loading what Easel's signed links lead to, checked against what was announced. No key is sent."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from easel_client.errors import ImageError
from easel_client.transport import CONNECT_SECONDS, pool_for

if TYPE_CHECKING:
    from easel_client.answers import Image

READ_SECONDS = 30.0  # of silence
TRIES_MAX = 3
DIED = frozenset(
    {400, 401, 403, 404, 410}
)  # what S3 says to a link that is over: 403, or 400 to a stale token
FILE_BYTES_MAX = 1_000_000_000  # of a batch's results


class Downloads:
    """Loads over one set of connections."""

    def __init__(self) -> None:
        self._pool: Any = None

    def image(self, image: "Image", renewed: Callable[[], str]) -> bytes:
        """The picture's bytes, by its link or, when that has died, by the one that `renewed` gives.

        Raises ImageError; what `renewed` raises passes through.
        """
        url, why = image.url, ""
        for tries_left in reversed(range(TRIES_MAX)):
            status, data = self._get(url, image.size_bytes)
            if len(data) == image.size_bytes and hashlib.sha256(data).hexdigest() == image.sha256:
                return data
            if status in DIED and tries_left:
                url = renewed()
            why = f"its link answered {status}" if status != 200 else "other bytes came than were announced"
            why = why if status else "no whole answer came"
        raise ImageError(f"The picture {image.s3_uri} cannot be loaded: {why}.", "It is kept; try again.")

    def file(self, url: str, name: str) -> bytes:
        """A whole file. Raises ImageError."""
        for _ in range(TRIES_MAX):
            status, data = self._get(url, FILE_BYTES_MAX)
            if len(data) > FILE_BYTES_MAX:
                raise ImageError(
                    f"{name} is larger than {FILE_BYTES_MAX} bytes.", "Fetch it from the bucket."
                )
            if status == 200:
                return data
        raise ImageError(f"{name} cannot be loaded: its link answered {status}.", "It is kept; try again.")

    def _get(self, url: str, bytes_max: int) -> tuple[int, bytes]:
        """Status and body, read to one byte too many at most; status 0 where none came whole."""
        import urllib3

        self._pool = self._pool or pool_for(url)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        try:
            response = self._pool.request(
                "GET", url, timeout=timeout, retries=False, redirect=False, preload_content=False
            )
            with response:
                data: bytes = response.read(bytes_max + 1)
                return response.status, data
        except urllib3.exceptions.HTTPError:
            return 0, b""
