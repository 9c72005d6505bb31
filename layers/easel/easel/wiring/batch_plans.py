"""What a batch's rows would come to."""

from easel.domain.addresses import refuse_closed_links
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.routing import Choice, choose
from easel.runtime import SystemClock
from easel.settings import loopback_webhooks, setting
from easel.steps.batch_plan import BatchPlanner
from easel.steps.judge import Choose
from easel.vendor_settings import catalogue, policy
from easel.wiring.batches import files
from easel.wiring.vendors import vendor_keys


def choices() -> Choose:
    """Choosing routes for rows of batches."""
    offered, keys, order, loopback = catalogue(), vendor_keys(), policy(), loopback_webhooks()

    def chosen(caller: Caller, request: GenerationRequest) -> tuple[Choice, ...]:
        refuse_closed_links(request, loopback_webhooks=loopback)
        return choose(request, offered, keys.get(), order, key=caller.key)

    return chosen


def inbox_place() -> str:
    """How URIs of the inbox begin."""
    return f"s3://{setting('EASEL_INBOX_BUCKET')}/"


def batch_planner() -> BatchPlanner:
    """Saying what a batch would come to."""
    return BatchPlanner(choices(), files(), SystemClock(), inbox_place())
