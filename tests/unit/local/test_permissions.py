"""Which partition keys a request to DynamoDB names, by which its caller's rights are held against it."""

import json
from typing import Any

import pytest

from local.permissions import leading_keys

FOX, OWL = {"pk": {"S": "gen#fox"}, "sk": {"S": "gen"}}, {"pk": {"S": "usage#owl"}, "sk": {"S": "now"}}
QUERY = {
    "KeyConditionExpression": "pk = :usage AND sk BETWEEN :first AND :last",
    "ExpressionAttributeValues": {":first": {"S": "1"}, ":usage": {"S": "usage#owl"}, ":last": {"S": "2"}},
}


@pytest.mark.parametrize(
    ("request_", "keys"),
    [
        ({"TableName": "t", "Key": FOX}, ["gen#fox"]),
        ({"TableName": "t", "Item": {**OWL, "usd": {"N": "1"}}}, ["usage#owl"]),
        ({"RequestItems": {"t": {"Keys": [FOX, OWL]}}}, ["gen#fox", "usage#owl"]),
        (
            {"RequestItems": {"t": [{"PutRequest": {"Item": FOX}}, {"DeleteRequest": {"Key": OWL}}]}},
            ["gen#fox", "usage#owl"],
        ),
        (
            {"TransactItems": [{"Put": {"TableName": "t", "Item": FOX}}, {"Update": {"Key": OWL}}]},
            ["gen#fox", "usage#owl"],
        ),
        (QUERY, ["usage#owl"]),
        ({"TableName": "t"}, []),
    ],
)
def test_keys_are_found_wherever_a_request_names_them(request_: dict[str, Any], keys: list[str]) -> None:
    assert leading_keys(json.dumps(request_).encode()) == keys


def test_body_that_is_no_json_names_none() -> None:
    assert leading_keys(b"{") == []
