"""The internet as a transport sees it: every host name leads to a local server, over real TLS on 443."""

import ipaddress
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.util import connection as urllib3_connection

from tests.fakes.http_server import LocalServer, Respond


def certificate(folder: Path, hosts: Sequence[str]) -> Path:
    """A self-signed certificate for these hosts and its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / "server.pem"
    private = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(pem))
    return path


class Internet:
    """Remembers every address that a connection was opened to, and serves them all by `respond`."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path, hosts: Sequence[str], respond: Respond
    ) -> None:
        pem = certificate(folder, hosts)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.secure = LocalServer(respond, context)
        self.plain = LocalServer(respond)
        self.opened: list[tuple[str, int]] = []
        monkeypatch.setattr(urllib3_connection, "create_connection", self._open)

    def _open(self, address: tuple[str, int], timeout: float = 5.0, **_: object) -> socket.socket:
        self.opened.append(address)
        server = self.secure if address[1] == 443 else self.plain
        return socket.create_connection(("127.0.0.1", server.port), timeout)

    def stop(self) -> None:
        """Let go of the ports."""
        self.secure.stop()
        self.plain.stop()
