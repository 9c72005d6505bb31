"""`easel doctor --aws --trial` on the local stack: what it finds, and that nothing is bought or written."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from local.aws_endpoint import REGION
from local.stack import STACK, LocalStack
from tests.integration.easel_caller import EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

# The API's own address is none of this machine's; the emulator keeps no backups and has no quotas.
NOT_HERE = {"api", "table", "functions at a time", "workflows", "api calls"}


def findings(stack: LocalStack) -> list[dict[str, Any]]:
    """What is found, with the trial."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(stack.settings.data), "EASEL_URL": stack.url,
        "EASEL_API_KEY": stack.api_key, "AWS_ENDPOINT_URL": stack.aws.url, "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }  # fmt: skip
    command = [sys.executable, "-c", "from easel_client.command.app import main; main()", "doctor", "--json"]
    done = subprocess.run(
        [*command, "--aws", "--trial", "--stack", STACK], env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


def records(stack: LocalStack) -> set[str]:
    """The keys of all records but those of requests' rates."""
    pages = stack.aws.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
    return {item["pk"]["S"] for page in pages for item in page["Items"] if "rate#" not in item["pk"]["S"]}


def test_trial_runs_every_step_and_plans_for_every_model_and_buys_nothing(
    stack: LocalStack, caller: EaselCaller
) -> None:
    known, bought = records(stack), len(sandbox_tasks(stack.sandbox_url))
    told = findings(stack)
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
    assert len(sandbox_tasks(stack.sandbox_url)) == bought
    assert records(stack) == known
