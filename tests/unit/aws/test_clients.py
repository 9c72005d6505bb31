"""How AWS is called: here, whose certificates are believed."""

import base64
import hashlib
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from easel.aws import clients

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "layers" / "easel"))
from lay_certificates import SEQUENCE, certificates, encoded, parts

# https://www.amazontrust.com/repository/, read 2026-11-21: each root's key, by the SHA-256 of it.
AMAZON_KEYS = {
    "Amazon Root CA 1": "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
    "Amazon Root CA 2": "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
    "Amazon Root CA 3": "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
    "Amazon Root CA 4": "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
    "Starfield Services Root Certificate Authority - G2": (
        "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92"
    ),
}


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clients are made in this environment, and not kept."""
    for name in clients.OWN_CHOICE:
        monkeypatch.delenv(name, raising=False)
    clients.client.cache_clear()
    yield
    clients.client.cache_clear()


def believed() -> object:
    """The file of certificates that a client goes by; True is botocore's own."""
    return clients.client("dynamodb")._endpoint.http_session._verify


def test_amazons_five_authorities_are_those_that_it_publishes() -> None:
    found = []
    for pem in certificates(clients.AMAZON):
        ((_, whole),) = parts(base64.b64decode("".join(pem.splitlines()[1:-1])))
        _version, _serial, _algorithm, _issuer, _validity, _subject, (_, key), *_ = parts(
            next(parts(whole))[1]
        )
        found.append(hashlib.sha256(encoded(SEQUENCE, key)).hexdigest())
    assert sorted(found) == sorted(AMAZON_KEYS.values())
    ours, published = ssl.create_default_context(cafile=clients.AMAZON), ssl.create_default_context()
    published.load_verify_locations(certifi.where())
    assert {*ours.get_ca_certs(binary_form=True)} <= {*published.get_ca_certs(binary_form=True)}


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-5", "mx-central-1"])
def test_amazons_authorities_alone_are_believed_of_aws(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    assert believed() == str(clients.AMAZON)


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"])
def test_of_other_partitions_those_are_believed_that_botocore_has(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    assert believed() is True


@pytest.mark.parametrize("variable", clients.OWN_CHOICE)
def test_environment_may_name_other_certificates(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv(variable, "/company/authorities.pem")
    assert believed() == "/company/authorities.pem"
