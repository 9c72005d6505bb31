"""Easel's event bus, and the queue of what could not be taken."""

import json
import re
from collections.abc import Mapping
from typing import Any

from easel.errors import EaselError

SOURCE = "easel"
# Of SQS and of an event alike, 256 KB until 2026
# (https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb).
MESSAGE_BYTES_MAX = 1024 * 1024
# Half characters, and what SQS takes in no message
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
NO_TEXT = re.compile("[\ud800-\udfff\ufffe\uffff]")


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
            "DetailType": detail_type, "Detail": short_json(detail),
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
        body = short_json(message)
        if len(body.encode()) > MESSAGE_BYTES_MAX:
            event = message["event"]
            assert isinstance(event, Mapping)
            body = short_json({**message, "event": {**event, "detail": None}})
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=body)


def short_json(value: Mapping[str, object]) -> str:
    """JSON that escapes only what AWS takes in no text."""
    text = json.dumps(value, ensure_ascii=False)
    return NO_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
