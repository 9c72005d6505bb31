"""Records as DynamoDB items: a record's fields are the item's attributes, so that the console shows them.

Times are ISO 8601 text, amounts of money decimal text.
"""

import json
from datetime import datetime
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any

from botocore.exceptions import ClientError
from pydantic import BaseModel

# A number of DynamoDB's has 38 digits; one with more is refused, not rounded
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html).
NUMBERS = Context(prec=38, Emin=-128, Emax=126, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])
SMALLEST_NUMBER = Decimal("1E-130")


def record_values(record: BaseModel) -> dict[str, Any]:
    """The record's fields as values that DynamoDB takes, without those that have their default."""
    values: dict[str, Any] = json.loads(record.model_dump_json(exclude_defaults=True), parse_float=_number)
    return values


def attributes(values: dict[str, Any]) -> dict[str, Any]:
    """Values as DynamoDB's attribute values."""
    return {name: _attribute(value) for name, value in values.items()}


def plain_values(item: dict[str, Any]) -> dict[str, Any]:
    """The values back from an item."""
    return {name: _plain(value) for name, value in item.items()}


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


def _attribute(value: object) -> dict[str, Any]:
    """A value as an attribute value. What JSON has no word for is refused with TypeError."""
    match value:
        case None:
            return {"NULL": True}
        case bool():  # before int, which it is, too
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": str(NUMBERS.create_decimal(value))}
        case str():
            return {"S": value}
        case list() | tuple():
            return {"L": [_attribute(inner) for inner in value]}
        case dict():
            return {"M": attributes(value)}
    raise TypeError(f"DynamoDB takes no {type(value).__name__}")


def _plain(attribute: dict[str, Any]) -> Any:
    """An attribute's value. Numbers are int or float: records are strict about integers, money is text."""
    ((kind, value),) = attribute.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "L":
            return [_plain(inner) for inner in value]
        case "M":
            return plain_values(value)
    return value  # text, a boolean
