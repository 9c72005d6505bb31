"""Buckets in memory: the ports `Files`, `Inbox` and `DeadLetters`."""

import hashlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from easel.domain.batch import Source
from easel.errors import FileChangedError, ImageInvalidError, ImageUnavailableError
from easel.ports import InboxObject

CHUNK_BYTES = 1000  # small, so that rows lie across the borders


@dataclass(frozen=True)
class Stored:
    """An object. Its ETag is its content's, as S3's is for whole uploads without a key of one's own."""

    data: bytes
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


Buckets = dict[tuple[str, str], Stored]  # by bucket and key


class MemoryFiles:
    """The port `Files` over buckets, of which one is the image bucket."""

    def __init__(self, buckets: Buckets, bucket: str = "images") -> None:
        self.buckets = buckets
        self.bucket = bucket
        self.read_at: list[int] = []  # the offsets from which manifests were read

    def read_from(self, bucket: str, key: str, offset: int, etag: str) -> Generator[bytes, None, None]:
        stored = self.buckets.get((bucket, key))
        if stored is None or stored.etag != etag:
            raise FileChangedError("the manifest was changed or removed")
        self.read_at.append(offset)
        for place in range(offset, len(stored.data), CHUNK_BYTES):
            yield stored.data[place : place + CHUNK_BYTES]

    def read(self, key: str) -> bytes | None:
        stored = self.buckets.get((self.bucket, key))
        return stored.data if stored else None

    def put(self, key: str, data: bytes, content_type: str) -> str:
        stored = self.buckets[self.bucket, key] = Stored(data, content_type)
        return stored.etag

    @contextmanager
    def writer(self, key: str, content_type: str) -> Iterator["MemoryWriter"]:
        writer = MemoryWriter()
        yield writer  # whatever is raised here leaves no object
        self.put(key, bytes(writer.held), content_type)

    def signed_url(self, key: str) -> str:
        return f"https://images.example/{key}?signature=test"

    def keys(self, prefix: str = "") -> list[str]:
        """The keys of the image bucket's objects, in order."""
        return sorted(key for bucket, key in self.buckets if bucket == self.bucket and key.startswith(prefix))


class MemoryWriter:
    """The port `Writer`."""

    def __init__(self) -> None:
        self.held = bytearray()

    def write(self, data: bytes) -> None:
        self.held += data


class MemoryInbox:
    """The port `Inbox` over the same buckets."""

    def __init__(self, buckets: Buckets, bucket: str = "inbox") -> None:
        self.buckets = buckets
        self.bucket = bucket

    def drop(self, key: str, data: bytes, **metadata: str) -> Source:
        """Put a file into it, as its owner does; what an event would say of it."""
        stored = self.buckets[self.bucket, key] = Stored(data, metadata=metadata)
        return Source(bucket=self.bucket, key=key, etag=stored.etag)

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def read(self, key: str, bytes_max: int) -> bytes:
        data = self._stored(key).data
        if len(data) > bytes_max:
            raise ImageInvalidError(f"has {len(data)} bytes, at most {bytes_max} are taken")
        return data

    def find(self, key: str) -> InboxObject:
        stored = self._stored(key)
        source = Source(bucket=self.bucket, key=key, etag=stored.etag)
        return InboxObject(source, {name.lower(): value for name, value in stored.metadata.items()})

    def _stored(self, key: str) -> Stored:
        stored = self.buckets.get((self.bucket, key))
        if stored is None:
            raise ImageUnavailableError("there is no such object in the inbox")
        return stored


class MemoryDeadLetters:
    """The port `DeadLetters`: remembers what it was given."""

    def __init__(self) -> None:
        self.messages: list[Mapping[str, Any]] = []

    def put(self, message: Mapping[str, object]) -> None:
        self.messages.append(message)
