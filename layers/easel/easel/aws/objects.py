"""How S3 says that an object is not there."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from easel.aws.items import error_code
from easel.errors import ImageUnavailableError

# 403 to who may not list the bucket (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
NOT_THERE = ("NoSuchKey", "404", "AccessDenied", "403")


@contextmanager
def unavailable_where_missing(message: str) -> Iterator[None]:
    """Raises ImageUnavailableError for an object that is not there. S3 that is out of order is nobody's
    mistake, and passes: its error goes on."""
    try:
        yield
    except ClientError as error:
        if error_code(error) in NOT_THERE:
            raise ImageUnavailableError(message) from error
        raise
