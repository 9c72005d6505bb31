"""`easel doctor`: each finding with its verdict and what to do."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from easel.aws.keys import put_api_key
from easel.domain.tenancy import ApiKey
from easel_client.profiles import Profile, Profiles, profile_file
from tests.template import RESOURCES
from tests.unit.client.command import data, easel
from tests.unit.client.deployment import Deployment, problem
from tests.unit.client.test_keys_command import key
from tests.unit.client.test_models_usage import route

REGION = "us-east-1"
SECRET = "sk-PLANTED"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing answers, nobody waits; and no port of this machine counts."""
    monkeypatch.setattr("easel_client.transport.TRIES_MAX", 1)
    monkeypatch.setenv("EASEL_PORT", "9")


def lay(deployment: Deployment, **fields: Any) -> None:
    """A deployment in good order, but for these."""
    now = format_datetime(datetime.now(UTC) + fields.get("ahead", timedelta()), usegmt=True)
    deployment.answers("GET /healthz", {"status": "ok"}, Date=now)
    deployment.answers("GET /v1/key", fields.get("key", key()))
    models = [{"id": "m", "routes": fields.get("routes", [route("a/m")])}]
    deployment.answers("GET /v1/models", {"data": models, "next_cursor": None})


def found(*words: str) -> dict[str, tuple[str, str, str]]:
    """Verdict, text and advice by subject."""
    findings = data(easel("doctor", "--json", *words))["findings"]
    return {one["subject"]: (one["verdict"], one["text"], one["advice"]) for one in findings}


def test_all_is_well(deployment: Deployment) -> None:
    lay(deployment)
    done = easel("doctor")
    assert done.exit_code == 0
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"ok"}
    told = found()
    assert told["key"][1] == "shop of tenant acme, may generate, read"
    assert told["models"][1] == "1 of 1 are ready, through MuleRouter"
    assert told["checkout"][1].startswith("none in this folder")
    assert deployment.key not in done.output


def test_nothing_is_known_and_nothing_answers() -> None:
    done = easel("doctor")
    assert done.exit_code == 1
    assert "easel login" in found()["deployment"][2]
    Profiles({}, None).having("home", Profile("http://127.0.0.1:9", "k")).write()
    verdict, text, _ = found("--profile", "home")["answers"]
    assert (verdict, text) == ("fail", "Nothing answers at http://127.0.0.1:9.")


@pytest.mark.parametrize(
    ("subject", "verdict", "fields"),
    [
        ("clock", "fail", {"ahead": timedelta(minutes=-7)}),
        ("clock", "warn", {"ahead": timedelta(minutes=1)}),
        ("key", "fail", {"key": (401, problem(401, "unauthorized", "Not known."))}),
        ("key", "fail", {"key": key(scopes=[])}),
        ("key", "warn", {"key": key(expires_at=(datetime.now(UTC) + timedelta(days=2)).isoformat())}),
        ("limit", "warn", {"key": key(used={"usd_per_day": "5.00"})}),
        ("models", "fail", {"routes": [route("a/m", ready=False)]}),
        ("routes", "warn", {"routes": [route("a/m", health={"state": "paused"})]}),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(
    deployment: Deployment, subject: str, verdict: str, fields: dict[str, Any]
) -> None:
    lay(deployment, **fields)
    told = found()[subject]
    assert told[0] == verdict
    assert told[2]
    assert easel("doctor").exit_code == (verdict == "fail")


def test_a_profile_file_that_others_may_read_is_told() -> None:
    Profiles({}, None).having("home", Profile("http://127.0.0.1:9", "k")).write()
    assert found()["profiles"][:2] == ("ok", f"home* in {profile_file()}")
    profile_file().chmod(0o644)
    assert found()["profiles"][0] == "warn"
    profile_file().write_text("[[[")
    assert found()["profiles"][0] == "fail"


def test_a_checkout_and_ports_that_are_taken(
    alone: Path, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(deployment)
    (alone / "local").mkdir()
    (alone / "local" / "__main__.py").touch()
    (alone / "Makefile").touch()
    monkeypatch.setenv("EASEL_PORT", deployment.url.rpartition(":")[2])
    told = found()
    assert told["local stack"][:2] == ("ok", f"answers at {deployment.url}")
    assert told["set-up"][0] == "warn"
    deployment.laid["GET /healthz"].clear()
    deployment.answers("GET /healthz", b"another program")
    told = found()
    assert told[f"port {deployment.url.rpartition(':')[2]}"][0] == "fail"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, deployment: Deployment) -> Iterator[dict[str, str]]:
    """An AWS account with what a stack of Easel leaves in it, without keys."""
    lay(deployment)
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", REGION)):
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        properties = dict(RESOURCES["Table"]["Properties"])
        kept = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        boto3.client("dynamodb", REGION).create_table(
            TableName="table", **{name: properties[name] for name in kept}
        )
        secret = boto3.client("secretsmanager", REGION).create_secret(Name="vendors", SecretString="{}")
        outputs = {
            "ApiUrl": deployment.url, "TableName": "table", "VendorKeysSecretArn": secret["ARN"],
            "ImageBucketName": "images", "InboxBucketName": "inbox",
        }  # fmt: skip
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        boto3.client("cloudformation", REGION).create_stack(
            StackName="easel-dev", TemplateBody=json.dumps(template)
        )
        yield outputs


def test_an_account_is_looked_into(account: dict[str, str]) -> None:
    told = found("--aws")
    assert [told[one][0] for one in ("aws sdk", "region", "credentials", "stack", "api")] == ["ok"] * 5
    assert told["vendor keys"][0] == told["api key"][0] == "fail"
    assert "make key TENANT=default STACK=easel-dev ADMIN=1" in told["api key"][2]
    keys = json.dumps({"mulerouter": SECRET, "aimlapi": ""})
    boto3.client("secretsmanager", REGION).put_secret_value(SecretId="vendors", SecretString=keys)
    put_api_key(
        boto3.client("dynamodb", REGION), "table", "ezl_x", ApiKey(id="key_1", tenant="t", prefix="ezl_")
    )
    done = easel("doctor", "--aws")
    assert (done.exit_code, SECRET in done.output) == (0, False)
    assert found("--aws")["vendor keys"][1] == "mulerouter"


def test_a_stack_that_is_not_there_is_told(account: dict[str, str]) -> None:
    told = found("--aws", "--stack", "nope")
    assert told["stack"][0] == "fail"
    assert "api" not in told


def test_without_credentials_region_or_sdk_it_says_so(
    monkeypatch: pytest.MonkeyPatch, deployment: Deployment
) -> None:
    lay(deployment)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert found("--aws")["region"][0] == "fail"
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    assert found("--aws")["credentials"][0] == "fail"
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert "pipx inject" in found("--aws")["aws sdk"][2]
