"""Connections to vendors and to where their results lie."""

from functools import cache

from easel.transport import HttpTransport
from easel.vendor_settings import trusted_hosts
from easel.wiring.trust import tls


@cache
def transport() -> HttpTransport:
    """The one connection pool to vendors and result hosts."""
    return HttpTransport(trusted_hosts(), tls())
