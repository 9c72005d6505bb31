"""Batches: the steps Prepare, Feed and Collect."""

from functools import cache

from easel.aws.batches import DynamoBatches
from easel.aws.clients import client
from easel.aws.files import S3Files
from easel.aws.workflow import StepFunctionsWorkflow
from easel.catalogue import CATALOGUE
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.domain.webhooks import refuse_plain_webhook
from easel.routing import Choice, choose
from easel.runtime import SystemClock
from easel.settings import loopback_webhooks, retention_days, setting
from easel.steps.batch_plan import BatchPlanner
from easel.steps.batches import Batcher
from easel.steps.collect import Collector
from easel.steps.feed import Feeder
from easel.steps.judge import Choose
from easel.steps.prepare import Preparer
from easel.steps.row_report import Reporter
from easel.vendor_settings import limits, policy
from easel.wiring.creating import creator
from easel.wiring.ending import bus
from easel.wiring.inbox import inbox
from easel.wiring.records import images, store
from easel.wiring.vendors import vendor_keys


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
