"""`easel doctor --aws`: an account in good order, and what is told where one thing in it is not."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from easel.aws.keys import put_api_key
from easel.domain.tenancy import ApiKey
from easel_client.command import doctor_aws, doctor_quotas
from easel_client.command.account import Account
from easel_client.command.findings import Finding, Verdict
from tests.template import RESOURCES
from tests.unit.client.command import easel
from tests.unit.client.deployment import Deployment
from tests.unit.client.test_doctor import found, lay

REGION = "us-east-1"
SECRET = "sk-PLANTED"
FUNCTION = "easel-dev-api"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
SHUT = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
# moto knows no quotas of these services.
UNKNOWN_HERE = {"functions at a time", "workflows", "api calls"}
WELL = (
    "aws sdk", "region", "credentials", "stack", "api", "functions", "vendor keys", "webhooks", "api key",
    "table", "bucket", "logs", "alarms", "alarm topic",
)  # fmt: skip


def resources() -> dict[str, Any]:
    """What a stack of Easel leaves in an account, of each kind that is looked at; moto leaves out some."""
    table = {
        name: value for name, value in RESOURCES["Table"]["Properties"].items() if name != "SSESpecification"
    }
    encrypted = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    bucket = {"BucketEncryption": {"ServerSideEncryptionConfiguration": encrypted}}
    code = {"ZipFile": "def handler(event, context): return None"}
    return {
        "Table": ("DynamoDB::Table", table),
        "Images": ("S3::Bucket", bucket),
        "Inbox": ("S3::Bucket", bucket),
        "Role": ("IAM::Role", {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [TRUST]}}),
        "ApiFunction": ("Lambda::Function", {
            "FunctionName": FUNCTION, "Code": code, "Handler": "index.handler", "Runtime": "python3.13",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        }),
        "ApiLogs": ("Logs::LogGroup", {"LogGroupName": f"/aws/lambda/{FUNCTION}", "RetentionInDays": 30}),
        "Topic": ("SNS::Topic", {"TopicName": "easel-dev-alarms"}),
    }  # fmt: skip


OUTPUTS = {
    "TableName": "Table", "ImageBucketName": "Images", "InboxBucketName": "Inbox", "AlarmTopicArn": "Topic",
}  # fmt: skip


ALARM = {
    "AlarmName": "easel-dev-api-errors", "AlarmDescription": "Many. Do: look at the log.", "MetricName": "m",
    "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1, "Statistic": "Sum",
    "ComparisonOperator": "GreaterThanThreshold",
}  # fmt: skip


def make_stack(url: str) -> dict[str, str]:
    """The stack; its outputs."""
    secrets, stacks = boto3.client("secretsmanager", REGION), boto3.client("cloudformation", REGION)
    vendors = secrets.create_secret(
        Name="vendors", SecretString=json.dumps({"mulerouter": SECRET, "aimlapi": ""})
    )
    signing = secrets.create_secret(Name="signing", SecretString="PLANTED" * 8)
    outputs: dict[str, Any] = {name: {"Ref": to} for name, to in OUTPUTS.items()}
    outputs |= {"ApiUrl": url, "VendorKeysSecretArn": vendors["ARN"], "WebhookSecretArn": signing["ARN"]}
    parameters = {"Stage": {"Type": "String", "Default": "dev"}}
    made = {name: {"Type": f"AWS::{kind}", "Properties": of} for name, (kind, of) in resources().items()}
    template = {
        "Parameters": parameters | {"BatchConcurrency": {"Type": "Number", "Default": 50}},
        "Resources": made,
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    stacks.create_stack(StackName="easel-dev", TemplateBody=json.dumps(template))
    (stack,) = stacks.describe_stacks(StackName="easel-dev")["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


@dataclass
class Town:
    """The account, and its stack's outputs."""

    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        return boto3.client(service, REGION)  # type: ignore[call-overload]


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch, deployment: Deployment) -> Iterator[Town]:
    """An account with a stack in good order."""
    lay(deployment)
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", REGION)):
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws(config={"lambda": {"use_docker": False}}):
        town = Town(make_stack(deployment.url))
        town.client("cloudwatch").put_metric_alarm(**ALARM)
        table = town.outputs["TableName"]
        town.client("dynamodb").update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        town.client("dynamodb").update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
        for bucket in ("ImageBucketName", "InboxBucketName"):
            town.client("s3").put_public_access_block(
                Bucket=town.outputs[bucket], PublicAccessBlockConfiguration=dict.fromkeys(SHUT, True)
            )
        town.client("sns").subscribe(
            TopicArn=town.outputs["AlarmTopicArn"],
            Protocol="sqs",
            Endpoint="arn:aws:sqs:us-east-1:123456789012:q",
        )
        put_api_key(town.client("dynamodb"), table, "ezl_x", ApiKey(id="key_1", tenant="t", prefix="ezl_"))
        yield town


