"""What the emulator would keep in memory for ever, and AWS for a while only: kept to the most recent here.

Without this its memory grows by some 30 KB with each generation, most of it execution history.
"""

import sys
import time
from typing import Any

EXECUTIONS_KEPT = 500  # of the finished ones; AWS forgets them after 90 days
LOG_STREAMS_KEPT = 300  # of each function; the emulator makes one for every invocation
EVENTS_KEPT = 500
METRIC_POINTS_KEPT = 1000  # of each metric
SWEEP_SECONDS = 20.0


def forget_old_records() -> None:
    """Drop the oldest finished executions, log streams, events and metric points beyond what is kept."""
    executions = _store("stepfunctions", "_executions")
    ended = [(key, one) for key, one in list(executions.items()) if one["status"] != "RUNNING"]
    ended.sort(key=lambda item: str(item[1].get("stopDate")))
    for key, _ in ended[:-EXECUTIONS_KEPT]:
        executions.pop(key, None)
    for group in list(_store("cloudwatch_logs", "_log_groups").values()):
        streams = group["streams"]
        for name in list(streams)[:-LOG_STREAMS_KEPT]:
            streams.pop(name, None)
    for entries in list(_store("eventbridge", "_events_log").values()):
        del entries[:-EVENTS_KEPT]
    for points in list(_store("cloudwatch", "_metrics").values()):
        del points[:-METRIC_POINTS_KEPT]


def forget_old_records_for_ever() -> None:
    """Repeat it; runs as a thread of the emulator."""
    while True:
        time.sleep(SWEEP_SECONDS)
        forget_old_records()


def _store(service: str, name: str) -> dict[Any, Any]:
    """Return the dictionary behind one of the emulator's stores; empty when the service was not used yet."""
    module = sys.modules.get(f"ministack.services.{service}")
    store: dict[Any, Any] = getattr(module, name)._data if module else {}
    return store
