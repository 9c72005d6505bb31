"""The native API's parts over a scene."""

from collections.abc import Callable, Mapping

from aws_lambda_powertools.logging import Logger

from easel.doors.aimlapi import AimlApiDoor
from easel.doors.batches import BatchDoor
from easel.doors.dashscope import DashScopeDoor
from easel.doors.description import DescriptionDoor
from easel.doors.front import Door, FrontDoor
from easel.doors.keys import KeyDoor
from easel.doors.mulerouter import MuleRouterDoor
from easel.doors.native import NativeDoor
from easel.doors.openai import OpenAiDoor
from easel.doors.pixeldojo import PixelDojoDoor
from easel.doors.usage import UsageDoor
from easel.doors.webhooks import WebhookDoor
from easel.ports import ApiKeys
from easel.steps.gate import Gate
from easel.steps.key_desk import KeyDesk
from easel.steps.standing import Standings
from easel.steps.uploads import Uploader
from easel.steps.usage import UsageReport
from tests.fakes.scene import Scene, signing_keys


def native_door(scene: Scene, api_keys: ApiKeys, logger: Logger) -> NativeDoor:
    """What the native API needs to answer, in memory."""
    gate = Gate(api_keys, scene.tenants, scene.quotas, scene.clock)
    return NativeDoor(
        creator=scene.creator,
        reader=scene.reader,
        canceler=scene.canceler,
        images=scene.images,
        gate=gate,
        vendor_keys=scene.keys,
        catalogue=scene.catalogue,
        uploader=Uploader(scene.uploads, scene.clock),
        webhooks=scene.webhooks,
        clock=scene.clock,
        logger=logger,
        doors=doors(scene, gate),
        fronts=front_doors(scene, gate),
    )


def doors(scene: Scene, gate: Gate) -> Mapping[str, Callable[[], Door]]:
    """The native API's doors that are opened when they are asked for."""

    def description() -> Door:
        return DescriptionDoor(scene.catalogue)

    def batches() -> Door:
        return BatchDoor(gate, scene.batcher, scene.manifests, scene.files, scene.clock, scene.batch_planner)

    def keys() -> Door:
        standings = Standings(scene.tenants, scene.store.ledger, scene.quotas, scene.clock)
        desk = KeyDesk(scene.key_book, scene.catalogue, scene.clock, scene.tell)
        return KeyDoor(gate, standings, desk)

    def usage() -> Door:
        return UsageDoor(gate, UsageReport(scene.store.ledger, scene.catalogue, scene.clock))

    def webhooks() -> Door:
        return WebhookDoor(gate, signing_keys)

    return {
        "/openapi.json": description,
        "/docs": description,
        "/v1/batches": batches,
        "/v1/key": keys,
        "/v1/keys": keys,
        "/v1/tenants": keys,
        "/v1/usage": usage,
        "/v1/webhook-secret": webhooks,
    }


def front_doors(scene: Scene, gate: Gate) -> Mapping[str, Callable[[], FrontDoor]]:
    """The other wire formats that the API speaks."""
    creator, reader, images = scene.creator, scene.reader, scene.images

    def dashscope(prefix: str, endpoint: str) -> Callable[[], FrontDoor]:
        return lambda: DashScopeDoor(
            creator, reader, scene.canceler, scene.holder, images, gate, prefix, endpoint
        )

    return {
        "/mulerouter": lambda: MuleRouterDoor(creator, reader, images, gate),
        "/pixeldojo": lambda: PixelDojoDoor(
            creator, reader, images, gate, scene.tenants, scene.store.ledger, scene.clock
        ),
        "/dashscope": dashscope("/dashscope", "dashscope-intl"),
        "/dashscope-cn": dashscope("/dashscope-cn", "dashscope-cn"),
        "/aimlapi": lambda: AimlApiDoor(creator, scene.holder, images, gate, scene.clock),
        "/openai": lambda: OpenAiDoor(creator, scene.holder, images, gate),
    }
