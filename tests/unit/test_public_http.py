"""Asking hosts that callers name: which addresses are refused, what is connected to, how long it may take."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from easel.domain.addresses import is_public
from easel.errors import AddressRefusedError, AnswerLostError, NotSentError, TransportError
from easel.public_http import ANSWER_BYTES_MAX, PublicHttp
from tests.fakes.http_server import Exchange, LocalServer, Respond
from tests.fakes.internet import certificate

HOST, STRANGER = "hooks.example", "stranger.example"
PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
URL = f"https://{HOST}/told?token=PLANTED-QUERY"

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.8.8.8",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.254", "192.0.0.9", "192.0.0.171",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::ffff:0:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "64:ff9b::5db8:d70e", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:1::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1", "", "localhost", "1.2.3",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_address_that_is_no_hosts_on_the_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", PUBLIC_6, "2a00:1450::1"]
)
def test_address_of_a_host_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


class World:
    """Names and what they resolve to, one answer after the other; and servers behind all addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        pem = certificate(folder, [HOST, "xn--bcher-kva.example"])
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.names_asked_in_tls: list[str | None] = []
        context.sni_callback = lambda _, name, __: self.names_asked_in_tls.append(name)
        self.respond: Respond = lambda exchange: exchange.reply(204)
        self.server = LocalServer(lambda exchange: self.respond(exchange), context)
        self.plain = LocalServer(lambda exchange: self.respond(exchange))
        self.names: dict[str, list[list[str]]] = {HOST: [[PUBLIC]], STRANGER: [[PUBLIC]]}
        self.asked_for: list[str] = []
        self.opened: list[tuple[str, int]] = []
        self.dead: set[str] = set()
        # The module's own view of sockets alone: threads that other tests left behind open some, too.
        own = {"getaddrinfo": self._resolve, "create_connection": self._open}
        monkeypatch.setattr("easel.public_http.socket", SimpleNamespace(**{**vars(socket), **own}))

    def _resolve(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked_for.append(host)
        answers = self.names.get(host, [])
        found = (answers.pop(0) if len(answers) > 1 else answers[0]) if answers else []
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    def _open(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.opened.append(address)
        if address[0] in self.dead:
            raise ConnectionRefusedError
        server = self.server if address[1] in (443, 8443) else self.plain
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
        made = socket.socket(*infos[0][:3])
        made.settimeout(timeout)
        made.connect(infos[0][4])
        return made

    def post(self, url: str = URL, *, loopback: bool = False, seconds: float = 5.0) -> int:
        headers = {"content-type": "application/json", "webhook-id": "msg_1"}
        return PublicHttp(loopback).post(url, headers, b'{"a": 1}', seconds).status


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    made = World(monkeypatch, tmp_path)
    yield made
    made.server.stop()
    made.plain.stop()


def test_post_goes_to_the_checked_address_and_names_the_host_in_tls_and_header(world: World) -> None:
    assert world.post() == 204
    assert world.opened == [(PUBLIC, 443)]
    assert world.names_asked_in_tls == [HOST]
    (asked,) = world.server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/told?token=PLANTED-QUERY", b'{"a": 1}')
    assert asked.headers["host"] == HOST
    assert asked.headers["webhook-id"] == "msg_1"


def test_name_is_looked_up_once_so_that_it_cannot_change_after_the_check(world: World) -> None:
    world.names[HOST] = [[PUBLIC], ["127.0.0.1"]]
    assert world.post() == 204
    assert world.asked_for == [HOST]
    assert world.opened == [(PUBLIC, 443)]
    with pytest.raises(AddressRefusedError):
        world.post()
    assert world.opened == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["::1"], [PUBLIC, "10.0.0.1"], ["::ffff:10.0.0.1", PUBLIC]],
)
def test_host_of_which_any_address_is_not_public_is_never_connected_to(
    world: World, addresses: list[str]
) -> None:
    world.names[HOST] = [addresses]
    with pytest.raises(AddressRefusedError):
        world.post()
    assert world.opened == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/", f"ftp://{HOST}/", f"//{HOST}/", "https:///path", f"https://user@{HOST}/",
        f"https://user:pass@{HOST}/", f"https://{HOST}:22/", f"https://{HOST}:25/", f"https://{HOST}:80/",
        f"https://{HOST}:0/", f"https://{HOST}:65536/", f"https://{HOST}:x/", "https://[::1/", "",
        "https://hooks.example\t.evil/", "https://hooks example/", "https://h%6fst.example/",
        "https://[fe80::1%25lo]/", f"https://{HOST}\\@{STRANGER}/",
    ],
)  # fmt: skip
def test_what_is_no_plain_https_url_at_443_or_a_users_port_is_refused(world: World, url: str) -> None:
    for name in ("user", "hooks", ""):
        world.names[name] = [[PUBLIC]]
    with pytest.raises((AddressRefusedError, NotSentError)) as refused:
        world.post(url)
    assert world.opened == []
    assert HOST not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:169.254.169.254]", "10.1", "2130706433"])
