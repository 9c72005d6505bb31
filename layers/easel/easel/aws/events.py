"""Easel's event bus."""

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
