"""The transport against a real server on loopback: what each fault of a network means."""

import gzip
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import pytest
from urllib3.util import connection as urllib3_connection

from easel import transport
from easel.errors import AnswerLostError, NotSentError, ResponseTooLargeError
from easel.transport import HttpTransport
from easel.wire import HttpResponse
from easel.wiring.trust import tls
from tests.fakes.http_server import Exchange, LocalServer, Respond

Serve = Callable[[Respond], LocalServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[LocalServer] = []

    def start(respond: Respond) -> LocalServer:
        started.append(LocalServer(respond))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def ask(server: LocalServer, seconds: float = 5.0, talk: HttpTransport | None = None) -> HttpResponse:
    return (talk or HttpTransport(tls=tls())).send(
        "POST", server.url + "/path", {"Authorization": "Bearer k"}, {"prompt": "p"}, timeout_seconds=seconds
    )


def silent(server: LocalServer) -> None:
    server.stopped.wait(10)


def trickle(exchange: Exchange, server_stopped: Callable[[], bool], piece: bytes) -> None:
    """Send a piece at a time until the other side hangs up or the test ends."""
    ends = time.monotonic() + 10
    with suppress(OSError):
        while time.monotonic() < ends and not server_stopped():
            exchange.send(piece)
            time.sleep(0.03)


def test_answer_comes_whole_with_header_names_in_lower_case(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.reply(202, {"id": "t"}, {"X-Trace": "Yes"}))
    response = ask(server)
    assert response.status == 202
    assert response.json() == {"id": "t"}
    assert response.headers["x-trace"] == "Yes"


def test_request_goes_out_as_it_was_built_and_as_utf_8(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.reply())
    body = {"prompt": '\u4e2d\u6587 \U0001f308 "quoted"'}
    HttpTransport().send("POST", server.url + "/a/b?c=d", {"X-Key": "v"}, body, timeout_seconds=5)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/a/b?c=d")
    assert asked.headers["x-key"] == "v"
    assert asked.json() == body
    assert "\u4e2d".encode() in asked.body


def test_get_has_no_body(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.reply())
    HttpTransport().send("GET", server.url, {}, None, timeout_seconds=5)
    assert server.asked[0].method == "GET"
    assert server.asked[0].body == b""


@pytest.mark.parametrize("status", [200, 301, 302, 307, 400, 429, 500, 502, 503, 504])
def test_every_status_is_an_answer_and_nothing_is_asked_twice(serve: Serve, status: int) -> None:
    elsewhere = {"Location": "/elsewhere", "Retry-After": "0"}
    server = serve(lambda exchange: exchange.reply(status, {"code": "x"}, elsewhere))
    assert ask(server).status == status
    assert len(server.asked) == 1


def test_silence_is_a_lost_answer_when_the_time_is_up(serve: Serve) -> None:
    server = serve(lambda _: silent(server))
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        ask(server, 0.3)
    assert 0.2 < time.monotonic() - started < 3
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("how", "piece"),
    [
        ({"Content-Length": "100000"}, b"x"),
        ({"Transfer-Encoding": "chunked"}, b"1\r\nx\r\n"),
        ({"Connection": "close"}, b"x"),
    ],
)
def test_answer_that_trickles_is_lost_when_the_time_is_up(
    serve: Serve, how: Mapping[str, str], piece: bytes
) -> None:
    def slowly(exchange: Exchange) -> None:
        exchange.head(200, how)
        trickle(exchange, server.stopped.is_set, piece)

    server = serve(slowly)
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        ask(server, 0.4)
    assert time.monotonic() - started < 3
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Trace: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X: y\r\n"),
    ],
    ids=["a header", "heads", "a chunk's extension", "trailers"],
)
def test_answer_that_trickles_beside_its_body_is_lost_when_the_time_is_up(
    serve: Serve, start: bytes, piece: bytes
) -> None:
    def slowly(exchange: Exchange) -> None:
        exchange.send(start)
        trickle(exchange, server.stopped.is_set, piece)

    server = serve(slowly)
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        ask(server, 0.4)
    assert time.monotonic() - started < 3


