"""`make deploy`'s own command, by the SAM CLI, up to the set of changes that CloudFormation would make."""

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from local import to_aws
from local.aws_endpoint import REGION
from local.build import REPOSITORY, build
from local.stack import LocalStack
from tests.template import RESOURCES

pytestmark = pytest.mark.stack

NAME = "easel-dev"
QUERY = "AWS::Logs::QueryDefinition"  # the emulator has none, nor has it CodeDeploy (local/gaps.py)
FILES = ("CodeUri", "ContentUri", "DefinitionUri")


def built_template(folder: Path) -> Path:
    """What `sam build` left, without what the emulator does not know."""
    from samtranslator.yaml_helper import yaml_parse

    built = build().folder
    template = yaml_parse((built / "template.yaml").read_text())
    template["Resources"] = {name: one for name, one in template["Resources"].items() if one["Type"] != QUERY}
    for one in template["Resources"].values():
        properties = one.get("Properties", {})
        properties.pop("DeploymentPreference", None)
        properties |= {name: str(built / properties[name]) for name in FILES if name in properties}
    file = folder / "template.json"
    file.write_text(json.dumps(template))
    return file


def changes(stack: LocalStack) -> dict[str, Any]:
    """The set of changes that was made for the stack."""
    cloudformation = stack.aws.client("cloudformation")
    (one,) = cloudformation.list_change_sets(StackName=NAME)["Summaries"]
    told: dict[str, Any] = cloudformation.describe_change_set(ChangeSetName=one["ChangeSetId"])
    return told


def test_sam_deploys_what_was_built_by_the_settings_of_the_stage(stack: LocalStack, tmp_path: Path) -> None:
    settings = REPOSITORY / "samconfig.toml"
    files = ("--template-file", str(built_template(tmp_path)), "--config-file", str(settings))
    more = (
        "--region",
        REGION,
        *files,
        "--no-confirm-changeset",
        "--no-execute-changeset",
        "--no-progressbar",
    )
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": stack.aws.url, "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0",
    }  # fmt: skip
    done = subprocess.run(
        to_aws.command("dev", tomllib.loads(settings.read_text()), more),
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        told = changes(stack)
    finally:
        stack.aws.client("cloudformation").delete_stack(StackName=NAME)
    made = {one["ResourceChange"]["LogicalResourceId"] for one in told["Changes"]}
    plain = {name for name, one in RESOURCES.items() if not one["Type"].startswith("AWS::Serverless")}
    functions = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
    wanted = {name for name in plain | functions if RESOURCES[name]["Type"] != QUERY}
    assert {name for name in wanted if "Condition" not in RESOURCES[name]} <= made
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in told["Parameters"]}
    assert parameters["Stage"] == "dev"
