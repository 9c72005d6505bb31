"""Input images that callers put into S3 themselves."""

from typing import Any

from botocore.exceptions import ClientError

from easel.aws.items import error_code
from easel.errors import ImageInvalidError, ImageUnavailableError
from easel.ports import UploadForm

# Who may not list a bucket is told 403 for an object that is not there
# (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
NOT_THERE = ("NoSuchKey", "404", "AccessDenied", "403")


class S3Uploads:
    """The port `Uploads` on one bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def form(self, key: str, content_type: str, bytes_max: int, seconds: int) -> UploadForm:
        """A presigned POST, whose policy S3 checks: key, type, length, expiry
        (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html).

        It puts with the rights of our role, and ends with the role's session if that ends earlier.
        """
        fixed = {"Content-Type": content_type}
        made = self._client.generate_presigned_post(
            Bucket=self._bucket,
            Key=key,
            Fields=dict(fixed),
            Conditions=[fixed, ["content-length-range", 1, bytes_max]],
            ExpiresIn=seconds,
        )
        return UploadForm(made["url"], made["fields"])

    def read(self, key: str, bytes_max: int) -> bytes:
        """The whole object, if it is not too large."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) in NOT_THERE:
                raise ImageUnavailableError("there is no such upload") from error
            raise
        with answer["Body"] as body:
            if answer["ContentLength"] > bytes_max:
                raise ImageInvalidError(f"has {answer['ContentLength']} bytes, at most {bytes_max} are taken")
            data: bytes = body.read()
            return data
