"""Downloads by the transport: from which addresses, by which scheme, and what broken ones mean."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from easel.errors import AddressRefusedError, AnswerLostError, ImageUnavailableError, NotSentError
from easel.transport import HttpTransport
from tests.fakes.http_server import Exchange, LocalServer, Respond
from tests.fakes.internet import Internet

HOST, OTHER_HOST = "results.vendor.example", "more.vendor.example"
HOSTS = (HOST, OTHER_HOST)


def fetch(url: str, *, trusted: tuple[str, ...] = (), seconds: float = 5.0) -> bytes:
    with HttpTransport(trusted).download(url, hosts=HOSTS, timeout_seconds=seconds) as download:
        return b"".join(download.chunks)


class Net:
    """Serves every host by `respond`, which a test may set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.respond: Respond = lambda exchange: exchange.reply(200, b"picture")
        self.internet = Internet(monkeypatch, folder, HOSTS, lambda exchange: self.respond(exchange))

    @property
    def opened(self) -> list[tuple[str, int]]:
        return self.internet.opened

    @property
    def asked(self) -> list[Exchange]:
        return self.internet.secure.asked + self.internet.plain.asked


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Net]:
    made = Net(monkeypatch, tmp_path)
    yield made
    made.internet.stop()


@pytest.mark.parametrize(
    "url",
    [
        f"https://{HOST}/a.png?sig=1",
        f"http://{HOST}/a.png?sig=1",
        f"http://{HOST}:80/a.png?sig=1",
        f"https://{HOST}:443/a.png?sig=1",
        f"HTTP://{HOST.upper()}/a.png?sig=1",
    ],
)
def test_link_on_the_list_is_fetched_over_tls_whatever_its_scheme_says(net: Net, url: str) -> None:
    assert fetch(url) == b"picture"
    assert net.opened == [(HOST, 443)]
    (asked,) = net.asked
    assert (asked.method, asked.path) == ("GET", "/a.png?sig=1")


def test_no_credentials_are_sent_to_result_hosts(net: Net) -> None:
    fetch(f"https://{HOST}/a.png")
    assert not {"authorization", "cookie", "x-api-key"} & set(net.asked[0].headers)


REFUSED = [
    "https://evil.example/a.png",
    f"https://{HOST}.evil.example/a.png",
    f"https://evil{HOST}/a.png",
    f"https://evil.example/{HOST}/a.png",
    f"https://{HOST}@evil.example/a.png",
    f"https://user@{HOST}/a.png",
    f"https://user:password@{HOST}/a.png",
    f"https://@{HOST}/a.png",
    f"https://{HOST}:8443/a.png",
    f"https://{HOST}:22/a.png",
    f"https://{HOST}:99999/a.png",
    f"https://{HOST}:port/a.png",
    f"https://{HOST}./a.png",
    f"https://evil.example\\@{HOST}/a.png",
    f"https://{HOST}\\.evil.example/a.png",
    f"https://evil.example#@{HOST}/a.png",
    f"https://evil.example?@{HOST}/a.png",
    "http://127.0.0.1/a.png",
    "http://localhost/a.png",
    "http://[::1]/a.png",
    "http://10.0.0.1/a.png",
    "http://192.168.0.1/a.png",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://2130706433/a.png",
    "file:///etc/passwd",
    f"ftp://{HOST}/a.png",
    "data:image/png;base64,AAAA",
    f"//{HOST}/a.png",
    HOST,
    "",
    "https://",
    "https://[::1/a.png",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("url", REFUSED)
def test_link_off_the_list_is_refused_before_anything_is_opened(net: Net, url: str) -> None:
    with pytest.raises(AddressRefusedError):
        fetch(url)
    assert net.opened == []


def redirecting(*targets: str) -> Respond:
    waiting = list(targets)

    def respond(exchange: Exchange) -> None:
        if waiting:
            exchange.reply(302, b"", {"Location": waiting.pop(0)})
        else:
            exchange.reply(200, b"picture")

    return respond


@pytest.mark.parametrize("target", [f"https://{OTHER_HOST}/b.png", f"http://{OTHER_HOST}/b.png", "/b.png"])
def test_redirect_within_the_list_is_followed_over_tls(net: Net, target: str) -> None:
    net.respond = redirecting(target)
    assert fetch(f"https://{HOST}/a.png") == b"picture"
    assert {port for _, port in net.opened} == {443}
    assert [one.path for one in net.asked] == ["/a.png", "/b.png"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "//evil.example/b.png",
        "file:///etc/passwd",
        "http://[",
        "//[::1]]/",
    ],
)
def test_redirect_off_the_list_is_refused_before_anything_is_opened(
    net: Net, target: str, status: int
) -> None:
    net.respond = lambda exchange: exchange.reply(status, b"", {"Location": target})
    with pytest.raises(AddressRefusedError):
        fetch(f"https://{HOST}/a.png")
    assert net.opened == [(HOST, 443)]


