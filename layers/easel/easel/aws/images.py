"""Image bytes in S3."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from easel.aws.objects import unavailable_where_missing
from easel.domain.generation import Image
from easel.domain.ids import tenant_mark

CHUNK_BYTES = 64 * 1024
LINK_SECONDS = 3600  # of a link that is signed when a generation is read
OWNER = "owner"  # of an object's metadata: whoever has a link reads it, so it is a mark, not a name


def uri_of(bucket: str, key: str) -> str:
    """The `s3://` name of an object."""
    return f"s3://{bucket}/{key}"


class S3Images:
    """The port `ImageStore` on one bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: IO[bytes], image: Image, tenant: str) -> None:
        """One PutObject. The hash of the verification goes along: S3 refuses bytes that differ from it
        (PutObject, ChecksumSHA256: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html)."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentLength=image.bytes,
            ContentType=image.content_type,
            ChecksumSHA256=base64.b64encode(bytes.fromhex(image.sha256)).decode(),
            CacheControl="private, max-age=31536000, immutable",
            Metadata={
                "sha256": image.sha256,
                "width": str(image.width),
                "height": str(image.height),
                OWNER: tenant_mark(tenant),
            },
        )

    def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Bytes for a later step."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    @contextmanager
    def open(self, key: str) -> Iterator[Iterator[bytes]]:
        """The object in chunks."""
        with unavailable_where_missing(f"{key} is not there"):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        with body:
            yield body.iter_chunks(CHUNK_BYTES)

    def read(self, key: str) -> bytes:
        """The whole object."""
        with self.open(key) as chunks:
            return b"".join(chunks)

    def uri(self, key: str) -> str:
        """`s3://bucket/key`."""
        return uri_of(self._bucket, key)

    def signed_url(self, key: str, seconds: int = LINK_SECONDS) -> str:
        """A presigned GET of this object for so long, or less: never longer than the role's session."""
        url: str = self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )
        return url
