"""Wiring of the HTTP API: the native calls, the front doors and the assistant's tools.

Apart from `wiring`, so that the steps' functions import no door.
"""

from functools import cache

from easel.aws.clients import client
from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import DynamoApiKeys, DynamoQuotas
from easel.aws.ledger import DynamoUsage
from easel.aws.undelivered import DynamoUndelivered
from easel.catalogue import CATALOGUE
from easel.doors.aimlapi import AimlApiDoor
from easel.doors.assistant import Assistant
from easel.doors.batches import BatchDoor
from easel.doors.dashscope import DashScopeDoor
from easel.doors.front import FrontDoor
from easel.doors.keys import KeyDoor
from easel.doors.mulerouter import MuleRouterDoor
from easel.doors.native import NativeDoor
from easel.doors.openai import OpenAiDoor
from easel.doors.pixeldojo import PixelDojoDoor
from easel.doors.webhooks import WebhookDoor
from easel.runtime import SystemClock, fact_log, logger
from easel.settings import loopback_webhooks, setting
from easel.steps.cancel import Canceler
from easel.steps.gate import Gate
from easel.steps.hold import Holder
from easel.steps.intake import Manifests
from easel.steps.key_desk import KeyDesk
from easel.steps.read import Reader
from easel.steps.standing import Standings
from easel.steps.uploads import Uploader
from easel.steps.usage import UsageReport
from easel.wiring.batches import batch_planner, batcher, files
from easel.wiring.creating import creator, inbox, uploads
from easel.wiring.ending import announcer, tenants, webhooks
from easel.wiring.records import images, store
from easel.wiring.telling import signing_keys
from easel.wiring.vendors import vendor_keys


def usage() -> DynamoUsage:
    """What was used."""
    return DynamoUsage(client("dynamodb"), setting("EASEL_TABLE"))


def quotas() -> DynamoQuotas:
    """The counts of requests."""
    return DynamoQuotas(client("dynamodb"), setting("EASEL_TABLE"))


def key_book() -> DynamoKeyBook:
    """The keys, and what is set for tenants."""
    return DynamoKeyBook(client("dynamodb"), setting("EASEL_TABLE"), SystemClock())


@cache  # so that all doors remember the same keys
def gate() -> Gate:
    """Where every call comes in."""
    dynamodb, table = client("dynamodb"), setting("EASEL_TABLE")
    return Gate(DynamoApiKeys(dynamodb, table), tenants(), quotas(), SystemClock())


def holder() -> Holder:
    """Holding requests of synchronous doors."""
    clock = SystemClock()
    undelivered = DynamoUndelivered(client("dynamodb"), setting("EASEL_TABLE"))
    return Holder(undelivered, Reader(store(), clock), clock)


def front_doors() -> tuple[FrontDoor, ...]:
    """The wire formats that are spoken beside the native one."""
    clock, made, held = SystemClock(), creator(), holder()
    reader = Reader(store(), clock)
    canceler = Canceler(store(), reader, announcer(), clock, fact_log().tell)
    return (
        DashScopeDoor(made, reader, canceler, held, images(), gate(), "/dashscope", "dashscope-intl"),
        DashScopeDoor(made, reader, canceler, held, images(), gate(), "/dashscope-cn", "dashscope-cn"),
        AimlApiDoor(made, held, images(), gate(), clock),
        MuleRouterDoor(made, reader, images(), gate()),
        OpenAiDoor(made, held, images(), gate()),
        PixelDojoDoor(made, reader, images(), gate(), tenants(), usage(), clock),
    )


def native_door() -> NativeDoor:
    """The native HTTP API's parts."""
    clock = SystemClock()
    reader = Reader(store(), clock)
    return NativeDoor(
        creator=creator(),
        reader=reader,
        canceler=Canceler(store(), reader, announcer(), clock, fact_log().tell),
        images=images(),
        gate=gate(),
        vendor_keys=vendor_keys(),
        catalogue=CATALOGUE,
        batches=BatchDoor(
            batcher(), Manifests(inbox(), setting("EASEL_DEFAULT_TENANT")), files(), clock, batch_planner()
        ),
        uploader=Uploader(uploads(), clock),
        usage=UsageReport(usage(), CATALOGUE, clock),
        webhooks=WebhookDoor(reader, webhooks(), signing_keys()),
        keys=KeyDoor(
            Standings(tenants(), usage(), quotas(), clock),
            KeyDesk(key_book(), CATALOGUE, clock, loopback_webhooks()),
        ),
        clock=clock,
        logger=logger(),
        fronts=front_doors(),
    )


def assistant() -> Assistant:
    """The tools of the MCP endpoint."""
    return Assistant(creator(), Reader(store(), SystemClock()), images(), gate(), vendor_keys(), CATALOGUE)
