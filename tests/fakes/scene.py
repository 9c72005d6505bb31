"""The steps over doubles of all ports: generations' and batches' whole ways without AWS or a network."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from easel.aws.workflow import NoWorkflow
from easel.catalogue import CATALOGUE, Catalogue
from easel.domain.addresses import refuse_closed_links
from easel.domain.facts import Fact, Tell
from easel.domain.generation import Attempt, Generation
from easel.domain.limits import RouteLimits
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.ports import Transport, Workflow
from easel.routing import Choice, choose
from easel.signatures import SigningKeys, keys_of
from easel.steps.announce import Announcer
from easel.steps.batch_plan import BatchPlanner
from easel.steps.batches import Batcher
from easel.steps.cancel import Canceler
from easel.steps.collect import Collector
from easel.steps.create import Creator
from easel.steps.deliver import Deliverer
from easel.steps.feed import Feeder
from easel.steps.forecast import Forecast
from easel.steps.hold import Holder
from easel.steps.inputs import InputImages
from easel.steps.intake import Intake, Manifests, Requests
from easel.steps.linked_images import LinkedImages
from easel.steps.persist import Keeper, Persister
from easel.steps.poll import Poller
from easel.steps.prepare import Preparer
from easel.steps.read import Reader
from easel.steps.reconcile import BatchReconciler, DeliveryReconciler, Reconciler
from easel.steps.route_desk import RouteDesk
from easel.steps.row_report import Reporter
from easel.steps.settle import Settler
from easel.steps.submit import Submitter
from easel.steps.vendor_calls import VendorCalls
from easel.steps.webhooks import Webhooks
from easel.wire import HttpResponse
from tests.fakes.memory import (
    FakeClock,
    Keys,
    MemoryGenerations,
    MemoryImages,
    MemoryQuotas,
    MemoryUndelivered,
    ScriptedTransport,
    SetTenants,
    Started,
    Told,
)
from tests.fakes.memory_batches import MemoryBatches
from tests.fakes.memory_files import Buckets, MemoryDeadLetters, MemoryFiles, MemoryInbox
from tests.fakes.memory_keys import ChangedKeys, MemoryKeyBook
from tests.fakes.memory_routes import MemoryRouteStates
from tests.fakes.memory_uploads import KnownLinks, MemoryUploads
from tests.fakes.memory_webhooks import MemoryDeliveries, Receivers

TENANT = "default"
KEPT_DAYS = 90  # records are


def said(status: int, body: object = b"", **headers: str) -> HttpResponse:
    """A vendor's answer: JSON, or these very bytes. `retry_after="5"` is the header Retry-After."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def signing_keys(tenant: str) -> SigningKeys:
    """A tenant's keys."""
    return keys_of(tenant, "PLANTED-SIGNING-SECRET-of-the-scene", TENANT)


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
        at_once: int = 50,
        tell: Tell | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.clock = FakeClock()
        self.facts: list[Fact] = []
        self.tell = tell or self.facts.append
        self.batches = MemoryBatches()
        self.deliveries, self.receivers = MemoryDeliveries(), Receivers()
        self.store = MemoryGenerations(self.clock.now, self.batches, self.deliveries)
        self.images = MemoryImages()
        self.uploads, self.links = MemoryUploads(), KnownLinks()
        self.tenants, self.quotas = SetTenants(), MemoryQuotas()
        self.key_book = MemoryKeyBook(self.clock, self.tenants)
        self.workflow = Started()
        self.bus = Told()
        self.keys = Keys(*catalogue.endpoints)
        self.script = ScriptedTransport(answers, links)
        spoken = transport or self.script
        calls = VendorCalls(spoken, self.keys, lambda: self.images, catalogue, base_urls or {})
        self.states = MemoryRouteStates()
        self.forecast = Forecast(self.states, self.clock)
        desk = self.desk = RouteDesk(self.states, catalogue, limits or {}, self.clock, self.tell)
        self.buckets: Buckets = {}
        self.files, self.inbox = MemoryFiles(self.buckets), MemoryInbox(self.buckets)
        self.creator = self._creator(self.workflow, None)
        self.reader = Reader(self.store, self.clock)
        self.undelivered = MemoryUndelivered()
        self.holder = Holder(self.undelivered, self.reader, self.clock)
        self.submitter = Submitter(self.store, calls, desk, self.clock)
        self.poller = Poller(self.store, calls, desk, self.clock)
        self.persister = Persister(
            self.store, self.images, spoken, catalogue, self.clock, self.tell, tuple(extra_hosts)
        )
        self._add_webhooks()
        announcer = Announcer(self.store, self.images.uri, self.bus, self.webhooks)
        self.settler = Settler(self.store, self.images.uri, announcer, self.clock, self.tell)
        self.keeper = Keeper(self.persister, self.settler)
        self.canceler = Canceler(self.store, self.reader, announcer, self.clock, self.tell)
        self._add_batches(limits or {}, at_once)
        self._add_ways_in()
        carers = BatchReconciler(self.batches, self.batch_workflow, self.collector, self.clock)
        telling = DeliveryReconciler(self.deliveries, self.deliver_workflow, self.tell)
        self.reconciler = Reconciler(
            self.store, self.workflow, self.settler, carers, telling, self.clock, self.tell
        )

    def _creator(self, workflow: Workflow, inbox: MemoryInbox | None) -> Creator:
        inputs = InputImages(
            self.images, self.uploads, LinkedImages(self.links, self.clock), self.store, inbox
        )
        return Creator(
            self.store, inputs, workflow, self.keys, self.catalogue, self.clock, self.tenants, self.forecast,
            self.tell,
        )  # fmt: skip

    def _add_batches(self, limits: Mapping[str, RouteLimits], at_once: int) -> None:
        self.batch_workflow, self.keys_by_id = Started(), ChangedKeys()
        self.batcher = Batcher(
            self.batches, self.files, self.batch_workflow, self.clock, self.files.bucket, KEPT_DAYS
        )
        self.preparer = Preparer(
            self.batches,
            self.files,
            self.choices,
            self.catalogue,
            limits,
            self.clock,
            at_once,
            "s3://inbox/",
        )
        self.batch_planner = BatchPlanner(self.choices, self.files, self.clock, "s3://inbox/")
        reporter = self.reporter = Reporter(self.store, self.files, self.images)
        creator = self._creator(self.workflow, self.inbox)
        self.feeder = Feeder(
            self.batches, self.store, self.files, reporter, creator, self.catalogue, self.clock,
            self.keys_by_id, KEPT_DAYS,
        )  # fmt: skip
        self.collector = Collector(self.batches, self.files, reporter, self.bus, self.clock)

    def _add_webhooks(self) -> None:
        self.deliver_workflow = Started()
        self.webhooks = Webhooks(self.deliveries, self.tenants, lambda: self.deliver_workflow, self.clock)
        self.deliverer = Deliverer(
            self.store, self.deliveries, self.tenants, self.images, self.receivers, signing_keys, self.clock,
            self.tell,
        )  # fmt: skip

    def _add_ways_in(self) -> None:
        self.letters = MemoryDeadLetters()
        requests = Requests(self._creator(self.workflow, self.inbox), TENANT)
        self.intake = Intake(requests, self.batcher, self.inbox, lambda: self.bus, lambda: self.letters)
        self.requests_of_workflows = Requests(self._creator(NoWorkflow(), self.inbox), TENANT)
        self.manifests = Manifests(self.inbox, TENANT)

    def choices(self, caller: Caller, request: GenerationRequest) -> tuple[Choice, ...]:
        """The routes that can serve a row's request."""
        refuse_closed_links(request, loopback_webhooks=False)
        return choose(request, self.catalogue, self.keys.get(), key=caller.key)

    def create(self, *, key: str | None = None, **fields: Any) -> Generation:
        """A generation on MuleRouter's asynchronous route, unless the fields say otherwise."""
        given = {"model": "qwen-image-max", "prompt": "a lighthouse", "route": "mulerouter/qwen-image-max"}
        return self.creator.create(Caller(tenant=TENANT), GenerationRequest(**(given | fields)), key)

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
