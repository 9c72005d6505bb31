"""Easel's event bus, and the queue of what could not be taken."""

import json
from collections.abc import Mapping
from typing import Any

from easel.errors import EaselError

SOURCE = "easel"
# Of SQS and of an event alike, 256 KB until 2026
# (https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb).
MESSAGE_BYTES_MAX = 1024 * 1024


class EventNotTakenError(EaselError):
    """EventBridge did not take the event."""


class EventBridgeBus:
    """The port `EventBus`."""

    def __init__(self, client: Any, bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """One event. PutEvents answers 200 with a count of failed entries, so the count is looked at."""
        entry = {
            "EventBusName": self._bus, "Source": SOURCE,
            "DetailType": detail_type, "Detail": json.dumps(detail, ensure_ascii=False),
        }  # fmt: skip
        answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise EventNotTakenError(
                f"EventBridge refused the event: {answer['Entries'][0].get('ErrorCode')}"
            )


class SqsDeadLetters:
    """The port `DeadLetters` on one queue."""

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, message: Mapping[str, object]) -> None:
        """One message; of an event that with its reason would be too long for one, all but the detail."""
        body = json.dumps(message, ensure_ascii=False)
        if len(body.encode(errors="surrogatepass")) > MESSAGE_BYTES_MAX:
            event = message["event"]
            assert isinstance(event, Mapping)
            body = json.dumps({**message, "event": {**event, "detail": None}}, ensure_ascii=False)
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=body)
