"""The step that asks how vendors' tasks stand: Poll."""

from easel.runtime import SystemClock
from easel.steps.poll import Poller
from easel.wiring.records import store
from easel.wiring.vendors import route_desk, vendor_calls


def poller() -> Poller:
    """The Poll step."""
    return Poller(store(), vendor_calls(), route_desk(), SystemClock())
