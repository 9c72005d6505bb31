"""Files that callers drop."""

from easel.aws.clients import client
from easel.aws.files import S3Inbox
from easel.settings import setting


def inbox() -> S3Inbox:
    """The bucket for callers' files."""
    return S3Inbox(client("s3"), setting("EASEL_INBOX_BUCKET"))
