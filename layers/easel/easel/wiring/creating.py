"""Making generations: what every door needs."""

from functools import cache

from easel.aws.clients import client
from easel.aws.uploads import S3Uploads
from easel.aws.workflow import StepFunctionsWorkflow
from easel.ports import Inbox, Workflow
from easel.public_http import PublicHttp
from easel.runtime import SystemClock, fact_log
from easel.settings import loopback_webhooks, setting
from easel.steps.create import Creator
from easel.steps.forecast import Forecast
from easel.steps.inputs import InputImages
from easel.steps.linked_images import LinkedImages
from easel.vendor_settings import catalogue, policy
from easel.wiring.ending import tenants
from easel.wiring.records import images, store
from easel.wiring.trust import tls
from easel.wiring.vendors import route_states, vendor_keys


@cache
def forecast() -> Forecast:
    """How long routes are expected to take."""
    return Forecast(route_states(), SystemClock())


def workflow() -> StepFunctionsWorkflow:
    """The state machine."""
    return StepFunctionsWorkflow(client("stepfunctions"), setting("EASEL_STATE_MACHINE"))


def uploads() -> S3Uploads:
    """Where callers put input images themselves."""
    return S3Uploads(client("s3"), setting("EASEL_IMAGE_BUCKET"))


def input_images(inbox: Inbox | None) -> InputImages:
    """Reading input images. A link to this machine is refused on the local stack, too."""
    clock = SystemClock()
    return InputImages(images(), uploads(), LinkedImages(PublicHttp(tls=tls()), clock), store(), inbox)


def creator(inbox: Inbox | None = None, carrier: Workflow | None = None) -> Creator:
    """Making generations: those that `carrier` carries, or else the state machine."""
    return Creator(
        store(), input_images(inbox), carrier or workflow(), vendor_keys(), catalogue(), SystemClock(),
        tenants(), forecast(), fact_log().tell, policy(), loopback_webhooks(),
    )  # fmt: skip
