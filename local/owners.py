"""Whose the objects of the image bucket are: by the records that they belong to, or by their own marks."""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.batch_keys import batch_key
from easel.aws.images import OWNER
from easel.aws.items import error_code
from easel.aws.many import read_many
from easel.aws.table import generation_key
from easel.domain.ids import tenant_mark
from easel.runtime import SystemClock

THREADS = 16  # that look at objects
FOLDERS_KEPT = 100  # an object's neighbours are listed beside it
NOT_THERE = ("404", "NoSuchKey")


class Owners:
    """Looks them up; nothing is written."""

    def __init__(self, dynamodb: Any, s3: Any, table: str, bucket: str) -> None:
        self._dynamodb, self._s3 = dynamodb, s3
        self._table, self._bucket = table, bucket
        self._of_batch = lru_cache(FOLDERS_KEPT)(self._manifests)

    def of(self, keys: Mapping[str, str | None]) -> dict[str, str]:
        """The marks of the owners of these keys, each with a version of it, where there is one that may be
        looked at. Who cannot be known any more is left out.

        A record is asked first; then an image's own mark, then what the batch whose folder it is says.
        """
        records = self._records({id_of(key) for key in keys})
        lost = {key: version for key, version in keys.items() if version and id_of(key) not in records}
        images = [(key, version) for key, version in lost.items() if "images/" in key]
        with ThreadPoolExecutor(THREADS) as threads:
            own = dict(threads.map(self._own, images))
        found = {key: records.get(id_of(key)) or own.get(key) or self._folders(key) for key in keys}
        return {key: mark for key, mark in found.items() if mark}

    def _records(self, ids: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        keys = [batch_key(one, "bat") if one.startswith("bat_") else generation_key(one) for one in ids]
        for item in read_many(self._dynamodb, self._table, keys, SystemClock()):
            found[item["pk"]["S"].partition("#")[2]] = tenant_mark(item["tenant"]["S"])
        return found

    def _own(self, image: tuple[str, str]) -> tuple[str, str | None]:
        key, version = image
        head = self._s3.head_object(Bucket=self._bucket, Key=key, VersionId=version)
        return key, head["Metadata"].get(OWNER)

    def _folders(self, key: str) -> str | None:
        return self._of_batch(key.split("/")[1]) if key.startswith("batches/") else None

    def _manifests(self, batch_id: str) -> str | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=f"batches/{batch_id}/manifest.json")
        except ClientError as error:
            if error_code(error) in NOT_THERE:
                return None
            raise
        with answer["Body"] as body:
            tenant = json.loads(body.read()).get("tenant")
        return tenant_mark(tenant) if tenant else None


def is_manifest(key: str) -> bool:
    """Whether it is a batch's, which names the batch's tenant."""
    return key.startswith("batches/") and key.endswith("/manifest.json")


def id_of(key: str) -> str:
    """The generation's, `images/ID/0.png`, `batches/BATCH/images/ID/0.png`; or the batch's."""
    parts = key.split("/")
    return parts[3] if parts[0] == "batches" and parts[2] == "images" else parts[1]
