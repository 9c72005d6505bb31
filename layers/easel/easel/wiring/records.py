"""Generations and their images."""

from functools import cache

from easel.aws.clients import client
from easel.aws.images import S3Images
from easel.aws.table import DynamoGenerations
from easel.runtime import SystemClock
from easel.settings import retention_days, setting


@cache
def store() -> DynamoGenerations:
    """The generations."""
    return DynamoGenerations(client("dynamodb"), setting("EASEL_TABLE"), retention_days(), SystemClock())


@cache
def images() -> S3Images:
    """The image bucket."""
    return S3Images(client("s3"), setting("EASEL_IMAGE_BUCKET"))
