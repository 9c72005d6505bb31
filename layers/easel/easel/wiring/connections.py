"""Connections to vendors and to where their results lie."""

from functools import cache

from easel.ports import Transport
from easel.runtime import SystemClock
from easel.transport import HttpTransport
from easel.vendor_settings import sandbox_route, trusted_hosts
from easel.wiring.trust import tls


@cache
def transport() -> Transport:
    """The one connection pool to vendors and result hosts; the sandbox's answers come from within."""
    pool = HttpTransport(trusted_hosts(), tls())
    if not sandbox_route():
        return pool
    from easel.sandbox import SandboxTransport

    return SandboxTransport(pool, SystemClock())
