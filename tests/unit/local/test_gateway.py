"""The public address in front of the emulator's API Gateway, against a stand-in for the emulator."""

import contextlib
import http.client
import http.server
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from local import gateway
from local.gateway import Gateway
from local.processes import free_port

LARGE = b"y" * 300_000


class Upstream(http.server.BaseHTTPRequestHandler):
    """Keeps what it received; answers by the path."""

    protocol_version = "HTTP/1.1"
    received: list[dict[str, Any]]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def answer(self) -> None:
        """Keep the request and answer it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.received.append(
            {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body}
        )
        if self.path.endswith("/slow"):
            time.sleep(1.5)
        self.send_response(202 if self.command == "POST" else 200)
        self.send_header("Location", "/v1/generations/gen_1")
        self.send_header("Content-Length", str(len(LARGE)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):  # whoever asked may be gone by then
                self.wfile.write(LARGE)

    do_GET = do_POST = do_HEAD = do_DELETE = do_TRACE = do_QUERY = answer  # noqa: N815


@pytest.fixture
def received() -> list[dict[str, Any]]:
    """What the stand-in received."""
    return []


@pytest.fixture
def url(received: list[dict[str, Any]]) -> Iterator[str]:
    """The gateway's address."""
    handler = type("Handler", (Upstream,), {"received": received})
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    served = Gateway(0, upstream.server_address[1], "api1")
    served.start()
    yield served.url
    served.stop()
    upstream.shutdown()
    upstream.server_close()


def test_a_request_reaches_the_api_unchanged(url: str, received: list[dict[str, Any]]) -> None:
    headers = {"Authorization": "Bearer k", "Idempotency-Key": "7", "X-Forwarded-For": "9.9.9.9"}
    answer = urllib3.request(
        "POST", f"{url}/v1/generations?a=1&a=%20", body=b'{"x":1}', headers=headers, timeout=10.0
    )
    [seen] = received
    assert seen["path"] == "/_aws/execute-api/api1/$default/v1/generations?a=1&a=%20"
    assert seen["body"] == b'{"x":1}'
    assert seen["headers"]["Authorization"] == "Bearer k"
    assert seen["headers"]["Idempotency-Key"] == "7"
    assert seen["headers"]["Host"] == url.removeprefix("http://")
    assert seen["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert (answer.status, answer.headers["Location"]) == (202, "/v1/generations/gen_1")
    assert answer.data == LARGE


@pytest.mark.parametrize("method", ["DELETE", "TRACE", "QUERY"])
def test_method_that_no_call_has_reaches_the_api_which_says_so_itself(
    url: str, received: list[dict[str, Any]], method: str
) -> None:
    assert urllib3.request(method, f"{url}/v1/models", timeout=10.0).status == 200
    assert [one["method"] for one in received] == [method]


def test_one_connection_carries_many_requests(url: str, received: list[dict[str, Any]]) -> None:
    pool = urllib3.HTTPConnectionPool("127.0.0.1", int(url.rsplit(":", 1)[1]), maxsize=1)
    for _ in range(3):
        assert pool.request("GET", "/healthz").status == 200
    assert pool.request("HEAD", "/healthz").data == b""
    assert pool.request("GET", "/healthz").data == LARGE
    assert pool.num_connections == 1
    assert len(received) == 5


def test_a_chunked_body_is_passed_on_whole(url: str, received: list[dict[str, Any]]) -> None:
    urllib3.request("POST", f"{url}/v1/generations", body=iter([b"ab", b"c" * 70_000]), timeout=10.0)
    assert received[0]["body"] == b"ab" + b"c" * 70_000


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_ten_megabytes_is_refused(
    url: str, received: list[dict[str, Any]], *, chunked: bool
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1]), timeout=10)
    connection.putrequest("POST", "/v1/generations")
    if chunked:
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        for _ in range(11):
            connection.send(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
    else:
        connection.putheader("Content-Length", str(10 * 1024 * 1024 + 1))
        connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.read() == b'{"message": "Request Entity Too Large"}'
    assert received == []


@pytest.mark.parametrize(
    ("content_type", "most"),
    [
        ("application/json", 6 * 1024 * 1024 - 2),  # the quotation marks around it
        ("text/plain; charset=utf-8", 6 * 1024 * 1024 - 2),
        ("multipart/form-data; boundary=b", 6 * 1024 * 1024 // 4 * 3),  # it travels as base64
        (None, 6 * 1024 * 1024 // 4 * 3),
    ],
)
def test_a_body_that_makes_an_event_too_large_for_lambda_is_refused(
    url: str, received: list[dict[str, Any]], content_type: str | None, most: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    pool = urllib3.HTTPConnectionPool("127.0.0.1", int(url.rsplit(":", 1)[1]), maxsize=1)
    assert pool.request("POST", "/v1/generations", body=b"x" * most, headers=headers).status == 202
    answer = pool.request("POST", "/v1/generations", body=b"x" * (most + 1), headers=headers)
    assert (answer.status, answer.json()) == (413, {"message": "Request Too Long"})
    assert [len(one["body"]) for one in received] == [most]


def test_a_text_counts_as_its_json_does(url: str, received: list[dict[str, Any]]) -> None:
    body = b'"' * (3 * 1024 * 1024)  # each is escaped
    headers = {"Content-Type": "application/json"}
    assert urllib3.request("POST", url, body=body, headers=headers, timeout=10.0).status == 413
    assert received == []


def test_a_body_of_broken_length_is_refused(url: str) -> None:
    assert urllib3.request("POST", f"{url}/", headers={"Content-Length": "many"}, timeout=10.0).status == 400


@pytest.mark.parametrize("said", ["Content-Length: -1\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n-1\r\n"])
def test_a_negative_length_is_refused_before_anything_is_read(url: str, said: str) -> None:
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), 5) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: api\r\n{said}".encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 400 ")


def test_an_integration_that_takes_too_long_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "INTEGRATION_TIMEOUT_SECONDS", 0.3)
    answer = urllib3.request("GET", f"{url}/slow", retries=False, timeout=10.0)
    assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})


def test_an_emulator_that_is_gone_gives_500() -> None:
    served = Gateway(0, free_port(), "api1")
    served.start()
    answer = urllib3.request("GET", served.url, retries=False, timeout=10.0)
    served.stop()
    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


def test_a_caller_who_resets_the_connection_is_no_fault(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(threading.enumerate())
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=5) as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.recv(65_536).startswith(b"HTTP/1.1 200")
    deadline = time.monotonic() + 5
    while left := set(threading.enumerate()) - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    assert capsys.readouterr().err == ""
