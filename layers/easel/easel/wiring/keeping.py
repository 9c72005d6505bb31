"""The step that keeps images: Persist."""

import os

from easel.runtime import SystemClock, fact_log
from easel.steps.persist import Keeper, Persister
from easel.vendor_settings import catalogue
from easel.wiring.connections import transport
from easel.wiring.ending import settler
from easel.wiring.records import images, store


def persister() -> Persister:
    """What keeps images."""
    extra = tuple(filter(None, os.environ.get("EASEL_EXTRA_RESULT_HOSTS", "").split(",")))
    return Persister(store(), images(), transport(), catalogue(), SystemClock(), fact_log().tell, extra)


def keeper() -> Keeper:
    """The Persist step, with the end that follows it."""
    return Keeper(persister(), settler())
