"""Records as DynamoDB items: a record's fields are the item's attributes, so that the console shows them.

Times are ISO 8601 text, amounts of money decimal text.
"""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import BaseModel


class PlainSerializer(TypeSerializer):
    """boto3 holds each value against ten types in turn; nearly all of a record is text in maps and lists."""

    def serialize(self, value: Any) -> Any:
        """A value as DynamoDB's attribute value."""
        match value:
            case str():
                return {"S": value}
            case dict():
                return {"M": {name: self.serialize(one) for name, one in value.items()}}
            case list():
                return {"L": [self.serialize(one) for one in value]}
        return super().serialize(value)


class PlainDeserializer(TypeDeserializer):
    """Numbers as int or float: the record's models are strict about integers, and its money is text."""

    def _deserialize_n(self, value: str) -> int | float:
        return int(value) if value.lstrip("-").isdigit() else float(value)


SERIALIZER, DESERIALIZER = PlainSerializer(), PlainDeserializer()
SMALLEST_NUMBER = Decimal("1E-130")


def record_values(record: BaseModel) -> dict[str, Any]:
    """The record's fields as values that DynamoDB takes, without those that have their default."""
    values: dict[str, Any] = json.loads(record.model_dump_json(exclude_defaults=True), parse_float=_number)
    return values


def attributes(values: dict[str, Any]) -> dict[str, Any]:
    """Values as DynamoDB's attribute values."""
    return {name: SERIALIZER.serialize(value) for name, value in values.items()}


def plain_values(item: dict[str, Any]) -> dict[str, Any]:
    """The values back from an item."""
    return {name: DESERIALIZER.deserialize(value) for name, value in item.items()}


def error_code(error: ClientError) -> str:
    """AWS's word for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


def epoch(moment: datetime) -> str:
    """Whole seconds since 1970, as DynamoDB's time to live counts."""
    return str(int(moment.timestamp()))


def _number(text: str) -> Decimal:
    """A number as DynamoDB takes it: what is nearer to 0 than 1E-130 is 0."""
    number = Decimal(text)
    return number if abs(number) >= SMALLEST_NUMBER else Decimal(0)
