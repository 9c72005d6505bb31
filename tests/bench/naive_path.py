"""The yardstick of the whole way: each step as one writes it first. It reads its record, asks, reads whatever
comes into memory, and writes what it knows now, by boto3's resource and defaults."""

import hashlib
import io
import json
import os
import struct
from typing import Any

import boto3
import urllib3

from tests.bench import conventional


class NaivePath:
    """All steps of one generation."""

    def __init__(self) -> None:
        self.http = urllib3.PoolManager()
        self.s3: Any = boto3.client("s3")
        self.events: Any = boto3.client("events")
        self.table = conventional.table
        self.vendor = json.loads(os.environ["EASEL_VENDOR_BASE_URLS"])["mulerouter"]

    def submit(self, generation_id: str) -> None:
        """Ask the vendor, between two notes."""
        record = self._get(generation_id)
        self._set(generation_id, status="submitting", attempts=[{"route": "mulerouter", "state": "intent"}])
        asked = {"prompt": record["request"]["prompt"], "size": "1664*928", "seed": 7}
        url = f"{self.vendor}/vendors/alibaba/v1/qwen-image-max/generation"
        answer = self.http.request("POST", url, json=asked, headers={"Authorization": "Bearer secret"})
        task = answer.json()["task_info"]["id"]
        self.task_url = f"{url}/{task}"
        self._set(generation_id, status="processing", attempts=[{"task_id": task, "state": "accepted"}])

    def poll(self, generation_id: str) -> bool:
        """One question, in a step of its own."""
        self._get(generation_id)
        answer = self.http.request("GET", self.task_url, headers={"Authorization": "Bearer secret"}).json()
        if answer["task_info"]["status"] != "completed":
            return False
        self._set(generation_id, status="persisting", results=answer["images"])
        self.link = answer["images"][0]
        return True

    def persist(self, generation_id: str) -> None:
        """The whole image in memory."""
        self._get(generation_id)
        data = self.http.request("GET", self.link).data
        width, height = struct.unpack(">II", data[16:24])
        key = f"images/{generation_id}/0.png"
        self.s3.upload_fileobj(io.BytesIO(data), "images", key, ExtraArgs={"ContentType": "image/png"})
        facts = {"key": key, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        self._set(generation_id, images=[{**facts, "width": width, "height": height}])

    def settle(self, generation_id: str) -> None:
        """The end, and the event."""
        record = self._get(generation_id)
        self._set(generation_id, status="succeeded")
        detail = json.dumps(record, default=str)
        entry = {"Source": "easel", "DetailType": "Image Generation Succeeded", "Detail": detail}
        self.events.put_events(Entries=[{**entry, "EventBusName": "easel"}])

    def _get(self, generation_id: str) -> Any:
        return self.table.get_item(Key={"pk": f"gen#{generation_id}", "sk": "gen"})["Item"]

    def _set(self, generation_id: str, **values: Any) -> None:
        self.table.update_item(
            Key={"pk": f"gen#{generation_id}", "sk": "gen"},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )
