"""How generations end, and who is told: the step Settle."""

from functools import cache

from easel.aws.clients import client
from easel.aws.deliveries import DynamoDeliveries
from easel.aws.events import EventBridgeBus
from easel.aws.tenants import DynamoTenants
from easel.aws.workflow import StepFunctionsWorkflow
from easel.runtime import SystemClock, fact_log
from easel.settings import retention_days, setting
from easel.steps.announce import Announcer
from easel.steps.settle import Settler
from easel.steps.webhooks import Webhooks
from easel.wiring.records import image_uri, store


@cache
def tenants() -> DynamoTenants:
    """What was set for tenants."""
    return DynamoTenants(client("dynamodb"), setting("EASEL_TABLE"))


def bus() -> EventBridgeBus:
    """Easel's bus."""
    return EventBridgeBus(client("events"), setting("EASEL_EVENT_BUS"))


@cache
def deliveries() -> DynamoDeliveries:
    """The deliveries of webhooks."""
    return DynamoDeliveries(client("dynamodb"), setting("EASEL_TABLE"), retention_days(), SystemClock())


def deliver_workflow() -> StepFunctionsWorkflow:
    """The state machine of deliveries."""
    return StepFunctionsWorkflow(client("stepfunctions"), setting("EASEL_DELIVER_STATE_MACHINE"))


def webhooks() -> Webhooks:
    """Making deliveries. Most generations have no webhook, so the client for it is made where one has."""
    setting("EASEL_DELIVER_STATE_MACHINE")  # a missing one is known at the start all the same
    return Webhooks(deliveries(), tenants(), deliver_workflow, SystemClock())


def announcer() -> Announcer:
    """Telling how generations ended."""
    return Announcer(store(), image_uri(), bus(), webhooks())


def settler() -> Settler:
    """The Settle step."""
    return Settler(store(), image_uri(), announcer(), SystemClock(), fact_log().tell)
