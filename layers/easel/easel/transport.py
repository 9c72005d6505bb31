"""All talking to vendors and result hosts: time-outs, bounds, and what a network fault means.

Nothing is retried here (a repeated POST may pay twice; the workflow repeats steps) and redirects are
followed by hand, each checked against the hosts that are allowed. Bodies, keys and links are never logged.
"""

import http.client
import io
import json
import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)

from easel.errors import (
    AddressRefusedError,
    AnswerLostError,
    ImageUnavailableError,
    NotSentError,
    ResponseTooLargeError,
)
from easel.ports import Download
from easel.wire import HttpResponse

CONNECT_SECONDS = 5.0
# Four 1536*1536 PNGs in base64 are 40 MB; the memory of Submit and Poll allows for an answer of this.
ANSWER_BYTES_MAX = 64 * 1024 * 1024
STALL_SECONDS = 20.0  # without a byte of a result, until its link is given up
REDIRECTS_MAX = 3
CHUNK_BYTES = 64 * 1024
PORTION_BYTES = 16 * 1024  # a TLS record has no more (RFC 8446, 5.1)
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LENGTH = re.compile("[0-9]{1,18}")  # in bytes
NEVER_OPENED = (NewConnectionError, ConnectTimeoutError)


class _Head(io.RawIOBase):
    """What comes on a socket, within its time-out in all until that is lifted: by itself it is one of each
    read, and whoever sends a byte at a time outlives it."""

    def __init__(self, own: Any, connection: socket.socket) -> None:
        self._own, self._connection = own, connection
        self._seconds = connection.gettimeout() or STALL_SECONDS
        self._ends: float | None = time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._ends is not None:
            left = self._ends - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._connection.settimeout(left)
        count: int | None = self._own.readinto(buffer)
        return count

    def lift(self) -> None:
        """From here on the time-out is one of each read."""
        self._ends = None
        self._connection.settimeout(self._seconds)

    def fileno(self) -> int:
        number: int = self._own.fileno()
        return number

    def close(self) -> None:
        self._own.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose head comes in time, or not at all. Any number of heads may come before it (100)."""

    def __init__(self, sock: socket.socket, *args: Any, **named: Any) -> None:
        super().__init__(sock, *args, **named)
        self._head = _Head(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._head)

    def begin(self) -> None:
        super().begin()
        self._head.lift()


class _Plain(HTTPConnection):
    response_class = _Answer


class _Encrypted(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _Encrypted


class HttpTransport:
    """urllib3 behind the port `Transport`.

    `trusted` are `host:port` of base URLs that the deployment set explicitly: links to them may be plain
    http. Every other link is fetched over https whatever its scheme says. `tls` says whose certificates are
    believed: Python's own choice where it is not given.
    """

    def __init__(self, trusted: Sequence[str] = (), tls: ssl.SSLContext | None = None) -> None:
        # It logs whole addresses of answers that it finds odd, and a result link is a bearer secret.
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        self._pool = urllib3.PoolManager(
            num_pools=16,
            maxsize=4,
            retries=False,
            ssl_context=tls or ssl.create_default_context(),
            timeout=urllib3.Timeout(CONNECT_SECONDS),
        )
        self._pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _EncryptedPool}
        self._trusted = frozenset(trusted)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, object] | None,
        *,
        timeout_seconds: float,
    ) -> HttpResponse:
        """One request, one complete answer within the time-out."""
        ends = time.monotonic() + timeout_seconds
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        response = self._open(method, url, headers, data, timeout_seconds)
        connection = response.connection
        try:
            received = bytearray()
            with closing(_portions(response, ends)) as portions:
                for portion in portions:
                    received += portion
                    if len(received) > ANSWER_BYTES_MAX:
                        raise ResponseTooLargeError(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
        finally:
            # A connection with half an answer on it must not go back to the pool; nor one that we said to
            # close (RFC 9112, 9.6), where the next request may meet the other side's closing.
            response.close()
            if method == "POST" and connection is not None:
                connection.close()
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return HttpResponse(response.status, lowered, bytes(received))

    @contextmanager
    def download(self, url: str, *, hosts: Sequence[str], timeout_seconds: float) -> Iterator[Download]:
        """An open result link; the bytes end when the body does, or with AnswerLostError."""
        ends = time.monotonic() + timeout_seconds
        response = self._follow(url, frozenset(hosts), timeout_seconds)
        try:
            if response.status != 200:
                raise ImageUnavailableError(f"the result link answered HTTP {response.status}")
            announced = response.headers.get("content-length", "")
            with closing(_chunks(response, ends)) as chunks:
                yield Download(
                    content_length=int(announced) if LENGTH.fullmatch(announced) else None,
                    content_type=response.headers.get("content-type", ""),
                    chunks=chunks,
                )
        finally:
            response.close()

    def _follow(self, url: str, hosts: frozenset[str], timeout_seconds: float) -> urllib3.BaseHTTPResponse:
        for _ in range(REDIRECTS_MAX + 1):
            address = self._checked(url, hosts)
            response = self._open(
                "GET",
                address,
                {"Accept": "image/*", "Accept-Encoding": "identity"},
                None,
                min(timeout_seconds, STALL_SECONDS),
            )
            if response.status not in REDIRECTS:
                return response
            response.close()
            url = _led_to(address, response.headers.get("location", ""))
        raise ImageUnavailableError(f"the result link redirects more than {REDIRECTS_MAX} times")

    def _checked(self, url: str, hosts: frozenset[str]) -> str:
        """The address that is really fetched: on a trusted host as it is, on a listed host over https."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise AddressRefusedError("the result link is not a URL") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise AddressRefusedError("the result link is not a plain http or https URL")
        if parts.netloc.lower() in self._trusted:
            return url
        if parts.hostname not in hosts or port not in (None, 80, 443):
            raise AddressRefusedError(f"the host {parts.hostname!r} is not one of the vendor's result hosts")
        return parts._replace(scheme="https", netloc=parts.hostname).geturl()

    def _open(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | None, timeout_seconds: float
    ) -> urllib3.BaseHTTPResponse:
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout_seconds)
        # A POST may cost money: on a connection that the other side is just closing, it would be unknown.
        own = {"Connection": "close"} if method == "POST" else {}
        try:
            return self._pool.request(
                method, url, headers={**headers, **own}, body=data,
                timeout=timeout, preload_content=False, redirect=False,
            )  # fmt: skip
        except NEVER_OPENED as error:
            raise NotSentError(f"no connection: {type(error).__name__}") from error
        except LocationParseError as error:
            raise NotSentError("the address is not a URL") from error
        except SSLError as error:
            if isinstance(error.args[0], ssl.SSLCertVerificationError):
                raise NotSentError("the other side is not who it should be") from error
            raise AnswerLostError(f"no answer: {type(error).__name__}") from error
        except (MaxRetryError, ProtocolError, HTTPError) as error:
            raise AnswerLostError(f"no answer: {type(error).__name__}") from error