def test_redirects_end_somewhere(net: Net) -> None:
    net.respond = lambda exchange: exchange.reply(302, b"", {"Location": "/again"})
    with pytest.raises(ImageUnavailableError, match="redirects more than"):
        fetch(f"https://{HOST}/a.png")
    assert len(net.asked) == 4


def test_certificate_of_another_host_is_refused(net: Net) -> None:
    with (
        pytest.raises(NotSentError),
        HttpTransport().download("https://unlisted.example/", hosts=["unlisted.example"], timeout_seconds=5),
    ):
        pytest.fail("it was opened")
    assert net.asked == []


@pytest.fixture
def server() -> Iterator[LocalServer]:
    made = LocalServer(lambda exchange: exchange.reply(200, b"picture", {"Content-Type": "image/png"}))
    yield made
    made.stop()


def test_trusted_host_and_port_is_fetched_as_it_is(server: LocalServer) -> None:
    assert fetch(f"{server.url}/a.png", trusted=(server.host,)) == b"picture"


def test_trust_is_in_the_port_too(server: LocalServer) -> None:
    with pytest.raises(AddressRefusedError):
        fetch(f"{server.url}/a.png", trusted=("127.0.0.1:1",))
    with pytest.raises(AddressRefusedError):
        fetch(f"{server.url}/a.png", trusted=("127.0.0.1",))
    assert server.asked == []


def test_trusted_host_may_not_lead_to_another_port_of_itself(server: LocalServer) -> None:
    server.respond = lambda exchange: exchange.reply(302, b"", {"Location": "http://127.0.0.1:1/"})
    with pytest.raises(AddressRefusedError):
        fetch(f"{server.url}/a.png", trusted=(server.host,))


@pytest.mark.parametrize("status", [201, 204, 206, 304, 403, 404, 410, 500, 503])
def test_anything_but_200_is_an_unavailable_image_and_is_not_asked_again(
    server: LocalServer, status: int
) -> None:
    server.respond = lambda exchange: exchange.reply(status, b"<html>")
    with pytest.raises(ImageUnavailableError, match=str(status)):
        fetch(server.url, trusted=(server.host,))
    assert len(server.asked) == 1


def test_announced_length_and_type_are_told_and_bytes_come_in_bounded_chunks(server: LocalServer) -> None:
    server.respond = lambda exchange: exchange.reply(200, b"x" * 300_000, {"Content-Type": "image/png"})
    talk = HttpTransport([server.host])
    with talk.download(server.url, hosts=(), timeout_seconds=5) as download:
        assert (download.content_length, download.content_type) == (300_000, "image/png")
        sizes = [len(chunk) for chunk in download.chunks]
    assert sum(sizes) == 300_000
    assert max(sizes) <= 65536


