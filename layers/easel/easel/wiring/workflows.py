"""Requests of the callers' own workflows: the step Create."""

from easel.aws.workflow import NoWorkflow
from easel.settings import setting
from easel.steps.intake import Requests
from easel.wiring.creating import creator
from easel.wiring.inbox import inbox


def requests_of_workflows() -> Requests:
    """Making generations that executions of the callers' carry: none is started."""
    return Requests(creator(inbox(), NoWorkflow()), setting("EASEL_DEFAULT_TENANT"))
