"""What the log gets of facts, and what CloudWatch counts of it, by its own schema of the format."""

import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jsonschema

from easel.aws.metrics import FactLog
from easel.domain.facts import Fact
from tests.fakes.log import logger_to

NAMESPACE = "Easel/test"
NAME = {"type": "string", "minLength": 1, "maxLength": 255}
UNITS = ["Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Percent", "Count", "None"]
# After the schema on AWS's own page, closed where its text says "MUST NOT contain any additional members":
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
METRIC: dict[str, Any] = {
    "type": "object",
    "required": ["Name"],
    "additionalProperties": False,
    "properties": {"Name": NAME, "Unit": {"enum": UNITS}},
}
DIRECTIVE: dict[str, Any] = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": NAME,
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "minItems": 0, "maxItems": 9, "items": NAME},
        },
        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": METRIC},
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_500_000_000_000},  # milliseconds
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": DIRECTIVE},
            },
        }
    },
}


class Counted(NamedTuple):
    """One figure as CloudWatch takes it."""

    name: str
    by: Mapping[str, str]
    value: float


def lines(facts: Iterable[Fact], level: str = "INFO") -> list[dict[str, Any]]:
    """The lines that the real writer makes of facts, in a log whose other lines begin with `level`."""
    stream = io.StringIO()
    logger = logger_to(stream, level)
    written = FactLog(logging.getLogger(logger.name), NAMESPACE)
    for fact in facts:
        written.tell(fact)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def counted(line: Mapping[str, Any]) -> Iterator[Counted]:
    """What CloudWatch counts of a line. What targets must be stands in the page's text, not in its schema."""
    if "_aws" not in line:
        return
    jsonschema.validate(line, SCHEMA)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == NAMESPACE
        for names in directive["Dimensions"]:
            by = {name: line[name] for name in names}
            assert all(isinstance(value, str) and value for value in by.values())
            for metric in directive["Metrics"]:
                value = line[metric["Name"]]
                assert isinstance(value, int | float)
                assert not isinstance(value, bool)
                yield Counted(metric["Name"], by, value)


def all_counted(facts: Iterable[Fact]) -> list[Counted]:
    """What CloudWatch counts of all these facts."""
    return [one for line in lines(facts) for one in counted(line)]
