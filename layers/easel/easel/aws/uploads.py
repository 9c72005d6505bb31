"""Input images that callers put into S3 themselves."""

from typing import Any

from easel.aws.objects import unavailable_where_missing
from easel.errors import ImageInvalidError
from easel.ports import UploadForm


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
        with unavailable_where_missing("there is no such upload"):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        with answer["Body"] as body:
            if answer["ContentLength"] > bytes_max:
                raise ImageInvalidError(f"has {answer['ContentLength']} bytes, at most {bytes_max} are taken")
            data: bytes = body.read()
            return data
