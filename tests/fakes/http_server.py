"""A real HTTP server on loopback whose answers, and misbehaviour, a test decides byte by byte."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

PATIENCE_SECONDS = 20.0  # no thread of a test outlives this


@dataclass
class Exchange:
    """One request that has come, and the connection to answer on."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: socket.socket = field(repr=False)
    incoming: Any = field(repr=False)

    def json(self) -> Any:
        """The request's body."""
        return json.loads(self.body)

    def reply(self, status: int = 200, body: object = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole answer: JSON, or these very bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.head(status, {"Content-Length": str(len(data))} | dict(headers or {}))
        self.send(data)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer's first part; the test sends the rest, or does not."""
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.connection.sendall(data)

    def close(self) -> None:
        """Hang up in good order."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Hang up with a reset, as a crashed process does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.incoming.close()  # it holds the connection open too
        self.connection.close()


Respond = Callable[[Exchange], None]


class LocalServer:
    """Answers every request by `respond` and remembers it. Connections are kept alive."""

    def __init__(self, respond: Respond, tls: ssl.SSLContext | None = None) -> None:
        self.respond = respond
        self.asked: list[Exchange] = []
        self.stopped = threading.Event()
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Let go of the port, and of threads that wait on `stopped`."""
        self.stopped.set()
        # Closing alone does not wake the thread that accepts, which might go on at the next server's socket.
        with suppress(OSError):  # stopped before
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_SECONDS)
        with suppress(OSError, ValueError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as incoming:
                while exchange := read_request(connection, incoming):
                    self.asked.append(exchange)
                    self.respond(exchange)


def read_request(connection: socket.socket, incoming: Any) -> Exchange | None:
    """The next request on a connection, None where it ended."""
    first = incoming.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := incoming.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = incoming.read(int(headers.get("content-length", 0)))
    return Exchange(first[0], first[1], headers, body, connection, incoming)


@contextmanager
def serving(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[LocalServer]:
    """A server for the length of a test."""
    server = LocalServer(respond, tls)
    try:
        yield server
    finally:
        server.stop()
