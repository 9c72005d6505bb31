"""Clients and wiring: the only module that knows both the steps and AWS.

In Lambda, what every request needs is made in the init phase, which runs at full speed (the first AWS
call is up to sixty times dearer when that is left to a 256 MB handler). Elsewhere importing a handler
makes nothing: it is made on first use.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Generic, TypeVar

from aws_lambda_powertools.logging import Logger

from easel.aws.batches import DynamoBatches
from easel.aws.clients import client
from easel.aws.deliveries import DynamoDeliveries
from easel.aws.events import EventBridgeBus, SqsDeadLetters
from easel.aws.files import S3Files, S3Inbox
from easel.aws.images import S3Images
from easel.aws.keys import DynamoTenants
from easel.aws.metrics import FactLog
from easel.aws.route_states import DynamoRouteStates
from easel.aws.secrets import SecretText, SecretVendorKeys
from easel.aws.table import DynamoGenerations
from easel.aws.uploads import S3Uploads
from easel.aws.workflow import NoWorkflow, StepFunctionsWorkflow
from easel.catalogue import CATALOGUE
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.domain.webhooks import refuse_plain_webhook
from easel.public_http import PublicHttp
from easel.routing import Choice, choose
from easel.settings import (
    limits,
    loopback_webhooks,
    policy,
    retention_days,
    setting,
    trusted_hosts,
    vendor_base_urls,
    webhook_schedule,
)
from easel.signatures import SigningKeys, keys_of
from easel.steps.announce import Announcer
from easel.steps.batch_plan import BatchPlanner
from easel.steps.batches import Batcher
from easel.steps.collect import Collector
from easel.steps.create import Creator
from easel.steps.deliver import Deliverer
from easel.steps.feed import Feeder
from easel.steps.forecast import Forecast
from easel.steps.inputs import InputImages
from easel.steps.intake import Intake, Requests
from easel.steps.judge import Choose
from easel.steps.linked_images import LinkedImages
from easel.steps.persist import Keeper, Persister
from easel.steps.poll import Poller
from easel.steps.prepare import Preparer
from easel.steps.reconcile import BatchReconciler, DeliveryReconciler, Reconciler
from easel.steps.route_desk import RouteDesk
from easel.steps.row_report import Reporter
from easel.steps.settle import Settler
from easel.steps.submit import Submitter
from easel.steps.vendor_calls import VendorCalls
from easel.steps.webhooks import Webhooks
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


@cache  # one of each per process
def logger() -> Logger:
    """The structured logger. It is given ids, statuses and codes; never prompts, keys or links."""
    return Logger()


@cache
def fact_log() -> FactLog:
    """Where facts are told."""
    return FactLog(logging.getLogger(logger().name), setting("EASEL_METRICS_NAMESPACE"))


@cache
def transport() -> HttpTransport:
    """The one connection pool to vendors and result hosts."""
    return HttpTransport(trusted_hosts())


@cache
def store() -> DynamoGenerations:
    """The generations."""
    return DynamoGenerations(client("dynamodb"), setting("EASEL_TABLE"), retention_days(), SystemClock())


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


def route_states() -> DynamoRouteStates:
    """What is known of the routes now."""
    return DynamoRouteStates(client("dynamodb"), setting("EASEL_TABLE"))


def route_desk() -> RouteDesk:
    """Turns at the routes, within the vendors' limits."""
    return RouteDesk(route_states(), CATALOGUE, limits(), SystemClock(), fact_log().tell)


@cache
def forecast() -> Forecast:
    """How long routes are expected to take."""
    return Forecast(route_states(), SystemClock())


@cache
def tenants() -> DynamoTenants:
    """What was set for tenants."""
    return DynamoTenants(client("dynamodb"), setting("EASEL_TABLE"))


def workflow() -> StepFunctionsWorkflow:
    """The state machine."""
    return StepFunctionsWorkflow(client("stepfunctions"), setting("EASEL_STATE_MACHINE"))


def announcer() -> Announcer:
    """Telling how generations ended."""
    return Announcer(store(), images(), bus(), webhooks())


@cache
def deliveries() -> DynamoDeliveries:
    """The deliveries of webhooks."""
    return DynamoDeliveries(client("dynamodb"), setting("EASEL_TABLE"), retention_days())


def deliver_workflow() -> StepFunctionsWorkflow:
    """The state machine of deliveries."""
    return StepFunctionsWorkflow(client("stepfunctions"), setting("EASEL_DELIVER_STATE_MACHINE"))


def webhooks() -> Webhooks:
    """Making deliveries."""
    return Webhooks(deliveries(), tenants(), deliver_workflow(), SystemClock())


def signing_keys() -> Callable[[str], SigningKeys]:
    """The keys by which webhooks are signed, by tenant."""
    secret = SecretText(client("secretsmanager"), setting("EASEL_SIGNING_SECRET"))
    default_tenant = setting("EASEL_DEFAULT_TENANT")
    return lambda tenant: keys_of(tenant, secret.get(), default_tenant)


