"""Faults of the sandbox vendors that strike a picture and its link."""

from __future__ import annotations

import hashlib
import http.client
import time
import tracemalloc
import urllib.parse
import urllib.request
from base64 import b64decode

import pytest

from local.sandbox.fault_acts import HUGE_BYTES
from local.sandbox.server import SandboxServer
from tests.unit.local.sandbox_caller import change, fetch, size_of
from tests.unit.local.sandbox_routes import ONE_OF_EACH, ROUTES, Shop

SPOILED = ["corrupt", "cut", "html"]
TESTED = {
    *SPOILED,
    *("truncated", "flaky-link", "slow-link", "huge", "huge-stream", "expired-link", "redirect"),
    *("redirect-private", "foreign-host", "inline"),
}


def open_link(link: str) -> http.client.HTTPResponse:
    """The answer to a GET, before its body and without following a redirect."""
    parts = urllib.parse.urlsplit(link)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
    return connection.getresponse()


def intact(shop: Shop, index: int = 0) -> bytes:
    """The true picture of the last job."""
    return shop.sandbox.engine.tasks()[-1].draw(index)


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("fault", SPOILED)
def test_a_spoiled_picture_is_billed_but_not_served(sandbox: SandboxServer, name: str, fault: str) -> None:
    shop = Shop(sandbox, name)
    link = shop.buy(f"a boat [sandbox: {fault}]")[0]
    reply, true = fetch(link), intact(shop)
    assert (reply.status, reply.headers.get_content_maintype()) == (200, "image")
    if fault == "html":
        assert reply.body.startswith(b"<html>")
    elif fault == "cut":
        assert true.startswith(reply.body)
        assert len(reply.body) < len(true)
    else:
        assert (reply.body[:64], len(reply.body)) == (true[:64], len(true))
        assert reply.body != true
    assert shop.row["served"] == {}
    assert shop.billed == shop.row["images"]


@pytest.mark.parametrize("name", ["mulerouter"])
@pytest.mark.parametrize("fault", SPOILED)
def test_a_spoiled_png_does_not_decode(sandbox: SandboxServer, name: str, fault: str) -> None:
    reply = fetch(Shop(sandbox, name).buy(f"a boat [sandbox: {fault}]")[0])
    with pytest.raises((OSError, SyntaxError)):
        size_of(reply.body)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_number_spoils_the_first_images_alone(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    first, second = shop.buy("a boat [sandbox: corrupt=1]")
    assert fetch(first).body != intact(shop, 0)
    assert fetch(second).body == intact(shop, 1)
    assert shop.row["served"] == {"1": hashlib.sha256(intact(shop, 1)).hexdigest()}


def test_a_picture_inside_an_answer_is_spoiled_too(sandbox: SandboxServer) -> None:
    change(sandbox, aimlapi_shape="v1")
    shop = Shop(sandbox, "aimlapi")
    reply = shop.submit("a boat [sandbox: cut=1]")
    first, second = [b64decode(choice["image_base64"]) for choice in reply.json["output"]["choices"]]
    assert (len(first) < len(intact(shop, 0)), second == intact(shop, 1)) == (True, True)
    assert list(shop.row["served"]) == ["1"]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_truncated_picture_announces_more_than_comes(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    link = shop.buy("a boat [sandbox: truncated]")[0]
    for _ in range(2):
        with pytest.raises(http.client.IncompleteRead) as fault:
            fetch(link)
        assert intact(shop).startswith(fault.value.partial)
        assert len(fault.value.partial) + (fault.value.expected or 0) == len(intact(shop))
    assert shop.row["served"] == {}


@pytest.mark.parametrize("name", ROUTES)
def test_a_flaky_link_serves_the_picture_in_the_end(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    link = shop.buy("a boat [sandbox: flaky-link=2]")[0]
    assert fetch(link, "HEAD").status == 200  # a HEAD is no fetch
    for _ in range(2):
        with pytest.raises(http.client.IncompleteRead):
            fetch(link)
    assert fetch(link).body == intact(shop)
    assert list(shop.row["served"]) == ["0"]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_slow_link_trickles(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    link = shop.buy("a boat [sandbox: slow-link=2]")[0]
    began = time.monotonic()
    answer = open_link(link)
    answer.read(1)
    assert time.monotonic() - began < 1.5  # the first byte comes early
    rest = answer.read()
    assert time.monotonic() - began > 1.5
    assert intact(shop)[1:] == rest


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize(("fault", "announced"), [("huge", str), ("huge-stream", None)])
def test_a_huge_picture_costs_the_sandbox_no_memory(
    sandbox: SandboxServer, name: str, fault: str, announced: object
) -> None:
    shop = Shop(sandbox, name)
    link = shop.buy(f"a boat [sandbox: {fault}]")[0]
    tracemalloc.start()
    answer = open_link(link)
    length, received = answer.headers["Content-Length"], 0
    while piece := answer.read(256 * 1024):
        received += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert received == len(intact(shop)) + HUGE_BYTES > 64 * 2**20
    assert length == (str(received) if announced else None)
    assert peak < 16 * 2**20
    assert shop.row["served"] == {}


def test_a_caller_may_hang_up_on_a_huge_picture(
    sandbox: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(sandbox, "aimlapi")
    open_link(shop.buy("a boat [sandbox: huge]")[0]).close()
    assert shop.buy("another boat")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ROUTES)
def test_an_expired_link_is_refused_by_the_storage(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    reply = fetch(shop.buy("a boat [sandbox: expired-link]")[0])
    assert reply.status == 403
    assert b"Request has expired." in reply.body
    oss = shop.route.endpoint.startswith("dashscope")
    assert reply.headers.get_content_type() == ("application/xml" if oss else "text/plain")
    assert shop.billed == shop.row["images"]


@pytest.mark.parametrize("name", ROUTES)
def test_a_redirect_leads_to_the_picture(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    link = shop.buy("a boat [sandbox: redirect]")[0]
    answer = open_link(link)
    assert (answer.status, answer.read()) == (302, b"")
    assert answer.headers["Location"].startswith(f"{sandbox.url}/files/")
    assert fetch(link).body == intact(shop)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_redirect_can_lead_into_a_private_network(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    answer = open_link(shop.buy("a boat [sandbox: redirect-private]")[0])
    assert (answer.status, answer.headers["Location"][:23]) == (302, "http://169.254.169.254/")
    assert shop.row["served"] == {}


@pytest.mark.parametrize("name", ROUTES)
def test_images_can_travel_inside_the_answer(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    link = shop.buy("a boat [sandbox: inline]")[0]
    head, _, data = link.partition(";base64,")
    assert head.startswith("data:image/")
    assert shop.row["served"]["0"] == hashlib.sha256(b64decode(data)).hexdigest()


@pytest.mark.parametrize("name", ROUTES)
def test_links_can_name_a_foreign_host(sandbox: SandboxServer, name: str) -> None:
    for link in Shop(sandbox, name).buy("a boat [sandbox: foreign-host]"):
        assert link.startswith("https://pictures.example.invalid/files/")
