"""Values as DynamoDB's attributes, held against boto3's own way to write them."""

from decimal import Decimal, DecimalException

import pytest
from boto3.dynamodb.types import TypeSerializer

from easel.aws.items import attributes, plain_values

VALUES = {
    "text": "a lighthouse",
    "empty": "",
    "flag": True,
    "whole": -12,
    "amount": Decimal("0.1250"),
    "nothing": None,
    "list": ["a", 1, False, {"deep": [None]}],
    "map": {"a": {"b": "c"}},
}


def test_attributes_are_as_boto3_writes_them() -> None:
    serializer = TypeSerializer()
    assert attributes(VALUES) == {name: serializer.serialize(value) for name, value in VALUES.items()}


def test_values_come_back() -> None:
    assert plain_values(attributes(VALUES)) == {**VALUES, "amount": 0.125}
    assert isinstance(plain_values({"n": {"N": "3"}})["n"], int)


def test_value_without_a_form_is_refused() -> None:
    with pytest.raises(TypeError):
        attributes({"bytes": object()})
    with pytest.raises(DecimalException):
        attributes({"long": Decimal("1." + "1" * 40)})