def deliverer() -> Deliverer:
    """The Deliver step."""
    posts, clock = PublicHttp(allow_loopback=loopback_webhooks()), SystemClock()
    tell = fact_log().tell
    return Deliverer(
        store(), deliveries(), tenants(), images(), posts, signing_keys(), clock, tell, webhook_schedule()
    )


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


def uploads() -> S3Uploads:
    """Where callers put input images themselves."""
    return S3Uploads(client("s3"), setting("EASEL_IMAGE_BUCKET"))


def input_images(inbox: S3Inbox | None) -> InputImages:
    """Reading input images. A link to this machine is refused on the local stack, too."""
    clock = SystemClock()
    return InputImages(images(), uploads(), LinkedImages(PublicHttp(), clock), store(), inbox)


def creator(inbox: S3Inbox | None = None) -> Creator:
    """Making generations."""
    inputs = input_images(inbox)
    return Creator(
        store(), inputs, workflow(), vendor_keys(), CATALOGUE, SystemClock(), tenants(), forecast(),
        fact_log().tell, policy(), loopback_webhooks(),
    )  # fmt: skip


def requests_of_workflows() -> Requests:
    """Making generations that executions of the callers' carry: none is started."""
    inputs = input_images(inbox())
    carried = NoWorkflow()
    made = Creator(
        store(), inputs, carried, vendor_keys(), CATALOGUE, SystemClock(), tenants(), forecast(),
        fact_log().tell, policy(), loopback_webhooks(),
    )  # fmt: skip
    return Requests(made, setting("EASEL_DEFAULT_TENANT"))


def inbox() -> S3Inbox:
    """The bucket for callers' files."""
    return S3Inbox(client("s3"), setting("EASEL_INBOX_BUCKET"))


def intake() -> Intake:
    """What comes in without HTTP."""
    letters = SqsDeadLetters(client("sqs"), setting("EASEL_DEAD_LETTERS"))
    requests = Requests(creator(inbox()), setting("EASEL_DEFAULT_TENANT"))
    return Intake(requests, batcher(), inbox(), bus(), letters)


def choices() -> Choose:
    """Choosing routes for rows of batches."""
    keys, order, plain_webhooks = vendor_keys(), policy(), loopback_webhooks()

    def chosen(caller: Caller, request: GenerationRequest) -> tuple[Choice, ...]:
        if not plain_webhooks:
            refuse_plain_webhook(request.webhook)
        return choose(request, CATALOGUE, keys.get(), order, key=caller.key)

    return chosen


def inbox_place() -> str:
    """How URIs of the inbox begin."""
    return f"s3://{setting('EASEL_INBOX_BUCKET')}/"


def preparer() -> Preparer:
    """The Prepare step."""
    at_once = int(setting("EASEL_BATCH_CONCURRENCY"))
    return Preparer(batches(), files(), choices(), CATALOGUE, limits(), SystemClock(), at_once, inbox_place())


def batch_planner() -> BatchPlanner:
    """Saying what a batch would come to."""
    return BatchPlanner(choices(), files(), SystemClock(), inbox_place())


def reporter() -> Reporter:
    """What is said of rows."""
    return Reporter(store(), files(), images())


def feeder() -> Feeder:
    """The Feed step."""
    return Feeder(batches(), store(), files(), reporter(), creator(inbox()), CATALOGUE, SystemClock())


def collector() -> Collector:
    """The Collect step."""
    return Collector(batches(), files(), reporter(), bus(), SystemClock())


def submitter() -> Submitter:
    """The Submit step."""
    return Submitter(store(), vendor_calls(), route_desk(), SystemClock())


def poller() -> Poller:
    """The Poll step."""
    return Poller(store(), vendor_calls(), route_desk(), SystemClock())


def persister() -> Persister:
    """What keeps images."""
    extra = tuple(filter(None, os.environ.get("EASEL_EXTRA_RESULT_HOSTS", "").split(",")))
    return Persister(store(), images(), transport(), CATALOGUE, SystemClock(), fact_log().tell, extra)


def keeper() -> Keeper:
    """The Persist step, with the end that follows it."""
    return Keeper(persister(), settler())


def bus() -> EventBridgeBus:
    """Easel's bus."""
    return EventBridgeBus(client("events"), setting("EASEL_EVENT_BUS"))


def settler() -> Settler:
    """The Settle step."""
    return Settler(store(), images(), announcer(), SystemClock(), fact_log().tell)


def reconciler() -> Reconciler:
    """The Reconcile step."""
    batch_part = BatchReconciler(batches(), batch_workflow(), collector(), SystemClock())
    tell = fact_log().tell
    delivery_part = DeliveryReconciler(deliveries(), deliver_workflow(), tell)
    return Reconciler(store(), workflow(), settler(), batch_part, delivery_part, SystemClock(), tell)


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