def test_address_in_place_of_a_name_is_checked_alike(world: World, host: str) -> None:
    bare = host.strip("[]")
    world.names[bare] = [[{"10.1": "10.0.0.1", "2130706433": "127.0.0.1"}.get(bare, bare)]]
    with pytest.raises(AddressRefusedError):
        world.post(f"https://{host}/")
    assert world.opened == []


def test_users_port_is_taken_and_stands_in_the_host_header(world: World) -> None:
    assert world.post(f"https://{HOST}:8443/told") == 204
    assert world.opened == [(PUBLIC, 8443)]
    assert world.server.asked[0].headers["host"] == f"{HOST}:8443"


def test_next_address_of_a_name_is_tried_where_one_takes_no_connection(world: World) -> None:
    world.names[HOST] = [[PUBLIC_6, PUBLIC]]
    world.dead = {PUBLIC_6}
    assert world.post() == 204
    assert world.opened == [(PUBLIC_6, 443), (PUBLIC, 443)]


def test_server_that_is_not_the_named_host_is_told_nothing(world: World) -> None:
    with pytest.raises(NotSentError):
        world.post(f"https://{STRANGER}/")
    assert world.server.asked == []


def test_redirect_is_an_answer_and_is_not_followed(world: World) -> None:
    world.respond = lambda exchange: exchange.reply(307, b"", {"Location": f"https://{HOST}/elsewhere"})
    assert world.post() == 307
    assert len(world.server.asked) == 1


def test_no_proxy_of_the_environment_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert world.post() == 204
    assert world.opened == [(PUBLIC, 443)]


def test_spaces_and_line_ends_in_a_url_cannot_make_another_request(world: World) -> None:
    assert world.post(f"https://{HOST}/a b?c=d e\u00e9") == 204
    assert world.server.asked[0].path == "/a%20b?c=d%20e%C3%A9"


# ── Time and size ─────────────────────────────────────────────────────────────────────────────────────


def test_of_an_answers_body_only_the_first_bytes_are_read(world: World) -> None:
    world.respond = lambda exchange: exchange.reply(500, b"x" * 10_000_000)
    answer = PublicHttp().post(URL, {}, b"", 5.0)
    assert (answer.status, len(answer.body)) == (500, ANSWER_BYTES_MAX)


def test_first_bytes_of_a_file_are_fetched_and_no_more(world: World) -> None:
    world.respond = lambda exchange: exchange.reply(200, b"\x89PNG" + b"x" * 10_000, {"Content-Type": "a/b"})
    answer = PublicHttp().head_bytes(URL, 100, 5.0)
    assert answer.body == b"\x89PNG" + b"x" * 96
    assert answer.headers["content-type"] == "a/b"
    assert world.server.asked[0].method == "GET"


def test_first_bytes_of_a_short_file_are_all_of_it(world: World) -> None:
    world.respond = lambda exchange: exchange.reply(200, b"short")
    assert PublicHttp().head_bytes(URL, 100, 5.0).body == b"short"


