"""The steps over doubles of all ports: a generation's whole way without AWS and without a network."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from easel.catalogue import CATALOGUE, Catalogue
from easel.domain.generation import Attempt, Generation
from easel.domain.limits import RouteLimits
from easel.domain.request import GenerationRequest
from easel.ports import Transport
from easel.steps.announce import Announcer
from easel.steps.cancel import Canceler
from easel.steps.create import Creator
from easel.steps.persist import Persister
from easel.steps.poll import Poller
from easel.steps.read import Reader
from easel.steps.reconcile import Reconciler
from easel.steps.route_desk import RouteDesk
from easel.steps.settle import Settler
from easel.steps.submit import Submitter
from easel.steps.vendor_calls import VendorCalls
from easel.wire import HttpResponse
from tests.fakes.memory import (
    FakeClock,
    Keys,
    MemoryGenerations,
    MemoryImages,
    MemoryRouteStates,
    ScriptedTransport,
    Started,
    Told,
)

TENANT = "default"


def said(status: int, body: object = b"", **headers: str) -> HttpResponse:
    """A vendor's answer: JSON, or these very bytes. `retry_after="5"` is the header Retry-After."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


class Scene:
    """All steps, wired to each other in memory. `answers` are what vendors say, in order."""

    def __init__(
        self,
        *answers: HttpResponse | Exception,
        links: Mapping[str, bytes] | None = None,
        catalogue: Catalogue = CATALOGUE,
        transport: Transport | None = None,
        base_urls: Mapping[str, str] | None = None,
        limits: Mapping[str, RouteLimits] | None = None,
        extra_hosts: Sequence[str] = (),
    ) -> None:
        self.clock = FakeClock()
        self.store = MemoryGenerations(self.clock.now)
        self.images = MemoryImages()
        self.workflow = Started()
        self.bus = Told()
        self.keys = Keys(*catalogue.endpoints)
        self.script = ScriptedTransport(answers, links)
        spoken = transport or self.script
        calls = VendorCalls(spoken, self.keys, self.images, catalogue, base_urls or {})
        self.states = MemoryRouteStates()
        desk = self.desk = RouteDesk(self.states, catalogue, limits or {}, self.clock)
        self.creator = Creator(self.store, self.images, self.workflow, self.keys, catalogue, self.clock)
        self.reader = Reader(self.store, self.clock)
        self.submitter = Submitter(self.store, calls, desk, self.clock)
        self.poller = Poller(self.store, calls, desk, self.clock)
        self.persister = Persister(self.store, self.images, spoken, catalogue, self.clock, tuple(extra_hosts))
        announcer = Announcer(self.store, self.images, self.bus)
        self.settler = Settler(self.store, self.images, announcer, self.clock)
        self.canceler = Canceler(self.store, self.reader, announcer, self.clock)
        self.reconciler = Reconciler(self.store, self.workflow, self.settler, self.clock)

    def create(self, *, key: str | None = None, **fields: Any) -> Generation:
        """A generation on MuleRouter's asynchronous route, unless the fields say otherwise."""
        given = {"model": "qwen-image-max", "prompt": "a lighthouse", "route": "mulerouter/qwen-image-max"}
        return self.creator.create(TENANT, GenerationRequest(**(given | fields)), key)

    def now(self, generation: Generation) -> Generation:
        """The generation as it is stored now."""
        found = self.store.get(generation.id)
        assert found is not None
        return found

    def attempt(self, generation: Generation) -> Attempt:
        """Its latest attempt as it is stored now."""
        return self.now(generation).current_attempt

    def way(self, generation: Generation) -> list[str]:
        """The statuses that it has had, in order."""
        return self.store.history[generation.id]
