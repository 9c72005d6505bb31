"""The native API's parts over a scene."""

from aws_lambda_powertools.logging import Logger

from easel.doors.aimlapi import AimlApiDoor
from easel.doors.batches import BatchDoor
from easel.doors.dashscope import DashScopeDoor
from easel.doors.front import FrontDoor
from easel.doors.keys import KeyDoor
from easel.doors.mulerouter import MuleRouterDoor
from easel.doors.native import NativeDoor
from easel.doors.openai import OpenAiDoor
from easel.doors.pixeldojo import PixelDojoDoor
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
        batches=BatchDoor(scene.batcher, scene.manifests, scene.files, scene.clock, scene.batch_planner),
        uploader=Uploader(scene.uploads, scene.clock),
        webhooks=WebhookDoor(scene.reader, scene.webhooks, signing_keys),
        keys=KeyDoor(
            Standings(scene.tenants, scene.store.ledger, scene.quotas, scene.clock),
            KeyDesk(scene.key_book, scene.catalogue, scene.clock),
        ),
        usage=UsageReport(scene.store.ledger, scene.catalogue, scene.clock),
        clock=scene.clock,
        logger=logger,
        fronts=front_doors(scene, gate),
    )


def front_doors(scene: Scene, gate: Gate) -> tuple[FrontDoor, ...]:
    """The other wire formats that the API speaks."""
    creator, reader, images = scene.creator, scene.reader, scene.images
    return (
        MuleRouterDoor(creator, reader, images, gate),
        PixelDojoDoor(creator, reader, images, gate, scene.tenants, scene.store.ledger, scene.clock),
        *(
            DashScopeDoor(creator, reader, scene.canceler, scene.holder, images, gate, prefix, endpoint)
            for prefix, endpoint in (("/dashscope", "dashscope-intl"), ("/dashscope-cn", "dashscope-cn"))
        ),
        AimlApiDoor(creator, scene.holder, images, gate, scene.clock),
        OpenAiDoor(creator, scene.holder, images, gate),
    )
