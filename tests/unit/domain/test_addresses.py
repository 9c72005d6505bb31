"""Links that certainly lead to no public host, told by their words alone."""

import pytest

from easel.domain.addresses import closed, refuse_closed_links
from easel.domain.request import GenerationRequest, Webhook
from easel.errors import InvalidRequestError

OPEN = "https://hooks.example/told"


@pytest.mark.parametrize(
    "link",
    [
        OPEN, "https://hooks.example", "https://hooks.example:443/", "https://hooks.example:8443/?a=b#c",
        "https://93.184.215.14/", "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        "https://localhost.example/", "https://local.example/", "https://127.0.0.1.example/",
    ],
)  # fmt: skip
def test_link_to_a_public_host_is_open(link: str) -> None:
    assert closed(link) is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.0.0.1.", "2130706433", "0x7f000001", "0X7F.1", "017700000001",
        "0177.0.0.1", "0", "10.1.2.3", "169.254.169.254", "192.168.0.1", "1.2.3.4.5", "999.1.1.1",
        "[::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[fe80::1]",
        "[fd00:ec2::254]", "localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local",
        "metadata.google.internal", "router.home.arpa",
    ],
)  # fmt: skip
def test_host_that_is_nobodys_on_the_internet_is_closed(host: str) -> None:
    assert closed(f"https://{host}/x") == "names no public host"


@pytest.mark.parametrize("port", ["0", "22", "25", "80", "1023"])
def test_port_of_another_protocol_is_closed(port: str) -> None:
    assert "443" in str(closed(f"https://hooks.example:{port}/"))


@pytest.mark.parametrize("link", ["http://hooks.example/", "ftp://hooks.example/", "//hooks.example/", ""])
def test_link_without_tls_is_closed(link: str) -> None:
    assert closed(link) == "must be an https URL"


@pytest.mark.parametrize(
    "link", ["https://hooks.example:65536/", "https://hooks.example:x/", "https://[::1/"]
)
def test_what_is_no_url_is_closed(link: str) -> None:
    assert closed(link) == "is not a URL"


def refused(*, loopback: bool = False, **fields: object) -> list[str]:
    """The fields that a request is refused for."""
    request = GenerationRequest.model_validate({"model": "m", "prompt": "p", **fields})
    try:
        refuse_closed_links(request, loopback_webhooks=loopback)
    except InvalidRequestError as error:
        return [problem.field for problem in error.problems]
    return []


def test_every_link_of_a_request_is_looked_at() -> None:
    closed_link = "https://printer.local/a"
    assert refused() == []
    assert refused(images=[OPEN], webhook=OPEN, lora={"weights": OPEN}) == []
    assert refused(lora={"weights": "owner/name"}, images=["s3://images/x"]) == []
    assert refused(
        images=[OPEN, closed_link], lora={"weights": closed_link}, webhook={"url": closed_link}
    ) == ["images.1", "lora.weights", "webhook.url"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/x", "http://localhost/", "http://[::1]:8000/"])
def test_webhook_goes_to_this_machine_by_permission_alone(url: str) -> None:
    assert refused(webhook=url) == ["webhook.url"]
    assert refused(webhook=url, loopback=True) == []


def test_permission_for_webhooks_opens_nothing_else() -> None:
    here = "https://localhost/x"
    assert refused(images=[here], lora={"weights": here}, loopback=True) == ["images.0", "lora.weights"]
    assert refused(webhook="https://printer.local/", loopback=True) == ["webhook.url"]


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1", "2130706433", "0x7f000001", "[::1]", "93.184.215.14"])
def test_address_in_place_of_a_name_is_refused_and_a_record_that_has_one_can_be_read(host: str) -> None:
    link = f"https://{host}/"
    if ":" not in host:
        assert Webhook(url=link).url == link
        assert refused(images=[link], lora={"weights": link}, webhook=link) == [
            "images.0", "lora.weights", "webhook.url",
        ]  # fmt: skip
    else:
        with pytest.raises(ValueError, match="https URL"):
            Webhook(url=link)


def test_name_of_one_word_is_a_networks_own() -> None:
    assert refused(images=["https://metadata/x"], webhook="https://kubernetes.default.svc/") == [
        "images.0", "webhook.url",
    ]  # fmt: skip
