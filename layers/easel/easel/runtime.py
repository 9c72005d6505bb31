"""Settings, clients and wiring: the only module that knows both the steps and AWS.

In Lambda, what every request needs is made in the init phase, which runs at full speed (the first AWS
call is up to sixty times dearer when that is left to a 256 MB handler). Elsewhere importing a handler
makes nothing: it is made on first use.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from aws_lambda_powertools.logging import Logger

from easel.aws.batches import DynamoBatches
from easel.aws.clients import client
from easel.aws.events import EventBridgeBus, SqsDeadLetters
from easel.aws.files import S3Files, S3Inbox
from easel.aws.images import S3Images
from easel.aws.keys import DynamoApiKeys, DynamoQuotas, DynamoTenants
from easel.aws.route_states import DynamoRouteStates
from easel.aws.secrets import SecretVendorKeys
from easel.aws.table import DynamoGenerations
from easel.aws.workflow import NoWorkflow, StepFunctionsWorkflow
from easel.catalogue import CATALOGUE
from easel.domain.limits import RouteLimits, configured_limits
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.doors.batches import BatchDoor
from easel.doors.native import NativeDoor
from easel.errors import SettingsError
from easel.routing import Choice, Policy, choose
from easel.steps.announce import Announcer
from easel.steps.batches import Batcher
from easel.steps.cancel import Canceler
from easel.steps.collect import Collector
from easel.steps.create import Creator
from easel.steps.feed import Feeder
from easel.steps.gate import Gate
from easel.steps.inputs import InputImages
from easel.steps.intake import Intake, Manifests, Requests
from easel.steps.persist import Persister
from easel.steps.poll import Poller
from easel.steps.prepare import Preparer
from easel.steps.read import Reader
from easel.steps.reconcile import BatchReconciler, Reconciler
from easel.steps.route_desk import RouteDesk
from easel.steps.row_report import Reporter
from easel.steps.settle import Settler
from easel.steps.submit import Submitter
from easel.steps.vendor_calls import VendorCalls
from easel.transport import HttpTransport

Made = TypeVar("Made")


class SystemClock:
    """The port `Clock`."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


def setting(name: str) -> str:
    """An environment variable that must be set. Raises SettingsError naming it."""
    value = os.environ.get(name)
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value


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


@cache  # one of each per process
def logger() -> Logger:
    """The structured logger. It is given ids, statuses and codes; never prompts, keys or links."""
    return Logger()


@cache
def transport() -> HttpTransport:
    """The one connection pool to vendors and result hosts."""
    return HttpTransport(trusted_hosts())


def retention_days() -> int:
    """How long records are kept."""
    return int(os.environ.get("EASEL_RECORD_RETENTION_DAYS") or 90)


@cache
def store() -> DynamoGenerations:
    """The generations."""
    return DynamoGenerations(client("dynamodb"), setting("EASEL_TABLE"), retention_days())


@cache
def images() -> S3Images:
    """The image bucket."""
    return S3Images(client("s3"), setting("EASEL_IMAGE_BUCKET"))


@cache
def vendor_keys() -> SecretVendorKeys:
    """The vendors' keys."""
    return SecretVendorKeys(client("secretsmanager"), setting("EASEL_VENDOR_KEYS_SECRET"))


def vendor_calls() -> VendorCalls:
    """Asking vendors."""
    return VendorCalls(transport(), vendor_keys(), images(), CATALOGUE, vendor_base_urls())


def limits() -> Mapping[str, RouteLimits]:
    """The vendors' limits that hold."""
    catalogue = {name: route.limits for name, route in CATALOGUE.routes.items()}
    return configured_limits(os.environ.get("EASEL_VENDOR_LIMITS", ""), catalogue)


def route_desk() -> RouteDesk:
    """Turns at the routes, within the vendors' limits."""
    states = DynamoRouteStates(client("dynamodb"), setting("EASEL_TABLE"))
    return RouteDesk(states, CATALOGUE, limits(), SystemClock())


def policy() -> Policy:
    """How routes are ordered. Raises SettingsError where it is no policy."""
    text = os.environ.get("EASEL_ROUTING_POLICY") or Policy.BALANCED.value
    if text not in tuple(Policy):
        raise SettingsError(f"EASEL_ROUTING_POLICY must be one of {', '.join(Policy)}")
    return Policy(text)


def workflow() -> StepFunctionsWorkflow:
    """The state machine."""
    return StepFunctionsWorkflow(client("stepfunctions"), setting("EASEL_STATE_MACHINE"))


def announcer() -> Announcer:
    """Telling how generations ended."""
    return Announcer(store(), images(), bus())


@cache
def batches() -> DynamoBatches:
    """The batches."""
    return DynamoBatches(client("dynamodb"), setting("EASEL_TABLE"), retention_days())


