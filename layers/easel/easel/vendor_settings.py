"""What the environment sets of vendors and routes. Raises SettingsError naming the variable that is wrong."""

import json
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from easel.catalogue import CATALOGUE, Catalogue
from easel.domain.limits import RouteLimits, configured_limits
from easel.errors import SettingsError
from easel.routing import Policy


def sandbox_route() -> bool:
    """Whether the deployment offers the sandbox route."""
    return os.environ.get("EASEL_SANDBOX_ROUTE") == "on"


def catalogue() -> Catalogue:
    """The routes that the deployment offers: the vendors', and the sandbox's where it is switched on."""
    if not sandbox_route():
        return CATALOGUE
    from easel.sandbox import WITH_SANDBOX

    return WITH_SANDBOX


def keys_of_its_own() -> Mapping[str, str]:
    """What stands for keys of endpoints that need none."""
    return {"sandbox": "none"} if sandbox_route() else {}


def vendor_base_urls() -> Mapping[str, str]:
    """Base URLs that replace endpoints' own. Raises SettingsError where they are no such JSON object."""
    name = "EASEL_VENDOR_BASE_URLS"
    try:
        urls: dict[str, str] = json.loads(os.environ.get(name) or "{}")
    except ValueError as error:
        raise SettingsError(f"{name} is not JSON") from error
    known = isinstance(urls, dict) and set(urls) <= set(CATALOGUE.endpoints)
    if not known or not all(isinstance(url, str) and urlsplit(url).netloc for url in urls.values()):
        allowed = ", ".join(CATALOGUE.endpoints)
        raise SettingsError(f"{name} must be a JSON object, endpoint name ({allowed}) to URL")
    return urls


def trusted_hosts() -> tuple[str, ...]:
    """`host:port` of the base URLs that were set explicitly."""
    return tuple(urlsplit(url).netloc.lower() for url in vendor_base_urls().values())


def limits() -> Mapping[str, RouteLimits]:
    """The vendors' limits that hold."""
    offered = {name: route.limits for name, route in catalogue().routes.items()}
    return configured_limits(os.environ.get("EASEL_VENDOR_LIMITS", ""), offered)


def policy() -> Policy:
    """How routes are ordered. Raises SettingsError where it is no policy."""
    text = os.environ.get("EASEL_ROUTING_POLICY") or Policy.BALANCED.value
    if text not in tuple(Policy):
        raise SettingsError(f"EASEL_ROUTING_POLICY must be one of {', '.join(Policy)}")
    return Policy(text)
