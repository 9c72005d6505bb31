"""Wiring of the HTTP API: the calls that make and tell of generations, and the doors that are opened when
they are asked for. What makes such a door imports it: a start pays for nothing that its requests never use.
"""

from collections.abc import Callable, Mapping
from functools import cache

from easel.aws.clients import client
from easel.aws.ledger import DynamoUsage
from easel.doors.front import Door, FrontDoor
from easel.doors.native import NativeDoor
from easel.entrance.gate import gate, quotas
from easel.runtime import SystemClock, fact_log, logger
from easel.settings import loopback_webhooks, setting
from easel.steps.cancel import Canceler
from easel.steps.create import Creator
from easel.steps.hold import Holder
from easel.steps.read import Reader
from easel.steps.uploads import Uploader
from easel.vendor_settings import catalogue
from easel.wiring import creating
from easel.wiring.ending import announcer, tenants, webhooks
from easel.wiring.records import images, store
from easel.wiring.vendors import vendor_keys


def native_door() -> NativeDoor:
    """The native HTTP API's parts."""
    clock = SystemClock()
    return NativeDoor(
        creator=creator(),
        reader=reader(),
        canceler=canceler(),
        images=images(),
        gate=gate(),
        vendor_keys=vendor_keys(),
        catalogue=catalogue(),
        uploader=Uploader(creating.uploads(), clock),
        webhooks=webhooks(),
        clock=clock,
        logger=logger(),
        doors=DOORS,
        fronts=FRONTS,
    )


@cache  # what all doors use
def creator() -> Creator:
    """Making generations."""
    return creating.creator()


@cache
def reader() -> Reader:
    """Reading generations."""
    return Reader(store(), SystemClock())


@cache
def canceler() -> Canceler:
    """Canceling generations."""
    return Canceler(store(), reader(), announcer(), SystemClock(), fact_log().tell)


def holder() -> Holder:
    """Holding requests of synchronous doors."""
    from easel.aws.undelivered import DynamoUndelivered

    undelivered = DynamoUndelivered(client("dynamodb"), setting("EASEL_TABLE"))
    return Holder(undelivered, reader(), SystemClock())


def usage() -> DynamoUsage:
    """What was used."""
    return DynamoUsage(client("dynamodb"), setting("EASEL_TABLE"))


def description_door() -> Door:
    """What the API is."""
    from easel.doors.description import DescriptionDoor

    return DescriptionDoor(catalogue())


def batch_door() -> Door:
    """The calls on batches."""
    from easel.doors.batches import BatchDoor
    from easel.steps.intake import Manifests
    from easel.wiring.batch_plans import batch_planner
    from easel.wiring.batches import batcher, files
    from easel.wiring.inbox import inbox

    manifests = Manifests(inbox(), setting("EASEL_DEFAULT_TENANT"))
    return BatchDoor(gate(), batcher(), manifests, files(), SystemClock(), batch_planner())


def key_door() -> Door:
    """The calls on keys and tenants."""
    from easel.aws.key_book import DynamoKeyBook
    from easel.doors.keys import KeyDoor
    from easel.steps.key_desk import KeyDesk
    from easel.steps.standing import Standings

    clock = SystemClock()
    book = DynamoKeyBook(client("dynamodb"), setting("EASEL_TABLE"), clock)
    desk = KeyDesk(book, catalogue(), clock, fact_log().tell, loopback_webhooks())
    return KeyDoor(gate(), Standings(tenants(), usage(), quotas(), clock), desk)


def usage_door() -> Door:
    """The call on the usage."""
    from easel.doors.usage import UsageDoor
    from easel.steps.usage import UsageReport

    return UsageDoor(gate(), UsageReport(usage(), catalogue(), SystemClock()))


def webhook_door() -> Door:
    """The call on the keys of webhooks."""
    from easel.doors.webhooks import WebhookDoor
    from easel.wiring.telling import signing_keys

    return WebhookDoor(gate(), signing_keys())


def dashscope() -> FrontDoor:
    """DashScope in Singapore."""
    from easel.doors.dashscope import DashScopeDoor

    return DashScopeDoor(
        creator(), reader(), canceler(), holder(), images(), gate(), "/dashscope", "dashscope-intl"
    )


def dashscope_cn() -> FrontDoor:
    """DashScope in Beijing."""
    from easel.doors.dashscope import DashScopeDoor

    return DashScopeDoor(
        creator(), reader(), canceler(), holder(), images(), gate(), "/dashscope-cn", "dashscope-cn"
    )


def aimlapi() -> FrontDoor:
    """AI/ML API."""
    from easel.doors.aimlapi import AimlApiDoor

    return AimlApiDoor(creator(), holder(), images(), gate(), SystemClock())


def mulerouter() -> FrontDoor:
    """MuleRouter."""
    from easel.doors.mulerouter import MuleRouterDoor

    return MuleRouterDoor(creator(), reader(), images(), gate())


def openai() -> FrontDoor:
    """OpenAI's Images API."""
    from easel.doors.openai import OpenAiDoor

    return OpenAiDoor(creator(), holder(), images(), gate())


def pixeldojo() -> FrontDoor:
    """PixelDojo."""
    from easel.doors.pixeldojo import PixelDojoDoor

    return PixelDojoDoor(creator(), reader(), images(), gate(), tenants(), usage(), SystemClock())


# What the paths of calls begin with that many a process never gets, and what makes the door behind it.
DOORS: Mapping[str, Callable[[], Door]] = {
    "/openapi.json": description_door,
    "/docs": description_door,
    "/v1/batches": batch_door,
    "/v1/key": key_door,
    "/v1/keys": key_door,
    "/v1/tenants": key_door,
    "/v1/usage": usage_door,
    "/v1/webhook-secret": webhook_door,
}
FRONTS: Mapping[str, Callable[[], FrontDoor]] = {
    "/dashscope": dashscope,
    "/dashscope-cn": dashscope_cn,
    "/aimlapi": aimlapi,
    "/mulerouter": mulerouter,
    "/openai": openai,
    "/pixeldojo": pixeldojo,
}
