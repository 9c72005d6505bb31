"""What comes in without HTTP."""

from easel.aws.clients import client
from easel.aws.events import SqsDeadLetters
from easel.settings import setting
from easel.steps.intake import Intake, Requests
from easel.wiring.batches import batcher
from easel.wiring.creating import creator
from easel.wiring.ending import bus
from easel.wiring.inbox import inbox


def intake() -> Intake:
    """What comes in without HTTP."""
    letters = SqsDeadLetters(client("sqs"), setting("EASEL_DEAD_LETTERS"))
    requests = Requests(creator(inbox()), setting("EASEL_DEFAULT_TENANT"))
    return Intake(requests, batcher(), inbox(), bus(), letters)
