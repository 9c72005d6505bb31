"""Whose certificates are believed of vendors, result hosts and hosts that callers name."""

import os
import ssl
from functools import cache
from pathlib import Path

# Made when the layer is built, of certifi's bundle. A folder costs nothing until a chain needs one of its
# certificates; the bundle as one file takes 120 million instructions and 1.5 MiB of each start.
CERTIFICATES = Path(__file__).parents[1] / "certificates"
# Where OpenSSL is told of others (https://docs.openssl.org/3.0/man7/openssl-env/, read 2026-11-21).
OWN_CHOICE = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@cache
def tls() -> ssl.SSLContext:
    """The one context of this process. What the environment names goes before the layer's."""
    if CERTIFICATES.is_dir() and not any(os.environ.get(name) for name in OWN_CHOICE):
        return ssl.create_default_context(capath=CERTIFICATES)
    return ssl.create_default_context()
