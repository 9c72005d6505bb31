"""`easel doctor --aws --trial` on the local stack: what it finds, and that nothing is bought; written is what
is of the one picture that costs nothing."""

import json
import os
import re
import subprocess
import sys
import uuid
from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel_client.command.doctor_trial import NOBODY
from local.aws_endpoint import REGION
from local.stack import STACK, LocalStack
from tests.integration.easel_caller import EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

PROMPT = "a red fox in snow"  # others here wait for theirs until it was made
# The API's own address is none of this machine's; the emulator keeps no backups and has no quotas.
NOT_HERE = {"api", "table", "functions at a time", "workflows", "api calls"}


def findings(stack: LocalStack, key: str) -> list[dict[str, Any]]:
    """What is found with this key, with the trial."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(stack.settings.data), "EASEL_URL": stack.url,
        "EASEL_API_KEY": key, "AWS_ENDPOINT_URL": stack.aws.url, "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }  # fmt: skip
    command = [sys.executable, "-c", "from easel_client.command.app import main; main()", "doctor", "--json"]
    done = subprocess.run(
        [*command, "--aws", "--trial", "--stack", STACK], env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


def records(stack: LocalStack, *signs: str) -> set[str]:
    """The keys of the records that have one of these signs; those of requests' rates do not count."""
    pages = stack.aws.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
    items = [item for page in pages for item in page["Items"] if "rate#" not in item["pk"]["S"]]
    texts = {(item["pk"]["S"], item["sk"]["S"]): json.dumps(item, default=str) for item in items}
    return {" ".join(key) for key, text in texts.items() if any(sign in text for sign in signs)}


def refused(stack: LocalStack) -> list[str]:
    """The executions that are the trial's by their input."""
    workflows, machine = stack.aws.client("stepfunctions"), stack.outputs["GenerateStateMachineArn"]
    pages = workflows.get_paginator("list_executions").paginate(
        stateMachineArn=machine, statusFilter="FAILED"
    )
    failed = [one["executionArn"] for page in pages for one in page["executions"]]
    inputs = {arn: workflows.describe_execution(executionArn=arn)["input"] for arn in failed}
    return [arn for arn, given in inputs.items() if json.loads(given) == {"request": {}}]


def bought(stack: LocalStack) -> int:
    """How often the vendors took what the trial asks for."""
    return sum(task["prompt"] == PROMPT for task in sandbox_tasks(stack.sandbox_url))


def test_trial_runs_every_step_and_plans_for_every_model_and_buys_nothing(
    stack: LocalStack, caller: EaselCaller
) -> None:
    tenant = f"doctors-{uuid.uuid4().hex[:8]}"
    key = caller.call("POST", "/v1/keys", {"tenant": tenant}).body["secret"]
    known, taken = records(stack, tenant, NOBODY), bought(stack)
    assert known, "those of the key"
    told = findings(stack, key)
    assert {one["subject"] for one in told if one["verdict"] == "fail"} == NOT_HERE
    well = [(one["subject"], one["text"]) for one in told if one["verdict"] == "ok"]
    plans = {text.partition(":")[0] for subject, text in well if subject == "dry run"}
    assert plans == {model["id"] for model in caller.call("GET", "/v1/models").body["data"]}
    assert len(plans) >= len(CATALOGUE.models)
    assert sorted(text.split()[0] for subject, text in well if subject == "step") == [
        "Collect", "Deliver", "Feed", "Persist", "Poll", "Prepare", "Settle", "Submit",
    ]  # fmt: skip
    assert {"functions", "vendor keys", "webhooks", "api key", "bucket", "logs", "alarms", "workflow"} <= {
        subject for subject, _ in well
    }
    assert bought(stack) == taken
    (made,) = EaselCaller(stack.url, key).call("GET", "/v1/generations").body["data"]
    assert (made["model"], made["status"], made["receipt"]["billed"]["amount"]) == (
        "sandbox",
        "succeeded",
        "0",
    )
    (picture,) = [text for subject, text in well if subject == "picture"]
    assert f"for $0.00: 1328x1328, {made['images'][0]['bytes']} bytes" in picture
    written = records(stack, tenant, NOBODY) - known
    assert sorted(re.findall(r"^(gen|usage)\d*#", "\n".join(written), re.M)) == ["gen", "usage"]
    assert len(written) == 2
    executions = refused(stack)
    assert executions
    assert not records(stack, *executions)
