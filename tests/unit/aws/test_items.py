"""Values as DynamoDB takes them: as boto3 itself would write them, only sooner."""

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from easel.aws.items import SERIALIZER
from easel.domain.generation import Status

VALUES = [
    "text", "", "S", Status.QUEUED, 7, -1, Decimal("0.075"), True, False, None, b"bytes", {1}, {"a"},
    [], {}, ["a", 1, [None, {"S": "no attribute value"}]], {"L": [True], "deep": {"er": Decimal("1.5")}},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_attribute_values_are_those_that_boto3_writes(value: Any) -> None:
    assert SERIALIZER.serialize(value) == TypeSerializer().serialize(value)


def test_what_dynamodb_has_no_type_for_is_refused_also_deep_inside() -> None:
    with pytest.raises(TypeError, match="Unsupported type"):
        SERIALIZER.serialize({"list": [object()]})