@cache
def files() -> S3Files:
    """Manifests and results."""
    return S3Files(client("s3"), setting("EASEL_IMAGE_BUCKET"))


def batch_workflow() -> StepFunctionsWorkflow:
    """The state machine of batches."""
    return StepFunctionsWorkflow(client("stepfunctions"), setting("EASEL_BATCH_STATE_MACHINE"))


def batcher() -> Batcher:
    """Making and moving batches."""
    return Batcher(batches(), files(), batch_workflow(), SystemClock(), setting("EASEL_IMAGE_BUCKET"))


def creator(inbox: S3Inbox | None = None) -> Creator:
    """Making generations."""
    inputs = InputImages(images(), inbox)
    return Creator(store(), inputs, workflow(), vendor_keys(), CATALOGUE, SystemClock(), policy())


def requests_of_workflows() -> Requests:
    """Making generations that executions of the callers' carry: none is started."""
    inputs = InputImages(images(), inbox())
    made = Creator(store(), inputs, NoWorkflow(), vendor_keys(), CATALOGUE, SystemClock(), policy())
    return Requests(made, setting("EASEL_DEFAULT_TENANT"))


def inbox() -> S3Inbox:
    """The bucket for callers' files."""
    return S3Inbox(client("s3"), setting("EASEL_INBOX_BUCKET"))


def intake() -> Intake:
    """What comes in without HTTP."""
    letters = SqsDeadLetters(client("sqs"), setting("EASEL_DEAD_LETTERS"))
    requests = Requests(creator(inbox()), setting("EASEL_DEFAULT_TENANT"))
    return Intake(requests, batcher(), inbox(), bus(), letters)


def preparer() -> Preparer:
    """The Prepare step."""
    at_once = int(setting("EASEL_BATCH_CONCURRENCY"))
    keys, order = vendor_keys(), policy()

    def chosen(caller: Caller, request: GenerationRequest) -> tuple[Choice, ...]:
        return choose(request, CATALOGUE, keys.get(), order, key=caller.key)

    return Preparer(batches(), files(), chosen, CATALOGUE, limits(), SystemClock(), at_once)


def reporter() -> Reporter:
    """What is said of rows."""
    return Reporter(store(), files(), images(), CATALOGUE)


def feeder() -> Feeder:
    """The Feed step."""
    return Feeder(batches(), store(), files(), reporter(), creator(inbox()), CATALOGUE, SystemClock())


def collector() -> Collector:
    """The Collect step."""
    return Collector(batches(), files(), reporter(), bus(), SystemClock())


def gate() -> Gate:
    """Where every call comes in."""
    dynamodb, table = client("dynamodb"), setting("EASEL_TABLE")
    keys, tenants = DynamoApiKeys(dynamodb, table), DynamoTenants(dynamodb, table)
    return Gate(keys, tenants, DynamoQuotas(dynamodb, table), SystemClock())


def native_door() -> NativeDoor:
    """The native HTTP API's parts."""
    clock = SystemClock()
    reader = Reader(store(), clock)
    return NativeDoor(
        creator=creator(),
        reader=reader,
        canceler=Canceler(store(), reader, announcer(), clock),
        images=images(),
        gate=gate(),
        vendor_keys=vendor_keys(),
        catalogue=CATALOGUE,
        batches=BatchDoor(batcher(), Manifests(inbox(), setting("EASEL_DEFAULT_TENANT")), files(), clock),
        logger=logger(),
    )


def submitter() -> Submitter:
    """The Submit step."""
    return Submitter(store(), vendor_calls(), route_desk(), SystemClock())


def poller() -> Poller:
    """The Poll step."""
    return Poller(store(), vendor_calls(), route_desk(), SystemClock())


def persister() -> Persister:
    """The Persist step."""
    extra = tuple(filter(None, os.environ.get("EASEL_EXTRA_RESULT_HOSTS", "").split(",")))
    return Persister(store(), images(), transport(), CATALOGUE, SystemClock(), extra)


def bus() -> EventBridgeBus:
    """Easel's bus."""
    return EventBridgeBus(client("events"), setting("EASEL_EVENT_BUS"))


def settler() -> Settler:
    """The Settle step."""
    return Settler(store(), images(), announcer(), SystemClock())


def reconciler() -> Reconciler:
    """The Reconcile step."""
    batch_part = BatchReconciler(batches(), batch_workflow(), collector(), SystemClock())
    return Reconciler(store(), workflow(), settler(), batch_part, SystemClock())


@dataclass(slots=True)
class Provided(Generic[Made]):
    """Something that is made once: in Lambda's init phase, elsewhere at the first `get`."""

    make: Callable[[], Made]
    made: Made | None = None

    def __post_init__(self) -> None:
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            self.made = self.make()

    def get(self) -> Made:
        """The thing itself."""
        if self.made is None:
            self.made = self.make()
        return self.made
