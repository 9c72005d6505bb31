"""HTTP to hosts that callers name (webhooks, input images): public addresses only, each the very one checked.

Vendors' hosts stand in the catalogue (`transport.py`). These are a caller's choice, and a caller may name a
machine that only we can reach, or a name that resolves to one a moment after it was checked. So a name is
resolved once, every address of it must be public, and the connection goes to such an address, while the
name stays in TLS (SNI and certificate) and in the Host header.

The standard library's http.client does all this because it does nothing of its own: no redirect, no retry,
no proxy from the environment, no second look-up, no log. Addresses, headers and bodies are in no error.
"""

import http.client
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from easel.domain.addresses import HTTPS_PORT, USER_PORTS, is_loopback, is_public
from easel.errors import AddressRefusedError, AnswerLostError, NotSentError
from easel.wire import HttpResponse

RESOLVE_SECONDS = 5.0
CONNECT_SECONDS = 5.0  # of all of a name's addresses together
ANSWER_BYTES_MAX = 4096  # of an answer to a POST, of which only status and headers are of use
ADDRESSES_MAX = 4  # of one name that are tried
HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f:.]{2,45}")
PATH_SAFE = "%/:=&?~!$'()*+,;@[]|"  # beside letters, digits and "_.-", which are always safe


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: what to say there, and the checked addresses to connect to."""

    encrypted: bool
    host: str
    port: int
    path: str
    addresses: tuple[str, ...] = ()


class PublicHttp:
    """Asks hosts that callers name.

    `allow_loopback` is for the local stack: this machine may be asked too, over http as well. `tls` says
    whose certificates are believed: Python's own choice where it is not given.
    """

    def __init__(self, allow_loopback: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self._allow_loopback = allow_loopback
        self._tls = tls or ssl.create_default_context()

    def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> HttpResponse:
        """One POST and its answer, of whose body only the first bytes are kept.

        Raises AddressRefusedError, NotSentError where no connection opened, AnswerLostError.
        """
        return self._exchange("POST", url, headers, body, ANSWER_BYTES_MAX, timeout_seconds)

    def head_bytes(self, url: str, most_bytes: int, timeout_seconds: float) -> HttpResponse:
        """The answer to one GET, with the first bytes of its body, as many as asked for or as there are.

        The status may be any, a redirect too: none is followed. Raises as `post` does.
        """
        headers = {"Accept-Encoding": "identity"}
        return self._exchange("GET", url, headers, None, most_bytes, timeout_seconds)

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        most_bytes: int,
        timeout_seconds: float,
    ) -> HttpResponse:
        ends = time.monotonic() + timeout_seconds
        target = self._resolved(read_url(url, plain=self._allow_loopback), timeout_seconds)
        connection = PinnedConnection(target, self._tls, min(timeout_seconds, CONNECT_SECONDS))
        # A time-out of the socket's is one of each read: whoever sends a byte at a time outlives it.
        cutter = threading.Timer(max(0.0, ends - time.monotonic()), connection.cut)
        cutter.daemon = True
        cutter.start()
        try:
            _opened(connection)
            return _asked(connection, method, target.path, headers, body, most_bytes, timeout_seconds)
        finally:
            cutter.cancel()
            connection.close()

    def _resolved(self, target: Target, timeout_seconds: float) -> Target:
        """The target with its addresses, all of which may be asked."""
        addresses = _addresses(target, min(timeout_seconds, RESOLVE_SECONDS))
        here = self._allow_loopback and bool(addresses) and all(map(is_loopback, addresses))
        if not here and not (target.encrypted and all(map(is_public, addresses))):
            raise AddressRefusedError("the host is not a public one, or is asked without TLS")
        if not here and target.port != HTTPS_PORT and target.port not in USER_PORTS:
            raise AddressRefusedError(f"port {target.port} is refused: it is neither 443 nor at least 1024")
        return Target(target.encrypted, target.host, target.port, target.path, tuple(addresses))


def read_url(url: str, *, plain: bool = False) -> Target:
    """Where a URL leads, before any look-up. `plain` lets http through. Raises AddressRefusedError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise AddressRefusedError("the address is not a URL") from error
    if parts.scheme != "https" and not (plain and parts.scheme == "http"):
        raise AddressRefusedError("the address is not an https URL")
    if parts.username is not None or parts.password is not None or not HOST.fullmatch(host):
        raise AddressRefusedError("the address has no plain host name")
    path = quote(parts.path or "/", safe=PATH_SAFE)
    query = "?" + quote(parts.query, safe=PATH_SAFE) if parts.query else ""
    encrypted = parts.scheme == "https"
    usual = HTTPS_PORT if encrypted else http.client.HTTP_PORT
    return Target(encrypted, host, usual if port is None else port, path + query)


