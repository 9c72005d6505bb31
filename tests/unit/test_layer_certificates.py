"""The certificates as they lie in the layer: OpenSSL finds each, and what is not there is not believed."""

import ssl
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from easel.errors import NotSentError
from easel.public_http import PublicHttp
from easel.transport import HttpTransport
from easel.wiring import trust
from tests.fakes.http_server import Exchange, LocalServer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "layers" / "easel"))
from lay_certificates import certificates, lay_down

Name = list[list[tuple[x509.ObjectIdentifier, str, _ASN1Type]]]
COMMON, COUNTRY, UNIT = NameOID.COMMON_NAME, NameOID.COUNTRY_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME
UTF8, PRINTABLE = _ASN1Type.UTF8String, _ASN1Type.PrintableString
# Authorities with all that their names may be made of.
NAMES: dict[str, Name] = {
    "plain": [[(COUNTRY, "US", PRINTABLE)], [(COMMON, "Some Root CA 1", PRINTABLE)]],
    "spaces": [[(COMMON, "  Some   ROOT  CA ", UTF8)]],
    "other letters": [[(COMMON, "FŐTANÚSÍTVÁNY Şirketi 根", UTF8)]],
    "wide": [[(COMMON, "Certificación ÉCOLE", _ASN1Type.BMPString)]],
    "wider": [[(COMMON, "CERTIFICACIÓN 根", _ASN1Type.UniversalString)]],
    "old": [[(COMMON, "Zertifikate Ä", _ASN1Type.T61String)]],
    "mail": [[(NameOID.EMAIL_ADDRESS, "PKI@Example.org", _ASN1Type.IA5String)], [(COMMON, "x", UTF8)]],
    "two in one": [[(COMMON, "Root", UTF8), (UNIT, "Unit", UTF8), (COUNTRY, "DE", PRINTABLE)]],
    "long": [[(UNIT, "a" * 60, UTF8)], [(UNIT, "b" * 60, UTF8)], [(UNIT, "c" * 60, UTF8)]],
}

# Of who signs certificates, and of a server.
KEY_USAGE = {
    ca: x509.KeyUsage(
        digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )
    for ca in (True, False)
}  # fmt: skip


def name_of(parts: Name) -> x509.Name:
    return x509.Name(
        x509.RelativeDistinguishedName(x509.NameAttribute(oid, text, kind) for oid, text, kind in one)
        for one in parts
    )


class Authority:
    """One that vouches for this machine."""

    def __init__(self, name: Name) -> None:
        self.name = name_of(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self._signed(self.name, self._key, ca=True).public_bytes(Encoding.PEM).decode()

    def server(self, folder: Path) -> LocalServer:
        """A server that it vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._signed(x509.Name([x509.NameAttribute(COMMON, "server")]), key, ca=False)
        path = folder / "server.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + leaf.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)

        def answer(exchange: Exchange) -> None:
            exchange.reply(200, {})

        return LocalServer(answer, context)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        now, public = datetime.now(UTC), self._key.public_key()
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        extensions = (
            (x509.BasicConstraints(ca=ca, path_length=None), True),
            (x509.SubjectAlternativeName([x509.DNSName("localhost")]), False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
            (KEY_USAGE[ca], True),
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture
def layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the layer's certificates are to lie."""
    for name in trust.OWN_CHOICE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(trust, "CERTIFICATES", tmp_path / "certificates")
    trust.tls.cache_clear()
    yield tmp_path / "certificates"
    trust.tls.cache_clear()


def asked(server: LocalServer) -> int:
    url = f"https://localhost:{server.port}/"
    return HttpTransport((), trust.tls()).send("GET", url, {}, None, timeout_seconds=5).status


@pytest.mark.parametrize("kind", NAMES)
def test_authority_of_the_folder_is_found_whatever_its_name_is(
    kind: str, layer: Path, tmp_path: Path
) -> None:
    authority = Authority(NAMES[kind])
    other = [pem for pem in certificates(Path(certifi.where())) if "Amazon" not in pem][:5]
    lay_down([*other, authority.pem], layer)
    server = authority.server(tmp_path)
    try:
        assert asked(server) == 200
        assert (
            PublicHttp(True, trust.tls()).post(f"https://localhost:{server.port}/", {}, b"", 5).status == 200
        )
    finally:
        server.stop()


def test_authority_that_is_not_in_the_folder_is_refused(layer: Path, tmp_path: Path) -> None:
    lay_down(certificates(Path(certifi.where())), layer)
    server = Authority(NAMES["plain"]).server(tmp_path)
    try:
        with pytest.raises(NotSentError, match="not who it should be"):
            asked(server)
    finally:
        server.stop()


def test_two_authorities_of_one_name_are_told_apart(layer: Path, tmp_path: Path) -> None:
    first, second = Authority(NAMES["plain"]), Authority(NAMES["plain"])
    lay_down([first.pem, second.pem], layer)
    for authority in (first, second):
        server = authority.server(tmp_path)
        try:
            assert asked(server) == 200
        finally:
            server.stop()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_what_the_environment_names_goes_before_the_folder(
    variable: str, layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_down(certificates(Path(certifi.where())), layer)
    authority = Authority(NAMES["plain"])
    lay_down([authority.pem], tmp_path / "own")
    (file,) = (tmp_path / "own").iterdir()
    monkeypatch.setenv(variable, str(file if variable == "SSL_CERT_FILE" else file.parent))
    server = authority.server(tmp_path)
    try:
        assert asked(server) == 200
    finally:
        server.stop()


def test_published_certificates_are_all_laid_down_under_names_of_openssls(tmp_path: Path) -> None:
    published = certificates(Path(certifi.where()))
    assert len(published) == Path(certifi.where()).read_text().count("BEGIN CERTIFICATE") > 100
    lay_down(published, tmp_path / "laid")
    assert sorted(path.read_text() for path in (tmp_path / "laid").iterdir()) == sorted(published)
    # ISRG Root X1, GTS Root R1, Amazon Root CA 1, DigiCert Global Root G2, NetLock Arany (Főtanúsítvány), as
    # `openssl x509 -hash` says of them.
    known = {"4042bcee.0", "1001acf7.0", "ce5e74ef.0", "607986c7.0", "988a38cb.0"}
    assert known <= {path.name for path in (tmp_path / "laid").iterdir()}
