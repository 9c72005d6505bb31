"""Easel's event bus, and the queue of what could not be taken."""

import json
from collections.abc import Mapping
from typing import Any

from easel.errors import EaselError

SOURCE = "easel"


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
        """One message of at most 256 KB: events are no larger, and reasons are bounded."""
        self._client.send_message(
            QueueUrl=self._queue_url, MessageBody=json.dumps(message, ensure_ascii=False)
        )