def _led_to(address: str, location: str) -> str:
    """Where a redirect leads. Raises AddressRefusedError."""
    try:
        return urljoin(address, location)
    except ValueError as error:
        raise AddressRefusedError("the result link redirects to what is not a URL") from error


def _portions(response: urllib3.BaseHTTPResponse, ends: float) -> Generator[bytes, None, None]:
    """The body, unpacked, in what it comes in: a read that waits for more would let a server that sends a
    byte at a time hold us long past the time-out. So does a read of what unpacks to nothing, and of what
    stands between chunks and behind them: these are cut."""
    cut_off = threading.Event()
    watched = any(response.headers.get(name) for name in ("content-encoding", "transfer-encoding"))
    try:
        with _cut_at(ends, response.fileno(), cut_off) if watched else nullcontext():
            while portion := response.read1(PORTION_BYTES, decode_content=True):
                if time.monotonic() > ends:
                    raise AnswerLostError("the answer did not end in time")
                yield portion
    except HTTPError as error:
        raise AnswerLostError(f"the answer broke off: {type(error).__name__}") from error
    if cut_off.is_set():
        raise AnswerLostError("the answer did not end in time")


def _chunks(response: urllib3.BaseHTTPResponse, ends: float) -> Generator[bytes, None, None]:
    """The body as it is, in chunks. A mebibyte in portions takes a third more CPU; a small answer takes less
    than the thread that watches these."""
    cut_off = threading.Event()
    # Of a chunk whose size is said to be negative `read` would take all that ever comes, or raise ValueError.
    read = response.read1 if response.headers.get("transfer-encoding") else response.read
    try:
        with _cut_at(ends, response.fileno(), cut_off):
            while chunk := read(CHUNK_BYTES, decode_content=False):
                yield chunk
    except HTTPError as error:
        raise AnswerLostError(f"the answer broke off: {type(error).__name__}") from error
    if cut_off.is_set():  # which looks like an end where no length was announced
        raise AnswerLostError("the answer did not end in time")


@contextmanager
def _cut_at(ends: float, connection: int, cut_off: threading.Event) -> Iterator[None]:
    """Meanwhile, whoever waits for more of the connection is told at `ends` that no more comes."""

    def cut() -> None:
        cut_off.set()
        with suppress(OSError):  # the other side has hung up
            own.shutdown(socket.SHUT_RDWR)

    # A descriptor of its own: urllib3 may have given the other one back by then.
    with socket.socket(fileno=os.dup(connection)) as own:
        timer = threading.Timer(max(0.0, ends - time.monotonic()), cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
