"""The last release is deployed with its data, and today's Easel over it, while generations are under way."""

import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from local.build import build
from local.deploy import deploy
from local.gaps import GAPS
from local.stack import STACK, LocalStack
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import TERMINAL, EaselCaller, sandbox_tasks
from tests.integration.release import RELEASED, REQUEST, lasting, put_back, released_build, was_told
from tests.template import TEMPLATE, TemplateLoader

pytestmark = pytest.mark.stack

TASK_SECONDS = 24.0  # longer than it takes to deploy
HELD = REQUEST | {"route": "dashscope-intl/qwen-image-max"}  # the vendor is waited for within Submit
SUBMIT_LIMIT_SECONDS = 20.0
LASTING_KINDS = (
    *("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::SQS::Queue"),
    *("AWS::ApiGatewayV2::Api", "AWS::Events::EventBus", "AWS::StepFunctions::StateMachine"),
)


def lasting_resources(stack: LocalStack) -> dict[str, str]:
    """What callers and data depend on, by name: which of them it is."""
    listed = stack.aws.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in listed
        if one["ResourceType"] in LASTING_KINDS
    }


def deploy_over(stack: LocalStack) -> dict[str, str]:
    """Update the running stack to today's template and code; parameters stay, as `sam deploy` leaves them."""
    (described,) = stack.aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    kept = {one["ParameterKey"]: one["ParameterValue"] for one in described["Parameters"]}
    parameters = {name: value for name, value in kept.items() if name in TEMPLATE["Parameters"]}
    return deploy(stack.aws, build(), STACK, parameters, GAPS)


def wait_for_tasks(sandbox_url: str, count: int) -> None:
    """Until the vendors have taken so many."""
    limit = time.monotonic() + SUBMIT_LIMIT_SECONDS
    while len(sandbox_tasks(sandbox_url)) < count:
        assert time.monotonic() < limit, "not submitted"
        time.sleep(0.1)


def missing(now: Any, then: Any, place: str = "") -> list[str]:
    """Where something is no longer told as it was; more may be told."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [lost for key in then for lost in missing(now.get(key), then[key], f"{place}.{key}")]
    if isinstance(then, list) and isinstance(now, list) and len(now) == len(then):
        return [lost for n, value in enumerate(then) for lost in missing(now[n], value, f"{place}[{n}]")]
    if place.endswith(".amount") and now is not None:  # 0.150, when several were added up
        now, then = Decimal(now), Decimal(then)
    return [] if now == then else [f"{place} is {now!r}, was {then!r}"]


def test_tables_indexes_change_only_as_cloudformation_can_change_them() -> None:
    """One comes or goes in an update, and what stays stays as it is
    (https://docs.aws.amazon.com/goto/WebAPI/dynamodb-2012-08-10/GlobalSecondaryIndexUpdate).
    """
    released = yaml.load((RELEASED / "template.yaml").read_text(encoding="utf-8"), TemplateLoader)
    then, now = (indexes(template["Resources"]["Table"]) for template in (released, TEMPLATE))
    assert {name: now[name] for name in then if name in now} == {
        name: then[name] for name in then if name in now
    }
    assert len(then.keys() ^ now.keys()) <= 1
    assert then


def indexes(table: dict[str, Any]) -> dict[str, Any]:
    """The table's, by name."""
    return {one["IndexName"]: one for one in table["Properties"]["GlobalSecondaryIndexes"]}


def test_release_with_its_data_becomes_todays_easel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (released := tmp_path / "released").mkdir()
    monkeypatch.setattr("local.stack.build", lambda: released_build(released))
    settings = replace(stack_settings(tmp_path / "data"), sandbox_latency=str(TASK_SECONDS))
    with LocalStack(settings) as stack:
        put_back(stack)
        owner = EaselCaller(stack.url, stack.api_key)
        key = owner.call("POST", "/v1/keys", {"tenant": "other", "scopes": ["generate", "read"]}).body
        caller = EaselCaller(stack.url, key["secret"])
        under_way = [caller.create(request)["id"] for request in (REQUEST, HELD)]
        wait_for_tasks(stack.sandbox_url, 2)
        resources, outputs = lasting_resources(stack), stack.outputs

        new_outputs = deploy_over(stack)

        for one in under_way:
            assert caller.call("GET", f"/v1/generations/{one}").body["status"] not in TERMINAL, "too late"
        assert new_outputs.items() >= outputs.items()
        assert len(resources) == 11
        assert lasting_resources(stack).items() >= resources.items()
        now = {path: owner.call("GET", path).body for path in was_told()}
        assert not missing(lasting(now), was_told())
        (image,) = (RELEASED / "objects").rglob("*.png")
        (link,) = (one["url"] for one in now[f"/v1/generations/{image.parent.name}"]["images"])
        assert urllib3.request("GET", link, timeout=10.0).data == image.read_bytes()
        for one in under_way:
            assert caller.ended(one)["status"] == "succeeded"
        assert len(sandbox_tasks(stack.sandbox_url)) == 2, "nothing was asked for twice"
