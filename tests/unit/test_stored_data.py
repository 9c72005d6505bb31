"""What is stored is private, encrypted and kept, by the template: buckets, table, queues, logs, secrets."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.template import RESOURCES, TEMPLATE

PRIVATE = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
SECRET_WORDS = ("KEY", "SECRET", "TOKEN", "PASSWORD")


def of_type(kind: str) -> list[str]:
    return [name for name, one in RESOURCES.items() if one["Type"] == kind]


BUCKETS, TABLES = of_type("AWS::S3::Bucket"), of_type("AWS::DynamoDB::Table")
QUEUES, SECRETS = of_type("AWS::SQS::Queue"), of_type("AWS::SecretsManager::Secret")
FUNCTIONS = of_type("AWS::Serverless::Function")


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[name]["Properties"]
    return found


def statements(kind: str, resource: str, target: str) -> list[dict[str, Any]]:
    """The statements of the policies on a resource, which their property `target` names."""
    named = [
        properties(name) for name in of_type(kind) if {"Ref": resource} in as_list(properties(name)[target])
    ]
    return [one for policy in named for one in policy["PolicyDocument"]["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_there_is_something_of_each_to_look_at() -> None:
    assert len(BUCKETS) >= 2
    assert len(FUNCTIONS) > 10
    assert TABLES
    assert QUEUES
    assert len(SECRETS) == 2


@pytest.mark.parametrize("bucket", BUCKETS)
def test_bucket_is_private_encrypted_and_outlives_the_stack(bucket: str) -> None:
    told = properties(bucket)
    assert [told["PublicAccessBlockConfiguration"][name] for name in PRIVATE] == [True] * 4
    rules = told["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert all("ServerSideEncryptionByDefault" in str(rule) for rule in as_list(rules))
    assert RESOURCES[bucket]["DeletionPolicy"] == RESOURCES[bucket]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_bucket_answers_nobody_without_tls_and_gives_nobody_else_a_right(bucket: str) -> None:
    said = statements("AWS::S3::BucketPolicy", bucket, "Bucket")
    (tls,) = [one for one in said if "aws:SecureTransport" in str(one.get("Condition"))]
    assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", "s3:*")
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": False}}
    assert tls["Resource"] == [{"GetAtt": f"{bucket}.Arn"}, {"Sub": f"${{{bucket}.Arn}}/*"}]
    assert not [one for one in said if one["Effect"] == "Allow"]


@pytest.mark.parametrize("table", TABLES)
def test_table_is_encrypted_restorable_to_any_second_and_outlives_the_stack(table: str) -> None:
    told = properties(table)
    assert told["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert told["SSESpecification"]["SSEEnabled"] is True
    assert RESOURCES[table]["DeletionPolicy"] == RESOURCES[table]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("queue", QUEUES)
def test_queue_is_encrypted(queue: str) -> None:
    told = properties(queue)
    assert told.get("SqsManagedSseEnabled") is True or "KmsMasterKeyId" in told


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_log_is_kept_for_as_long_as_was_set_and_no_longer(function: str) -> None:
    group = {"Sub": f"/aws/lambda/${{{function}}}"}
    logs = [properties(name) for name in of_type("AWS::Logs::LogGroup")]
    (log,) = [one for one in logs if one["LogGroupName"] == group]
    assert log["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def variables() -> Iterator[tuple[str, Any]]:
    """Every environment variable of every function."""
    places = [TEMPLATE["Globals"]["Function"], *map(properties, FUNCTIONS)]
    for place in places:
        yield from place.get("Environment", {}).get("Variables", {}).items()


def test_environment_names_secrets_and_holds_none() -> None:
    named = {name: value for name, value in variables() if any(word in name for word in SECRET_WORDS)}
    assert len(named) >= 2
    assert all(value in [{"Ref": secret} for secret in SECRETS] for value in named.values()), named


def test_nothing_resolves_a_secret_into_the_template() -> None:
    assert "{{resolve:" not in json.dumps(TEMPLATE, default=str)
    parameters = " ".join(TEMPLATE["Parameters"]).upper()
    assert not [word for word in ("APIKEY", "SECRET", "PASSWORD") if word in parameters]
