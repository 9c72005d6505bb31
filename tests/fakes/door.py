"""The native API's parts over a scene."""

from aws_lambda_powertools.logging import Logger

from easel.doors.batches import BatchDoor
from easel.doors.native import NativeDoor
from easel.ports import ApiKeys
from easel.steps.gate import Gate
from tests.fakes.scene import Scene


def native_door(scene: Scene, api_keys: ApiKeys, logger: Logger) -> NativeDoor:
    """What the native API needs to answer, in memory."""
    return NativeDoor(
        creator=scene.creator,
        reader=scene.reader,
        canceler=scene.canceler,
        images=scene.images,
        gate=Gate(api_keys, scene.tenants, scene.quotas, scene.clock),
        vendor_keys=scene.keys,
        catalogue=scene.catalogue,
        batches=BatchDoor(scene.batcher, scene.manifests, scene.files, scene.clock),
        logger=logger,
    )
