"""Persist over the real transport and real sockets: only the addresses that a vendor may name, and no image
that did not come whole."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from easel.domain.generation import Generation
from easel.errors import (
    AddressRefusedError,
    AnswerLostError,
    EaselError,
    ImageInvalidError,
    ImageUnavailableError,
)
from easel.transport import HttpTransport
from tests.fakes.http_server import Exchange, LocalServer
from tests.fakes.internet import Internet
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.unit.steps.to_persist import finished, nothing_is_kept
from tests.unit.steps.vendor_words import mule_completed

HOST = "mule-router-assets.muleusercontent.com"


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Internet]:
    def respond(exchange: Exchange) -> None:
        exchange.reply(200, picture(), {"Content-Type": "text/html"})

    made = Internet(monkeypatch, tmp_path, [HOST, "mirror.example"], respond)
    yield made
    made.stop()


class Split:
    """Vendors speak by a script; results come over the real transport."""

    def __init__(self, scene: Scene, trusted: tuple[str, ...] = ()) -> None:
        self.send = scene.script.send
        self.download = HttpTransport(trusted).download


def linked_to(
    url: str, trusted: tuple[str, ...] = (), extra: tuple[str, ...] = ()
) -> tuple[Scene, Generation]:
    vendor = Scene(mule_completed(url))
    scene = Scene(transport=Split(vendor, trusted), extra_hosts=extra)
    return scene, finished(scene)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_link_on_the_vendors_list_is_fetched_over_https_even_if_it_says_http(
    net: Internet, scheme: str
) -> None:
    scene, made = linked_to(f"{scheme}://{HOST}/result_00.png?sig=1")
    assert scene.persister.persist(made.id).terminal
    assert net.opened == [(HOST, 443)]
    assert net.secure.asked[0].path == "/result_00.png?sig=1"
    assert list(scene.images.objects.values()) == [picture()]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/result.png",
        "http://169.254.169.254/latest/meta-data/iam/",
        "http://127.0.0.1:8080/",
        f"https://{HOST}:8443/result.png",
        f"https://user@{HOST}/result.png",
        "https://temp.pixeldojo.ai/result.png",
    ],
)
def test_link_to_a_foreign_host_is_refused_before_anything_is_opened(net: Internet, url: str) -> None:
    scene, made = linked_to(url)
    with pytest.raises(AddressRefusedError):
        scene.persister.persist(made.id)
    assert net.opened == []
    assert nothing_is_kept(scene, made)


def test_further_host_of_the_deployment_is_taken(net: Internet) -> None:
    scene, made = linked_to("https://mirror.example/a.png", extra=("mirror.example",))
    assert scene.persister.persist(made.id).terminal
    assert net.opened == [("mirror.example", 443)]


def truncated(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": str(len(picture()))})
    exchange.send(picture()[:-10])
    exchange.close()


def html(exchange: Exchange) -> None:
    exchange.reply(200, b"<html>expired</html>", {"Content-Type": "image/png"})


def gone(exchange: Exchange) -> None:
    exchange.reply(403, b"<Error/>")


def huge(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": str(10**12)})
    exchange.send(picture())


def short_but_whole(exchange: Exchange) -> None:
    exchange.head(200, {"Content-Length": str(len(picture()) + 1)})
    exchange.send(picture())
    exchange.close()


@pytest.mark.parametrize(
    ("respond", "error"),
    [
        (truncated, AnswerLostError),
        (short_but_whole, AnswerLostError),
        (html, ImageInvalidError),
        (gone, ImageUnavailableError),
        (huge, ImageInvalidError),
    ],
)
def test_broken_download_keeps_nothing_and_is_fetched_once_a_run(
    respond: Callable[[Exchange], None], error: type[EaselError]
) -> None:
    server = LocalServer(respond)
    try:
        scene, made = linked_to(f"{server.url}/a.png", trusted=(server.host,))
        with pytest.raises(error):
            scene.persister.persist(made.id)
        assert nothing_is_kept(scene, made)
        assert len(server.asked) == 1
        server.respond = lambda exchange: exchange.reply(200, picture())
        assert scene.persister.persist(made.id).terminal
    finally:
        server.stop()
