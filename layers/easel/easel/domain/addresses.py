"""Which addresses are hosts' on the internet, and which links lead nowhere else, as far as their words tell.

What a name resolves to is looked at when it is asked (`public_http.py`); here nothing is looked up.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from easel.domain.forms import HTTPS_LINK, has_form
from easel.domain.request import GenerationRequest, Webhook, is_https_link
from easel.errors import FieldProblem, InvalidRequestError

# Below 1024 lie services of other protocols (mail, shells, directories), which could take a request of
# ours for commands of theirs; whoever receives behind TLS can do so at 443 or at a port of a user's.
HTTPS_PORT, USER_PORTS = 443, range(1024, 65536)

# Global unicast (https://www.iana.org/assignments/ipv6-unicast-address-assignments/): outside lie the
# mapped, NAT64, unique local, link-local and multicast ones.
PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
# What `is_global` lets through in some version of Python and is no host of anybody's: protocol assignments,
# relays, addresses that carry another one inside (Teredo, 6to4), documentation
# (https://www.iana.org/assignments/iana-ipv4-special-registry/ and …-ipv6-special-registry/).
NO_HOSTS_IPV4 = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4")))
NO_HOSTS_IPV6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))

# A host that ends in a number is no name but an IPv4 address, however it is spelled: `127.1`, `0x7f000001`,
# `017700000001` (https://url.spec.whatwg.org/#ends-in-a-number-checker, read 2026-11).
NUMBER = re.compile(r"(.*\.)?([0-9]+|0[xX][0-9A-Fa-f]*)\.?")
# Names that are each network's own (RFC 6761, 6762 and 8375; `internal`: ICANN board, 2024-07-29).
OWN_NAMES = re.compile(r"(.*\.)?(localhost|localdomain|local|internal|svc|home\.arpa)\.?", re.IGNORECASE)


def is_public(address: str) -> bool:
    """Whether an IP address is a host's on the internet: not private, local, shared, reserved or multicast,
    and not an IPv6 address that stands for an IPv4 one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not any(ip in network for network in NO_HOSTS_IPV4)
    return ip in PUBLIC_IPV6 and ip.is_global and not any(ip in network for network in NO_HOSTS_IPV6)


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def closed(link: str) -> str | None:
    """Why a link certainly leads to no public host over TLS; None where only its look-up can tell."""
    try:
        parts = urlsplit(link)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme != "https":
        return "must be an https URL"
    if port not in (None, HTTPS_PORT) and port not in USER_PORTS:
        return "names a port that is neither 443 nor at least 1024"
    is_address = NUMBER.fullmatch(host) or ":" in host
    if OWN_NAMES.fullmatch(host) or (is_address and not is_public(host)):
        return "names no public host"
    return None


def _closed_to_callers(link: str) -> str | None:
    """The same of a link in a request, where an address, or a name of one word, is none either."""
    return closed(link) or (None if has_form(link, HTTPS_LINK) else "names no public host by its full name")


def closed_webhook(webhook: Webhook | None, *, loopback: bool) -> list[FieldProblem]:
    """What is wrong with where a webhook goes. `loopback`: it may go to this machine, without TLS, too."""
    if webhook is None:
        return []
    host = urlsplit(webhook.url).hostname or ""
    if loopback and (host == "localhost" or is_loopback(host)):
        return []
    why = _closed_to_callers(webhook.url)
    return [FieldProblem("webhook.url", why)] if why else []


def refuse_closed_links(request: GenerationRequest, *, loopback_webhooks: bool) -> None:
    """Refuse what we, or the vendor in our name, would have to ask a private host for.

    Raises InvalidRequestError that names the links.
    """
    links = {f"images.{number}": image for number, image in enumerate(request.images) if is_https_link(image)}
    if request.lora is not None and is_https_link(request.lora.weights):
        links["lora.weights"] = request.lora.weights
    problems = [
        FieldProblem(field, why) for field, link in links.items() if (why := _closed_to_callers(link))
    ]
    problems += closed_webhook(request.webhook, loopback=loopback_webhooks)
    if problems:
        raise InvalidRequestError("A link leads to no public host.", problems)
