"""Files of batches in S3: manifests read as streams, results written as streams."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.items import error_code
from easel.aws.objects import NOT_THERE, unavailable_where_missing
from easel.domain.batch import Source
from easel.errors import FileChangedError, ImageInvalidError, ImageUnavailableError
from easel.ports import InboxObject

CHUNK_BYTES = 256 * 1024
# Parts but the last have at least 5 MiB, and there are at most 10,000
# (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html): results of up to 80 GB.
PART_BYTES = 8 * 1024 * 1024
LINK_SECONDS = 3600
# Of an object's key (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
KEY_BYTES_MAX = 1024
GONE = (*NOT_THERE, "PreconditionFailed", "412", "NoSuchBucket")
NO_OBJECT = "there is no such object in the inbox"
PAST_THE_END = ("InvalidRange", "416")


class S3Files:
    """The port `Files`. What is written goes to the image bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read_from(self, bucket: str, key: str, offset: int, etag: str) -> Generator[bytes, None, None]:
        """A ranged GET with If-Match."""
        ranged = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"', **ranged)
        except ClientError as error:
            if error_code(error) in PAST_THE_END:
                return
            if error_code(error) in GONE:
                raise FileChangedError("the manifest was changed or removed") from error
            raise
        body = answer["Body"]
        with body:
            yield from body.iter_chunks(CHUNK_BYTES)

    def read(self, key: str) -> bytes | None:
        """The whole object."""
        try:
            with self._client.get_object(Bucket=self._bucket, Key=key)["Body"] as body:
                data: bytes = body.read()
                return data
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return None
            raise

    def put(self, key: str, data: bytes, content_type: str) -> str:
        """One PutObject."""
        put = {"Bucket": self._bucket, "Key": key, "Body": data, "ContentType": content_type}
        etag: str = self._client.put_object(**put)["ETag"]
        return etag.strip('"')

    @contextmanager
    def writer(self, key: str, content_type: str) -> Iterator["PartWriter"]:
        """A multipart upload, aborted where anything fails; a short object is one PutObject."""
        writer = PartWriter(self._client, self._bucket, key, content_type)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abort()
            raise

    def signed_url(self, key: str) -> str:
        """A presigned GET of this object for an hour, or less: never longer than the role's session."""
        params = {"Bucket": self._bucket, "Key": key}
        url: str = self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=LINK_SECONDS)
        return url


class PartWriter:
    """Gathers bytes into parts; memory holds one part."""

    def __init__(self, client: Any, bucket: str, key: str, content_type: str) -> None:
        self._client = client
        self._object = {"Bucket": bucket, "Key": key}
        self._content_type = content_type
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        """Append."""
        self._buffer += data
        while len(self._buffer) >= PART_BYTES:
            self._send(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]

    def finish(self) -> None:
        """The object is there from now on."""
        if self._upload is None:
            put = {**self._object, "Body": bytes(self._buffer), "ContentType": self._content_type}
            self._client.put_object(**put)
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        self._client.complete_multipart_upload(
            **self._object, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
        )

    def abort(self) -> None:
        """No part of it stays."""
        if self._upload is not None:
            self._client.abort_multipart_upload(**self._object, UploadId=self._upload)

    def _send(self, data: bytes) -> None:
        if self._upload is None:
            begun = self._client.create_multipart_upload(**self._object, ContentType=self._content_type)
            self._upload = begun["UploadId"]
        number = len(self._parts) + 1
        sent = self._client.upload_part(**self._object, UploadId=self._upload, PartNumber=number, Body=data)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


class S3Inbox:
    """The port `Inbox`."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def uri(self, key: str) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self._bucket}/{key}"

    def read(self, key: str, bytes_max: int) -> bytes:
        """The whole object, if it is not too large."""
        with _found(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        with answer["Body"] as body:
            if answer["ContentLength"] > bytes_max:
                raise ImageInvalidError(f"has {answer['ContentLength']} bytes, at most {bytes_max} are taken")
            data: bytes = body.read()
            return data

    def find(self, key: str) -> InboxObject:
        """One HeadObject."""
        with _found(key):
            found = self._client.head_object(Bucket=self._bucket, Key=key)
        source = Source(bucket=self._bucket, key=key, etag=found["ETag"].strip('"'))
        return InboxObject(source, {name.lower(): value for name, value in found["Metadata"].items()})


@contextmanager
def _found(key: str) -> Iterator[None]:
    """Raises ImageUnavailableError for an object that is not there, as none of this key can be."""
    if not 1 <= len(key.encode()) <= KEY_BYTES_MAX:
        raise ImageUnavailableError(NO_OBJECT)
    with unavailable_where_missing(NO_OBJECT):
        yield
