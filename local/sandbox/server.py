"""The HTTP server: a prefix per endpoint, /files for the pictures, /_sandbox for control (see control.py)."""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import traceback
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from local.sandbox.aimlapi import AimlApi
from local.sandbox.control import Control
from local.sandbox.dashscope import DashScope
from local.sandbox.engine import Engine
from local.sandbox.files import Files
from local.sandbox.keeper import Keeper
from local.sandbox.mulerouter import MuleRouter
from local.sandbox.pixeldojo import PixelDojo
from local.sandbox.reception import Reception
from local.sandbox.sending import resets, send_oddly
from local.sandbox.settings import Settings
from local.sandbox.wire import Answer, Request, Vendor, json_answer, text_answer

MAX_BODY_BYTES = 48 * 2**20  # three input images of 10 MB in base64, and their prompt
IDLE_SECONDS = 75.0  # after which a silent connection is closed


class Answerer(Protocol):
    """One prefix of the server."""

    def answer(self, request: Request) -> Answer:
        """The answer to any request below the prefix."""


class Server(ThreadingHTTPServer):
    """Listens on loopback alone; a thread per connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, engine: Engine, *, verbose: bool = False) -> None:
        self.engine, self.verbose = engine, verbose
        vendors: dict[str, Vendor] = {
            "mulerouter": MuleRouter("mulerouter", engine),
            "pixeldojo": PixelDojo("pixeldojo", engine),
            "dashscope-intl": DashScope("dashscope-intl", engine),
            "dashscope-cn": DashScope("dashscope-cn", engine),
            "aimlapi": AimlApi("aimlapi", engine),
        }
        self.prefixes: dict[str, Answerer] = {name: Reception(name, vendors, engine) for name in vendors}
        self.prefixes |= {"files": Files(engine), "_sandbox": Control(engine, tuple(vendors))}
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Ends a connection: in order, or without the farewell where a fault asked for a reset."""
        if isinstance(request, socket.socket) and resets(request):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, prefix: str, request: Request) -> Answer:
        """The one way from a request to its answer."""
        answerer = self.prefixes.get(prefix)
        if answerer is None:
            return json_answer(404, {"error": f"no such prefix; there are {', '.join(self.prefixes)}"})
        try:
            return answerer.answer(request)
        finally:
            if prefix != "_sandbox":  # a look changes nothing; a reset says so itself
                self.engine.changed.set()

    def handle_error(self, request: object, client_address: object) -> None:
        """Says what broke, without the values (they may be prompts); callers that hang up are no fault."""
        fault = sys.exc_info()[1]
        if fault is not None and not isinstance(fault, ConnectionError | TimeoutError):
            where = traceback.extract_tb(fault.__traceback__)[-1]
            print(f"sandbox: {type(fault).__name__} at {where.filename}:{where.lineno}", file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """Reads requests from one connection and writes their answers."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # one write per answer

    def version_string(self) -> str:
        """The Server header: no vendor's, so that nobody takes an answer for a real one."""
        return "easel-sandbox"

    def do_GET(self) -> None:
        """Any method: the dialects decide which they take."""
        body = self._body()
        if body is None:
            return
        target = urllib.parse.urlsplit(self.path)
        prefix, slash, rest = target.path.removeprefix("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        base_url = f"http://{headers.get('host') or self.server.url.removeprefix('http://')}"
        request = Request(self.command, slash + rest, target.query, headers, body, base_url)
        answer = self.server.answer(prefix, request)
        self._write(answer)
        if self.server.verbose:
            # A picture's path is a secret, like its query.
            shown = "/files/..." if prefix == "files" else target.path
            print(f"{self.command} {shown} {answer.status or 'closed'}", file=sys.stderr, flush=True)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815

    def _body(self) -> bytes | None:
        """The request's body, or None after an answer that ends the connection."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            refusal = text_answer(411, "a Content-Length is needed")
        elif int(length) > MAX_BODY_BYTES:
            refusal = text_answer(413, "the body is too large")
        else:
            return self.rfile.read(int(length))
        self.close_connection = True
        self._write(refusal)
        return None

    def _write(self, answer: Answer) -> None:
        if answer.manner is not None:
            send_oddly(self, answer, answer.manner, self.server.engine.pause)
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the base class would log whole request lines."""


class SandboxServer:
    """A sandbox in a thread of this process: `with SandboxServer() as sandbox: ... sandbox.url`.

    With `keep`, a file, it knows what the last one with this file knew (see memory.py).
    """

    def __init__(
        self,
        port: int = 0,
        settings: Settings | None = None,
        *,
        verbose: bool = False,
        keep: Path | None = None,
    ) -> None:
        self.engine = Engine(settings or Settings())
        self._server = Server(port, self.engine, verbose=verbose)
        self._keeper = Keeper(keep, self.engine) if keep else None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens; an endpoint's base URL is this, a slash and the endpoint's name."""
        return self._server.url

    def __enter__(self) -> Self:
        self._thread.start()
        if self._keeper is not None:
            self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._keeper is not None:
            self._keeper.stop()
