"""Sends an answer in an odd manner; the connection ends with it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from local.sandbox.wire import Answer, Manner

PIECES = 20  # in which a body is sent that takes its time
FILLER = bytes(64 * 1024)
LINGER = struct.Struct("ii")  # whether, and how many seconds; with 0 s the end of a connection is a reset


def send_oddly(
    handler: BaseHTTPRequestHandler, answer: Answer, manner: Manner, pause: Callable[[float], None]
) -> None:
    """Writes `answer` as `manner` says. `pause` returns early when the server closes."""
    handler.close_connection = True
    pause(manner.before_seconds)
    if manner.hang_up:
        if manner.hang_up == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.pack(1, 0))
        return
    length = len(answer.body) + manner.filler_bytes + manner.missing_bytes
    handler.send_response(answer.status)
    handler.send_header("Content-Type", answer.content_type)
    if manner.announced:
        handler.send_header("Content-Length", str(length))
    for name, value in answer.headers:
        handler.send_header(name, value)
    handler.send_header("Connection", "close")
    handler.end_headers()
    if handler.command != "HEAD":
        _send_body(handler, answer.body, manner, pause)
    handler.wfile.flush()


def _send_body(
    handler: BaseHTTPRequestHandler, body: bytes, manner: Manner, pause: Callable[[float], None]
) -> None:
    size = len(body) // PIECES + 1 if manner.over_seconds else max(1, len(body))
    for start in range(0, len(body), size):
        handler.wfile.write(body[start : start + size])
        if manner.over_seconds:
            handler.wfile.flush()
            pause(manner.over_seconds / PIECES)
    for left in range(manner.filler_bytes, 0, -len(FILLER)):
        handler.wfile.write(FILLER[:left])


def resets(connection: socket.socket) -> bool:
    """Whether the end of this connection is to be a reset."""
    lingers, _ = LINGER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.size))
    return bool(lingers)
