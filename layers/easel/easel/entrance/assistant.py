"""Wiring of the MCP endpoint."""

from easel.doors.assistant import Assistant
from easel.entrance.gate import gate
from easel.runtime import SystemClock
from easel.steps.read import Reader
from easel.vendor_settings import catalogue
from easel.wiring.creating import creator
from easel.wiring.records import images, store
from easel.wiring.vendors import vendor_keys


def assistant() -> Assistant:
    """The tools of the MCP endpoint."""
    return Assistant(creator(), Reader(store(), SystemClock()), images(), gate(), vendor_keys(), catalogue())