@pytest.mark.parametrize("size", [b"-1", b"-5", b"-ffffffff"])
def test_chunk_of_a_negative_size_is_not_read_to_its_end(world: World, size: bytes) -> None:
    sent, ended = [], threading.Event()

    def respond(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
        with suppress(OSError):
            for _ in range(64):
                exchange.send(b"x" * 2**20)
                sent.append(2**20)
        exchange.close()
        ended.set()

    world.respond = respond
    assert len(PublicHttp().head_bytes(URL, 100, 5.0).body) == 100
    assert ended.wait(10)
    assert sum(sent) < 2**25


def test_chunks_are_put_together_up_to_what_was_asked_for(world: World) -> None:
    def respond(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        exchange.send(b"4\r\ndefg\r\n0\r\n\r\n")

    world.respond = respond
    assert PublicHttp().head_bytes(URL, 5, 5.0).body == b"abcde"
    assert PublicHttp().head_bytes(URL, 100, 5.0).body == b"abcdefg"


def drip(exchange: Exchange, server: LocalServer, *, head: bool) -> None:
    """A byte now and then, for as long as anybody listens."""
    if head:
        exchange.head(200, {"Content-Length": "1000"})
    while not server.stopped.wait(0.1):
        exchange.send(b"x")


@pytest.mark.parametrize("head", [False, True])
def test_answer_that_comes_byte_by_byte_is_given_up_at_the_time_out(world: World, head: bool) -> None:
    world.respond = lambda exchange: drip(exchange, world.server, head=head)
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        world.post(seconds=0.6)
    assert 0.5 < time.monotonic() - started < 3


def test_server_that_says_nothing_is_given_up_at_the_time_out(world: World) -> None:
    def wait(_: Exchange) -> None:
        world.server.stopped.wait(10)

    world.respond = wait
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        world.post(seconds=0.5)
    assert time.monotonic() - started < 3


def test_handshake_that_does_not_end_is_given_up_at_the_time_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = socket.create_server(("127.0.0.1", 0))
    with deaf:
        monkeypatch.setattr(world.server, "port", deaf.getsockname()[1])
        started = time.monotonic()
        with pytest.raises(NotSentError):
            world.post(seconds=0.5)
    assert time.monotonic() - started < 3


def test_name_that_does_not_resolve_in_time_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()

    def wait(*_: Any, **__: Any) -> list[Any]:
        done.wait(10)
        return []

    monkeypatch.setattr("easel.public_http.socket.getaddrinfo", wait)
    started = time.monotonic()
    with pytest.raises(NotSentError):
        world.post(seconds=0.4)
    done.set()
    assert time.monotonic() - started < 3


def test_name_that_does_not_resolve_is_told_as_never_sent(world: World) -> None:
    with pytest.raises(NotSentError):
        world.post("https://nowhere.example/")


@pytest.mark.parametrize("misbehave", ["close", "reset", "noise"])
def test_answer_that_breaks_off_is_lost(world: World, misbehave: str) -> None:
    def respond(exchange: Exchange) -> None:
        if misbehave == "noise":
            exchange.send(b"220 mail.example ESMTP\r\n")
        (exchange.reset if misbehave == "reset" else exchange.close)()

    world.respond = respond
    with pytest.raises(AnswerLostError):
        world.post()


def test_errors_name_neither_address_nor_body(world: World) -> None:
    world.respond = lambda exchange: exchange.close()
    for url in (URL, f"http://{HOST}/?PLANTED-QUERY", f"https://{STRANGER}/?PLANTED-QUERY"):
        with pytest.raises(TransportError) as raised:
            world.post(url)
        assert "PLANTED" not in repr(raised.value)


# ── The local stack's permission ──────────────────────────────────────────────────────────────────────


def test_this_machine_may_be_asked_over_http_only_by_permission(world: World) -> None:
    world.names["localhost"] = [["::1", "127.0.0.1"]]
    world.dead = {"::1"}
    with pytest.raises(AddressRefusedError):
        world.post("http://localhost:8000/told")
    with pytest.raises(AddressRefusedError):
        world.post("https://localhost:8443/told")
    assert world.post("http://localhost:8000/told", loopback=True) == 204
    assert world.opened == [("::1", 8000), ("127.0.0.1", 8000)]
    assert world.plain.asked[0].headers["host"] == "localhost:8000"


@pytest.mark.parametrize("addresses", [[PUBLIC], ["10.0.0.1"], ["127.0.0.1", PUBLIC], ["169.254.169.254"]])
def test_permission_for_this_machine_opens_no_other_over_http(world: World, addresses: list[str]) -> None:
    world.names[HOST] = [addresses]
    with pytest.raises(AddressRefusedError):
        world.post(f"http://{HOST}:8000/", loopback=True)
    assert world.opened == []


def test_permission_for_this_machine_opens_no_private_address(world: World) -> None:
    world.names[HOST] = [["192.168.0.1"]]
    with pytest.raises(AddressRefusedError):
        world.post(loopback=True)
