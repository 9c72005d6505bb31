"""Lays certifi's certificates down in a built layer, each in a file of its own: `lay_certificates.py FOLDER`.

A bundle in one file is read as a whole when a TLS context is made. Of a folder whose files are named after
their subjects, OpenSSL reads the one that a chain ends in, when there is such a chain
(https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/, CApath; read 2026-11-21).
"""

import base64
import hashlib
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n(.+?)-----END CERTIFICATE-----\n", re.DOTALL)
VERSION, SET, SEQUENCE, UTF8_STRING = 0xA0, 0x31, 0x30, 0x0C
# The kinds of text, between which names make no difference: tag to encoding (ITU-T X.680, 8.6).
TEXTS = {
    UTF8_STRING: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1A: "ascii", 0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}  # fmt: skip


def lay(python: Path) -> None:
    """Make Easel's folder of certifi's bundle, and remove that: nothing imports it."""
    lay_down(certificates(python / "certifi" / "cacert.pem"), python / "easel" / "certificates")
    for folder in python.glob("certifi*"):
        shutil.rmtree(folder)


def lay_down(pems: Sequence[str], folder: Path) -> None:
    """A file for each certificate where OpenSSL looks for it: HASH.0, the next of the same subject HASH.1."""
    folder.mkdir()
    seen: Counter[str] = Counter()
    for pem in pems:
        name = subject_hash(pem)
        (folder / f"{name}.{seen[name]}").write_text(pem)
        seen[name] += 1


def certificates(bundle: Path) -> list[str]:
    """Each certificate of a bundle, without the words between."""
    return [found[0] for found in CERTIFICATE.finditer(bundle.read_text())]


def subject_hash(pem: str) -> str:
    """What `openssl x509 -subject_hash` says: of the subject with all text in UTF-8, ASCII letters in lower
    case, single spaces (x509_name_canon in OpenSSL's crypto/x509/x_name.c)."""
    canonical = b""
    for _, relative_name in parts(_subject(pem)):
        pairs = sorted(encoded(SEQUENCE, _canonical(pair)) for _, pair in parts(relative_name))
        canonical += encoded(SET, b"".join(pairs))
    return hashlib.sha1(canonical).digest()[3::-1].hex()


def _subject(pem: str) -> bytes:
    """What a certificate's subject is made of (RFC 5280, 4.1)."""
    ((_, whole),) = parts(base64.b64decode("".join(pem.splitlines()[1:-1])))
    (_, signed), *_ = parts(whole)
    _serial, _algorithm, _issuer, _validity, name, *_ = (
        content for tag, content in parts(signed) if tag != VERSION
    )
    return name


def _canonical(pair: bytes) -> bytes:
    (kind, name), (tag, value) = parts(pair)
    if tag in TEXTS:
        tag, value = UTF8_STRING, b" ".join(value.decode(TEXTS[tag]).encode().lower().split())
    return encoded(kind, name) + encoded(tag, value)


def parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element of DER (ITU-T X.690, 8.1; certificates have no tags above 30)."""
    while der:
        tag, length, start = der[0], der[1], 2
        if length >= 0x80:
            start += length - 0x80
            length = int.from_bytes(der[2:start], "big")
        yield tag, der[start : start + length]
        der = der[start + length :]


def encoded(tag: int, content: bytes) -> bytes:
    """An element of DER."""
    length, more = len(content), b""
    if length >= 0x80:
        more = length.to_bytes((length.bit_length() + 7) // 8, "big")
        length = 0x80 + len(more)
    return bytes([tag, length]) + more + content


if __name__ == "__main__":
    lay(Path(sys.argv[1]))
