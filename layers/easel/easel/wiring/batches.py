"""Batches as their callers handle them, and where they are kept."""

from functools import cache

from easel.aws.batches import DynamoBatches
from easel.aws.clients import client
from easel.aws.files import S3Files
from easel.aws.workflow import StepFunctionsWorkflow
from easel.runtime import SystemClock
from easel.settings import retention_days, setting
from easel.steps.batches import Batcher


@cache
def batches() -> DynamoBatches:
    """The batches."""
    return DynamoBatches(client("dynamodb"), setting("EASEL_TABLE"), retention_days(), SystemClock())


@cache
def files() -> S3Files:
    """Manifests and results."""
    return S3Files(client("s3"), setting("EASEL_IMAGE_BUCKET"))


def batch_workflow() -> StepFunctionsWorkflow:
    """The state machine of batches."""
    return StepFunctionsWorkflow(client("stepfunctions"), setting("EASEL_BATCH_STATE_MACHINE"))


def batcher() -> Batcher:
    """Making and moving batches."""
    bucket = setting("EASEL_IMAGE_BUCKET")
    return Batcher(batches(), files(), batch_workflow(), SystemClock(), bucket, retention_days())
