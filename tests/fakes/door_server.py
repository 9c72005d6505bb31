"""The native API over a scene, on a real port of loopback: HTTP as API Gateway passes it to the function."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.unit.doors.calls import event


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is the library's)
        """Say nothing."""

    def parse_request(self) -> bool:
        """Every method leads to the API."""
        parsed = super().parse_request()
        if parsed:
            setattr(self, f"do_{self.command}", self._answer)
        return parsed

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query: dict[str, str] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        headers = {name: ", ".join(self.headers.get_all(name, [])) for name in self.headers}
        asked = event(self.command, unquote(parts.path), query, headers, body or None)
        with self.server.lock:  # the router serves one event at a time, as in a function's environment
            given = self.server.app.resolve(asked, LambdaContext())
        self._send(given)

    def _send(self, given: dict[str, Any]) -> None:
        data = given["body"].encode()
        self.send_response_only(given["statusCode"])
        for name, value in given.get("headers", {}).items():
            self.send_header(name, value)
        for name, values in given.get("multiValueHeaders", {}).items():
            for value in values:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    app: APIGatewayHttpResolver
    lock: threading.Lock


@contextmanager
def served(app: APIGatewayHttpResolver) -> Iterator[str]:
    """The API's address, for as long as a test needs it."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.app, server.lock = app, threading.Lock()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
