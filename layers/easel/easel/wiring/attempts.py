"""The steps that ask vendors: Submit and Poll."""

from easel.runtime import SystemClock
from easel.steps.poll import Poller
from easel.steps.submit import Submitter
from easel.wiring.records import store
from easel.wiring.vendors import route_desk, vendor_calls, vendor_keys


def read_keys() -> None:
    """Read the vendors' keys, which are remembered then."""
    vendor_keys().get()


def submitter() -> Submitter:
    """The Submit step."""
    return Submitter(store(), vendor_calls(), route_desk(), SystemClock())


def poller() -> Poller:
    """The Poll step."""
    return Poller(store(), vendor_calls(), route_desk(), SystemClock())