class PinnedConnection(http.client.HTTPConnection):
    """A connection to one of a target's checked addresses, whatever its name resolves to by now."""

    def __init__(self, target: Target, tls: ssl.SSLContext, connect_seconds: float) -> None:
        super().__init__(target.host, target.port, timeout=connect_seconds)
        self.default_port = HTTPS_PORT if target.encrypted else http.client.HTTP_PORT  # for the Host header
        self._target = target
        self._tls = tls
        self._connect_seconds = connect_seconds
        self.is_cut = False

    def connect(self) -> None:
        """Open to the first address that takes it. Raises OSError."""
        self.sock = self._reached()
        if self._target.encrypted:
            # Shaken hands on afterwards, so that a handshake without an end can be cut off.
            self.sock = self._tls.wrap_socket(
                self.sock, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()
        if self.is_cut:
            raise TimeoutError

    def _reached(self) -> socket.socket:
        ends = time.monotonic() + self._connect_seconds
        fault: OSError = TimeoutError()
        for address in self._target.addresses[:ADDRESSES_MAX]:
            left = ends - time.monotonic()
            if left <= 0:
                break
            try:
                return socket.create_connection((address, self._target.port), left)
            except OSError as error:
                fault = error
        raise fault

    def cut(self) -> None:
        """End it from another thread: whoever waits on it gets an error."""
        self.is_cut = True
        if self.sock is not None:
            with suppress(OSError):
                # The plain socket's own: an SSL socket's would wait for the other side's goodbye.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


def _addresses(target: Target, seconds: float) -> Sequence[str]:
    """The name's addresses. The system's resolver knows no time-out, so it is left behind in its thread."""
    answers: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(one[4][0]) for one in found)))
        except (OSError, UnicodeError):  # there is no such name, or can be none
            answers.put(())

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty as error:
        raise NotSentError("the host name did not resolve in time") from error
    if not found:
        raise NotSentError("the host name does not resolve")
    return found


def _opened(connection: PinnedConnection) -> None:
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise NotSentError("the other side is not who it should be") from error
    except OSError as error:
        raise NotSentError(f"no connection: {type(error).__name__}") from error


def _asked(
    connection: PinnedConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
    most_bytes: int,
    timeout_seconds: float,
) -> HttpResponse:
    """The answer on an open connection."""
    try:
        connection.sock.settimeout(timeout_seconds)
        connection.request(method, path, body, {**headers, "Connection": "close"})
        response = connection.getresponse()
        lowered = {name.lower(): value for name, value in response.getheaders()}
        start = _start_of(response, most_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise AnswerLostError(f"no answer: {type(error).__name__}") from error
    if connection.is_cut:
        raise AnswerLostError("the answer did not end in time")
    return HttpResponse(response.status, lowered, start)


def _start_of(response: http.client.HTTPResponse, most_bytes: int) -> bytes:
    """The first bytes of the body. Of a chunk whose size is said to be negative `read` would take all there
    ever comes, or raise ValueError; `read1` takes no more than came at once."""
    start = b""
    while len(start) < most_bytes and (portion := response.read1(most_bytes - len(start))):
        start += portion
    return start[:most_bytes]
