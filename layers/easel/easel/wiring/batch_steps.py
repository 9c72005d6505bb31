"""What carries batches: the steps Prepare, Feed and Collect."""

from easel.aws.clients import client
from easel.aws.keys import DynamoKeysById
from easel.runtime import SystemClock
from easel.settings import retention_days, setting
from easel.steps.collect import Collector
from easel.steps.feed import Feeder
from easel.steps.prepare import Preparer
from easel.steps.row_report import Reporter
from easel.vendor_settings import catalogue, limits
from easel.wiring.batch_plans import choices, inbox_place
from easel.wiring.batches import batches, files
from easel.wiring.creating import creator
from easel.wiring.ending import bus
from easel.wiring.inbox import inbox
from easel.wiring.records import images, store


def preparer() -> Preparer:
    """The Prepare step."""
    at_once = int(setting("EASEL_BATCH_CONCURRENCY"))
    return Preparer(
        batches(), files(), choices(), catalogue(), limits(), SystemClock(), at_once, inbox_place()
    )


def reporter() -> Reporter:
    """What is said of rows."""
    return Reporter(store(), files(), images())


def feeder() -> Feeder:
    """The Feed step."""
    return Feeder(
        batches(), store(), files(), reporter(), creator(inbox()), catalogue(), SystemClock(),
        DynamoKeysById(client("dynamodb"), setting("EASEL_TABLE"), SystemClock()), retention_days(),
    )  # fmt: skip


def collector() -> Collector:
    """The Collect step."""
    return Collector(batches(), files(), reporter(), bus(), SystemClock())
