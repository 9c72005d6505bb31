"""The public address: passes requests to the emulator's API Gateway, within API Gateway's own limits.

Which route a request takes, and what the function gets, is the emulator's work; this only gives the API an
address of its own. Limits of an HTTP API (docs.aws.amazon.com/apigateway/latest/developerguide/
http-api-quotas.html, 2025): 30 s for an integration, 10 MB of payload. Behind it Lambda takes an event of
6 MB, the body in it as JSON text, or as base64 where its type is not text: what is larger never reaches a
function. API Gateway answers it with 413 and "Request Too Long" (seen on AWS, though on a REST API:
https://github.com/koki-develop/lgtm-generator/issues/10, 2021). Larger images go by upload.
"""

import contextlib
import http.client
import http.server
import io
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus

INTEGRATION_TIMEOUT_SECONDS = 30.0
PAYLOAD_LIMIT_BYTES = 10 * 1024 * 1024
# Of an event (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); a body's share of it
# is all but the headers and some 2 KB.
EVENT_LIMIT_BYTES = 6 * 1024 * 1024
TEXT_TYPES = ("application/json", "application/xml", "application/javascript")
IDLE_TIMEOUT_SECONDS = 75.0
CHUNK_BYTES = 64 * 1024
DRAIN_LIMIT_BYTES = 100 * 1024 * 1024
DRAIN_TIMEOUT_SECONDS = 1.0
# Of one connection, not of the message (RFC 9110, 7.6.1); and the two that are written anew here.
HOP_HEADERS = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    )
)
OWN_REQUEST_HEADERS = frozenset(
    ("content-length", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto")
)


class Gateway:
    """A loopback HTTP server in front of one API of the emulator."""

    def __init__(self, port: int, aws_port: int, api_id: str) -> None:
        """Listen at once; requests are served from `start` on. Raises OSError when the port is taken."""
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.aws_port = aws_port
        self._server.prefix = f"/_aws/execute-api/{api_id}/$default"
        self._thread = threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True)

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests; those under way are left to end by themselves."""
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    aws_port: int
    prefix: str


class _PayloadTooLargeError(Exception):
    pass


class _EventTooLargeError(Exception):
    pass


class _NoAnswerError(Exception):
    """The API itself broke the connection, or did not open one."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_TIMEOUT_SECONDS
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is the library's)
        """Write nothing: the console shows the sample's progress."""

    def version_string(self) -> str:
        return "easel-local"

    def handle(self) -> None:
        # A caller may reset a connection that nothing is asked on any more.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def _pass_on(self) -> None:
        upstream = http.client.HTTPConnection(
            "127.0.0.1", self.server.aws_port, timeout=INTEGRATION_TIMEOUT_SECONDS
        )
        try:
            self._relay(self._answered(upstream))
        except _PayloadTooLargeError:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
            self._drain()
        except _EventTooLargeError:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Too Long")
        except ValueError:
            self.close_connection = True  # where the next message starts is unknown
            self._refuse(HTTPStatus.BAD_REQUEST, "Bad Request")
        except TimeoutError:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")
        except _NoAnswerError:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
        except (ConnectionError, http.client.HTTPException):
            self.close_connection = True  # one side went away in the middle of a message
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _pass_on  # noqa: N815
    do_TRACE = do_QUERY = _pass_on  # noqa: N815  (no route has them: the API says so itself)

    def _answered(self, upstream: http.client.HTTPConnection) -> http.client.HTTPResponse:
        try:
            self._send_upstream(upstream)
            return upstream.getresponse()
        except (ConnectionError, http.client.HTTPException) as error:
            raise _NoAnswerError from error

    def _send_upstream(self, upstream: http.client.HTTPConnection) -> None:
        body = b"".join(self._body())
        if _event_bytes(body, self.headers.get("Content-Type", "")) > EVENT_LIMIT_BYTES:
            raise _EventTooLargeError
        upstream.putrequest(
            self.command, self.server.prefix + self.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in self.headers.items():
            if name.lower() not in HOP_HEADERS | OWN_REQUEST_HEADERS:
                upstream.putheader(name, value)
        upstream.putheader("X-Forwarded-For", self.client_address[0])
        upstream.putheader("X-Forwarded-Port", str(self.server.server_address[1]))
        upstream.putheader("X-Forwarded-Proto", "http")
        if body or "Content-Length" in self.headers:
            upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body or None)

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            yield from _within_limit(_read_chunked(self.rfile))
            return
        length = _length(self.headers.get("Content-Length") or "0", 10)
        if length > PAYLOAD_LIMIT_BYTES:
            raise _PayloadTooLargeError
        yield self.rfile.read(length)

    def _relay(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_HEADERS:
                self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.close_connection = True  # the end of the connection is the end of the body
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        while chunk := answer.read(CHUNK_BYTES):
            self.wfile.write(chunk)

    def _drain(self) -> None:
        """Read what is still sent: closing at once would take the answer from a client that sends first."""
        self.connection.settimeout(DRAIN_TIMEOUT_SECONDS)
        with contextlib.suppress(OSError):
            for _ in range(DRAIN_LIMIT_BYTES // CHUNK_BYTES):
                if not self.rfile.read(CHUNK_BYTES):
                    break

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer in API Gateway's own words."""
        body = json.dumps({"message": message}).encode()
        with contextlib.suppress(ConnectionError):  # nobody is left to be told
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)


def _event_bytes(body: bytes, content_type: str) -> int:
    """How long a body is in the event that a function gets."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in TEXT_TYPES:
        return len(json.dumps(body.decode(errors="replace"), ensure_ascii=False).encode())
    return (len(body) + 2) // 3 * 4  # base64


def _length(written: str | bytes, base: int) -> int:
    """How many bytes are said to come. Raises ValueError where it is no length: reads of -1 never end."""
    length = int(written, base)
    if length < 0:
        raise ValueError("a negative length")
    return length


def _read_chunked(stream: io.BufferedIOBase) -> Iterator[bytes]:
    while size := _length(stream.readline(128).split(b";")[0], 16):
        yield stream.read(min(size, PAYLOAD_LIMIT_BYTES + 1))
        if size > PAYLOAD_LIMIT_BYTES:
            raise _PayloadTooLargeError
        stream.readline(8)
    while stream.readline(1024).strip():  # trailers
        pass


def _within_limit(chunks: Iterator[bytes]) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > PAYLOAD_LIMIT_BYTES:
            raise _PayloadTooLargeError
        yield chunk