def test_stack_in_good_order_is_well_in_all_that_is_looked_at(town: Town) -> None:
    done, told = easel("doctor", "--aws"), found("--aws")
    assert {name: told[name][0] for name in WELL} == dict.fromkeys(WELL, "ok")
    assert {name for name, finding in told.items() if finding[0] == "fail"} == UNKNOWN_HERE
    assert told["vendor keys"][1] == "mulerouter"
    assert "PLANTED" not in done.output


def no_vendor(town: Town) -> None:
    town.client("secretsmanager").put_secret_value(SecretId="vendors", SecretString="{}")


def broken_secret(town: Town) -> None:
    town.client("secretsmanager").put_secret_value(SecretId="vendors", SecretString="sk-PLANTED")


def secret_of_numbers(town: Town) -> None:
    town.client("secretsmanager").put_secret_value(SecretId="vendors", SecretString='{"mulerouter": 5}')


def short_secret(town: Town) -> None:
    town.client("secretsmanager").put_secret_value(SecretId="signing", SecretString="PLANTED")


def no_key(town: Town) -> None:
    table, dynamodb = town.outputs["TableName"], town.client("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def no_recovery(town: Town) -> None:
    town.client("dynamodb").update_continuous_backups(
        TableName=town.outputs["TableName"],
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )


def no_expiry(town: Town) -> None:
    town.client("dynamodb").update_time_to_live(
        TableName=town.outputs["TableName"],
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"},
    )


def open_bucket(town: Town) -> None:
    doors = dict.fromkeys(SHUT, True) | {"BlockPublicPolicy": False}
    town.client("s3").put_public_access_block(
        Bucket=town.outputs["ImageBucketName"], PublicAccessBlockConfiguration=doors
    )


def unguarded_bucket(town: Town) -> None:
    town.client("s3").delete_public_access_block(Bucket=town.outputs["InboxBucketName"])


def lasting_logs(town: Town) -> None:
    town.client("logs").delete_retention_policy(logGroupName=f"/aws/lambda/{FUNCTION}")


def ringing_alarm(town: Town) -> None:
    town.client("cloudwatch").set_alarm_state(
        AlarmName="easel-dev-api-errors", StateValue="ALARM", StateReason="r"
    )


def no_alarm(town: Town) -> None:
    town.client("cloudwatch").delete_alarms(AlarmNames=["easel-dev-api-errors"])


def nobody_told(town: Town) -> None:
    sns = town.client("sns")
    for one in sns.list_subscriptions()["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])


def no_topic(town: Town) -> None:
    town.client("sns").delete_topic(TopicArn=town.outputs["AlarmTopicArn"])


def told(town: Town, *changes: Callable[[Town], None]) -> dict[tuple[str, str], str]:
    """What is told after these changes, with its advice, by subject and verdict."""
    for change in changes:
        change(town)
    done = easel("doctor", "--aws", "--json")
    assert done.exit_code == 1
    assert "PLANTED" not in done.output
    findings = json.loads(done.stdout)["findings"]
    assert all(one["advice"] for one in findings if one["verdict"] != "ok")
    return {(one["subject"], one["verdict"]): f"{one['text']} {one['advice']}" for one in findings}


def test_what_is_wrong_is_told_with_what_to_do_and_all_else_is_looked_at(town: Town) -> None:
    changes = (
        broken_secret, short_secret, no_key, no_recovery, no_expiry, open_bucket, lasting_logs, ringing_alarm,
        nobody_told,
    )  # fmt: skip
    found = told(town, *changes)
    assert "not a JSON object" in found["vendor keys", "fail"]
    assert "not a JSON object of strings" in told(town, secret_of_numbers)["vendor keys", "fail"]
    assert "too short" in found["webhooks", "fail"]
    assert "make key TENANT=default STACK=easel-dev ADMIN=1" in found["api key", "fail"]
    assert "no point-in-time recovery" in found["table", "fail"]
    assert "forgets no record" in found["table", "warn"]
    assert "may be made public (BlockPublicPolicy)" in found["bucket", "fail"]
    assert "ApiFunction are kept for ever" in found["logs", "warn"]
    assert "look at the log." in found["alarm", "warn"]
    assert "AlarmEmail" in found["alarm topic", "warn"]
    found = told(town, no_vendor, unguarded_bucket, no_alarm, no_topic)
    assert "put-secret-value" in found["vendor keys", "fail"]
    assert "NoSuchPublicAccessBlockConfiguration" in found["bucket", "fail"]
    assert "easel-dev-" in found["alarms", "fail"]
    assert "NotFound" in found["alarm topic", "fail"]
    assert ("functions", "ok") in found


def test_stack_that_is_not_there_is_told(town: Town) -> None:
    told = found("--aws", "--stack", "nope")
    assert told["stack"][0] == "fail"
    assert "make deploy" in told["stack"][2]
    assert "api" not in told


def test_region_that_the_sdk_does_not_know_is_told() -> None:
    finding = doctor_aws.region(boto3.Session(region_name="eu-west-99"))
    assert finding.verdict is Verdict.WARN
    assert "apigatewayv2" in finding.text
    assert doctor_aws.region(boto3.Session(region_name="eu-central-1")).verdict is Verdict.OK


def test_without_credentials_region_profile_or_sdk_it_says_so(
    monkeypatch: pytest.MonkeyPatch, deployment: Deployment
) -> None:
    lay(deployment)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert found("--aws")["region"][0] == "fail"
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    assert found("--aws")["credentials"][0] == "fail"
    monkeypatch.setenv("AWS_PROFILE", "mistyped")
    verdict, detail, advice = found("--aws")["profile"]
    assert verdict == "fail"
    assert "mistyped" in detail
    assert "AWS_PROFILE" in advice
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert "pipx inject" in found("--aws")["aws sdk"][2]


# ── Quotas ────────────────────────────────────────────────────────────────────────────────────────────

BUCKET = "{} throttle token refill rate per second", "{} throttle token bucket size"
LARGE: dict[str, dict[str, float]] = {
    "lambda": {"L-B99A9384": 1000},
    "states": {
        BUCKET[0].format("StateTransition"): 1500, BUCKET[1].format("StateTransition"): 5000,
        BUCKET[0].format("StartExecution"): 300, BUCKET[1].format("StartExecution"): 1300,
    },
    "apigateway": {"L-8A5B8E43": 10000},
}  # fmt: skip


class Quotas:
    """Service Quotas: AWS's defaults, and what an account has of its own."""

    def __init__(self, defaults: dict[str, dict[str, float]], own: dict[str, dict[str, float]]) -> None:
        self.told = {"list_aws_default_service_quotas": defaults, "list_service_quotas": own}

    def get_paginator(self, call: str) -> Any:
        def paginate(**asked: str) -> Iterator[dict[str, Any]]:
            for name, value in self.told[call].get(asked["ServiceCode"], {}).items():
                yield {"Quotas": [{"QuotaCode": name, "QuotaName": name, "Value": value}]}

        return SimpleNamespace(paginate=paginate)


def quotas(rows: int = 50, **own: dict[str, float]) -> list[Finding]:
    account = Account(
        lambda _: Quotas(LARGE, own), "easel-dev", REGION, parameters={"BatchConcurrency": str(rows)}
    )
    return [one for check in doctor_quotas.CHECKS.values() for one in check(account)]


def test_quotas_of_an_established_account_are_told_and_enough() -> None:
    assert {one.verdict for one in quotas()} == {Verdict.OK}
    assert [one.text for one in quotas()] == [
        "1000 functions at a time",
        "1500 state transitions a second, 5000 at once: 242 images a second",
        "300 executions a second, 1300 at once: 300 images a second",
        "10000 API calls a second",
    ]


def test_quotas_of_a_new_account_are_too_low_for_its_batches() -> None:
    states = {BUCKET[0].format("StateTransition"): 10.0}
    told = quotas(100, **{"lambda": {"L-B99A9384": 10.0}, "states": states})
    assert [one.verdict for one in told] == [Verdict.WARN, Verdict.WARN, Verdict.OK, Verdict.OK]
    assert "BatchConcurrency" in told[0].advice


def test_quota_that_is_not_told_is_said_to_be_not_told() -> None:
    nothing = Account(lambda _: Quotas({}, {}), "easel-dev", REGION)
    told = [one for check in doctor_quotas.CHECKS.values() for one in check(nothing)]
    assert {one.verdict for one in told} == {Verdict.WARN}
    assert len(told) == 4