@pytest.mark.parametrize("length", ["\u00b2", "-1", "x", "", "1e3", "9" * 5000])
def test_length_that_is_no_number_is_no_length(server: LocalServer, length: str) -> None:
    def odd(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": length})
        exchange.send(b"picture")
        exchange.close()

    server.respond = odd
    talk = HttpTransport([server.host])
    with talk.download(server.url, hosts=(), timeout_seconds=5) as download:
        assert download.content_length is None
        assert b"".join(download.chunks) == b"picture"


@pytest.mark.parametrize("size", [b"-1", b"-5", b"-ffffffff"])
def test_chunk_of_a_negative_size_comes_in_bounded_chunks(server: LocalServer, size: bytes) -> None:
    def respond(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
        exchange.send(b"x" * 300_000)
        exchange.close()

    server.respond = respond
    sizes: list[int] = []
    with (
        pytest.raises(AnswerLostError),
        HttpTransport([server.host]).download(server.url, hosts=(), timeout_seconds=5) as download,
    ):
        sizes.extend(len(chunk) for chunk in download.chunks)
    assert max(sizes) <= 65536


def test_chunks_are_put_together(server: LocalServer) -> None:
    def respond(exchange: Exchange) -> None:
        exchange.head(200, {"Transfer-Encoding": "chunked"})
        exchange.send(b"3\r\npic\r\n4\r\nture\r\n0\r\n\r\n")

    server.respond = respond
    for _ in range(2):
        assert fetch(server.url, trusted=(server.host,)) == b"picture"


@pytest.mark.parametrize("reset", [False, True])
def test_download_that_breaks_off_is_a_lost_answer(server: LocalServer, reset: bool) -> None:
    def break_off(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": "1000"})
        exchange.send(b"half")
        exchange.reset() if reset else exchange.close()

    server.respond = break_off
    with pytest.raises(AnswerLostError):
        fetch(server.url, trusted=(server.host,))
    assert len(server.asked) == 1


def trickle(exchange: Exchange, headers: Mapping[str, str]) -> None:
    """A byte at a time, until the other side hangs up."""
    exchange.head(200, headers)
    ends = time.monotonic() + 10
    with suppress(OSError):
        while time.monotonic() < ends:
            exchange.send(b"x")
            time.sleep(0.03)


@pytest.mark.parametrize("headers", [{"Content-Length": "100000"}, {"Connection": "close"}])
@pytest.mark.parametrize("tls", [False, True])
def test_download_that_trickles_is_lost_when_the_time_is_up(
    net: Net, server: LocalServer, tls: bool, headers: Mapping[str, str]
) -> None:
    server.respond = net.respond = lambda exchange: trickle(exchange, headers)
    url = f"https://{HOST}/a.png" if tls else server.url
    started = time.monotonic()
    with pytest.raises(AnswerLostError):
        fetch(url, trusted=(server.host,), seconds=0.4)
    assert 0.3 < time.monotonic() - started < 3


def test_download_in_time_ends_its_watch_and_is_kept_alive(server: LocalServer) -> None:
    talk, before = HttpTransport([server.host]), threading.active_count()
    for _ in range(2):
        with talk.download(server.url, hosts=(), timeout_seconds=60) as download:
            assert b"".join(download.chunks) == b"picture"
    assert len({exchange.connection for exchange in server.asked}) == 1
    ends = time.monotonic() + 5
    while threading.active_count() > before + 1 and time.monotonic() < ends:  # the server's own is one
        time.sleep(0.01)
    assert threading.active_count() <= before + 1


def test_packed_bytes_are_kept_as_they_come(server: LocalServer) -> None:
    server.respond = lambda exchange: exchange.reply(200, b"\x1f\x8bxyz", {"Content-Encoding": "gzip"})
    assert fetch(server.url, trusted=(server.host,)) == b"\x1f\x8bxyz"


def test_refusals_do_not_repeat_the_link(net: Net) -> None:
    with pytest.raises(AddressRefusedError) as caught:
        fetch("https://evil.example/PLANTED?signature=PLANTED")
    assert "PLANTED" not in str(caught.value)
    assert net.opened == []
