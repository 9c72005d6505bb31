"""Facts as lines of the log, in CloudWatch's embedded metric format: the very line that tells what happened,
with its ids, is the one that CloudWatch counts.

Format, read 2026-11:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import logging
import time
from typing import Any

from easel.domain.facts import METRICS, Fact


class FactLog:
    """Writes each fact as one line beside a log's others, in their form, but whatever level that log begins
    with: alarms live on these lines. What is counted is counted in the namespace."""

    def __init__(self, log: logging.Logger, namespace: str) -> None:
        self._log = log.getChild("facts")
        self._log.setLevel(logging.INFO)
        self._namespace = namespace

    def tell(self, fact: Fact) -> None:
        """One line: the fact's name, its fields, its figures, and which of them are metrics."""
        fields: dict[str, Any] = {name: word for name, word in fact.about.items() if word is not None}
        if fact.counts:
            fields |= {**fact.counts, "_aws": self._metadata(fact)}
        self._log.info(fact.name, extra=fields, stacklevel=2)  # its location: where it is told

    def _metadata(self, fact: Fact) -> dict[str, Any]:
        """A directive for the figures that are told apart by the same field of the line, or by none."""
        told_by: dict[str | None, list[dict[str, str]]] = {}
        for name in fact.counts:
            metric = METRICS[name]
            told_by.setdefault(metric.by, []).append({"Name": name, "Unit": metric.unit})
        directives = [
            {"Namespace": self._namespace, "Dimensions": [[by] if by else []], "Metrics": metrics}
            for by, metrics in told_by.items()
        ]
        return {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": directives}
