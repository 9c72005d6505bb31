"""Talking to vendors."""

from functools import cache

from easel.aws.clients import client
from easel.aws.route_states import DynamoRouteStates
from easel.aws.secrets import SecretVendorKeys
from easel.runtime import SystemClock, fact_log
from easel.settings import setting
from easel.steps.route_desk import RouteDesk
from easel.steps.vendor_calls import VendorCalls
from easel.vendor_settings import catalogue, keys_of_its_own, limits, vendor_base_urls
from easel.wiring.connections import transport
from easel.wiring.records import images


@cache
def vendor_keys() -> SecretVendorKeys:
    """The vendors' keys."""
    secret = setting("EASEL_VENDOR_KEYS_SECRET")
    return SecretVendorKeys(client("secretsmanager"), secret, keys_of_its_own())


def read_keys() -> None:
    """Read the vendors' keys, which are remembered then."""
    vendor_keys().get()


def vendor_calls() -> VendorCalls:
    """Asking vendors: by adapters, all of which are loaded at the start."""
    for endpoint in catalogue().endpoints.values():
        endpoint.adapter_of()
    return VendorCalls(transport(), vendor_keys(), images, catalogue(), vendor_base_urls())


def route_states() -> DynamoRouteStates:
    """What is known of the routes now."""
    return DynamoRouteStates(client("dynamodb"), setting("EASEL_TABLE"), SystemClock())


def route_desk() -> RouteDesk:
    """Turns at the routes, within the vendors' limits."""
    return RouteDesk(route_states(), catalogue(), limits(), SystemClock(), fact_log().tell)