def test_packed_answer_that_trickles_and_unpacks_to_nothing_is_lost_when_the_time_is_up(serve: Serve) -> None:
    def slowly(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Encoding": "gzip"})
        exchange.send(b"\x1f\x8b\x08\x08" + bytes(6))  # a name follows, up to a NUL (RFC 1952, 2.3)
        trickle(exchange, server.stopped.is_set, b"n")

    server = serve(slowly)
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        ask(server, 0.4)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("said", [b"", b"HTT", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxx"])
def test_connection_that_breaks_after_the_request_is_a_lost_answer(
    serve: Serve, said: bytes, how: str
) -> None:
    def break_off(exchange: Exchange) -> None:
        exchange.send(said)
        exchange.reset() if how == "reset" else exchange.close()

    server = serve(break_off)
    with pytest.raises(AnswerLostError):
        ask(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_answer_that_is_no_proper_http_is_a_lost_answer(serve: Serve, said: bytes) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.send(said)
        exchange.close()

    server = serve(answer)
    with pytest.raises(AnswerLostError):
        ask(server)
    assert len(server.asked) == 1


def test_refused_connection_certainly_sent_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(NotSentError):
            HttpTransport().send("POST", f"http://127.0.0.1:{port}/", {}, {}, timeout_seconds=5)


@pytest.mark.parametrize(
    "fault", [TimeoutError("no route"), socket.gaierror(-2, "unknown"), OSError(113, "no host")]
)
def test_connection_that_never_opened_certainly_sent_nothing(
    monkeypatch: pytest.MonkeyPatch, fault: OSError
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(urllib3_connection, "create_connection", fail)
    with pytest.raises(NotSentError):
        HttpTransport().send("POST", "http://vendor.example/", {}, {}, timeout_seconds=5)


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a:b:c/", "http://exa mple/", "http://" + "a" * 64 + ".example/"]
)
def test_address_that_is_no_url_certainly_sent_nothing(url: str) -> None:
    with pytest.raises(NotSentError):
        HttpTransport().send("POST", url, {}, {}, timeout_seconds=5)


def test_answer_larger_than_the_limit_is_not_read_to_its_end(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_BYTES_MAX", 1_000_000)

    def endless(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(10**12)})
        trickle(exchange, server.stopped.is_set, b"x" * 500_000)

    server = serve(endless)
    with pytest.raises(ResponseTooLargeError):
        ask(server)


def test_answer_at_the_limit_is_taken(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_BYTES_MAX", 100_000)
    server = serve(lambda exchange: exchange.reply(200, b"x" * 100_000))
    assert len(ask(server).body) == 100_000


def test_small_answer_that_unpacks_to_a_huge_one_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_BYTES_MAX", 1_000_000)
    bomb = gzip.compress(bytes(50_000_000))
    server = serve(lambda exchange: exchange.reply(200, bomb, {"Content-Encoding": "gzip"}))
    with pytest.raises(ResponseTooLargeError):
        ask(server)


def test_compressed_answer_is_unpacked(serve: Serve) -> None:
    packed = gzip.compress(b'{"a": 1}')
    server = serve(lambda exchange: exchange.reply(200, packed, {"Content-Encoding": "gzip"}))
    assert ask(server).json() == {"a": 1}


def test_next_ask_is_not_harmed_by_an_answer_that_was_given_up(serve: Serve) -> None:
    answers = iter([b"slow", b"quick", b"quick"])

    def respond(exchange: Exchange) -> None:
        if next(answers) == b"quick":
            exchange.reply(200, b"whole")
            return
        exchange.head(200, {"Content-Length": "1000"})
        for _ in range(3):  # each in time, all together too late
            exchange.send(b"x")
            server.stopped.wait(0.25)
        server.stopped.wait(10)

    server = serve(respond)
    talk = HttpTransport()
    with pytest.raises(AnswerLostError):
        ask(server, 0.4, talk)
    assert ask(server, 5, talk).body == b"whole"
    assert ask(server, 5, talk).body == b"whole"
    assert len(server.asked) == 3


def test_connection_that_the_vendor_closed_meanwhile_is_opened_anew(serve: Serve) -> None:
    def once(exchange: Exchange) -> None:
        exchange.reply(200, b"whole")
        exchange.close()

    server = serve(once)
    talk = HttpTransport()
    assert ask(server, 5, talk).body == b"whole"
    time.sleep(0.05)
    assert ask(server, 5, talk).body == b"whole"
    assert len(server.asked) == 2


def test_connection_that_a_post_said_to_close_carries_nothing_after_it(serve: Serve) -> None:
    """The vendor closes it when it likes, and says nothing about it: a request on it could be lost."""
    connections: list[socket.socket] = []

    def respond(exchange: Exchange) -> None:
        connections.append(exchange.connection)
        exchange.reply(200, b"whole")
        if exchange.headers.get("connection") == "close":
            exchange.incoming.readline()
            exchange.close()

    server = serve(respond)
    talk = HttpTransport()
    assert ask(server, 5, talk).body == b"whole"
    assert talk.send("GET", server.url, {}, None, timeout_seconds=5).body == b"whole"
    posted, fetched = connections
    assert posted is not fetched


def test_faults_tell_neither_key_nor_prompt_nor_address(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.reset())
    with pytest.raises(AnswerLostError) as caught:
        HttpTransport().send(
            "POST", server.url + "/?signature=PLANTED", {"Authorization": "PLANTED"}, {"p": "PLANTED"},
            timeout_seconds=5,
        )  # fmt: skip
    assert "PLANTED" not in str(caught.value)


def test_odd_answer_does_not_bring_its_address_into_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def odd(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno colon\r\n\r\nok")

    server = serve(odd)
    HttpTransport().send("GET", server.url + "/?signature=PLANTED", {}, None, timeout_seconds=5)
    assert len(server.asked) == 1
    assert "PLANTED" not in caplog.text


def test_environment_proxies_are_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert os.environ["HTTP_PROXY"]
    server = serve(lambda exchange: exchange.reply(200, b"direct"))
    assert ask(server).body == b"direct"
