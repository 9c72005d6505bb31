"""What comes in without HTTP."""

from easel.aws.clients import client
from easel.aws.events import SqsDeadLetters
from easel.settings import setting
from easel.steps.intake import Intake, Requests
from easel.wiring.batches import batcher
from easel.wiring.creating import creator
from easel.wiring.ending import bus
from easel.wiring.inbox import inbox


def dead_letters() -> SqsDeadLetters:
    """What could not be taken."""
    return SqsDeadLetters(client("sqs"), setting("EASEL_DEAD_LETTERS"))


def intake() -> Intake:
    """What comes in without HTTP. Few are refused, so the clients to tell of that are made where one is."""
    for name in ("EASEL_DEAD_LETTERS", "EASEL_EVENT_BUS"):
        setting(name)  # a missing one is known at the start all the same
    requests = Requests(creator(inbox()), setting("EASEL_DEFAULT_TENANT"))
    return Intake(requests, batcher(), inbox(), bus, dead_letters)
