"""The step that asks vendors: Submit."""

from easel.runtime import SystemClock
from easel.steps.submit import Submitter
from easel.wiring.records import store
from easel.wiring.vendors import route_desk, vendor_calls


def submitter() -> Submitter:
    """The Submit step."""
    return Submitter(store(), vendor_calls(), route_desk(), SystemClock())
