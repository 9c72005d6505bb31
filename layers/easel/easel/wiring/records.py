"""Generations and their images."""

from collections.abc import Callable
from functools import cache, partial

from easel.aws.clients import client
from easel.aws.images import S3Images, uri_of
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


def image_uri() -> Callable[[str], str]:
    """How objects of the image bucket are named, for which no client is needed."""
    return partial(uri_of, setting("EASEL_IMAGE_BUCKET"))
