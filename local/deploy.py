"""Deploys a built template to an AWS endpoint by CloudFormation, as `sam deploy` does for AWS itself.

The endpoint is given by its URL; what is peculiar to one emulator comes in as its table of gaps.
"""

import hashlib
import io
import json
import logging
import os
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from local.aws_endpoint import REGION, AwsEndpoint
from local.build import Build
from local.failure import StackError
from local.gaps import Gap, Template

CODE_BUCKET = "easel-local-code"
DEPLOY_TIMEOUT_SECONDS = 120.0
FINGERPRINT_TAG = "easel:fingerprint"  # of the template, the packages and the parameters that were deployed
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same archive, hence the same key


def deploy(
    endpoint: AwsEndpoint, build: Build, stack: str, parameters: Mapping[str, str], gaps: Sequence[Gap]
) -> dict[str, str]:
    """Create or update the stack unless exactly this is deployed; return its outputs by name."""
    fingerprint = _fingerprint(build, parameters, gaps)
    cloudformation = endpoint.client("cloudformation")
    deployed = _describe(cloudformation, stack)
    if deployed is None or fingerprint not in [tag["Value"] for tag in deployed.get("Tags", [])]:
        packages = _Packages(endpoint.client("s3"))
        template = translate(build.folder, packages, parameters)
        for gap in gaps:
            gap.correct(template)
        _apply(endpoint, template, stack, parameters, fingerprint, update=deployed is not None)
        for gap in gaps:
            gap.mend(endpoint, stack, template)
        packages.remove_all()
    return stack_outputs(cloudformation, stack)


def stack_outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    """Return the outputs of a deployed stack by name."""
    described = _describe(cloudformation, stack)
    if described is None:
        raise StackError(f"there is no stack named {stack}.")
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def stack_parameters(cloudformation: Any, stack: str) -> dict[str, str]:
    """Return the parameters of a deployed stack by name, those with their default included."""
    told = (_describe(cloudformation, stack) or {}).get("Parameters", [])
    return {one["ParameterKey"]: one["ParameterValue"] for one in told}


def translate(build: Path, packages: "_Packages", parameters: Mapping[str, str]) -> Template:
    """Translate the built SAM template to plain CloudFormation with AWS's own translator."""
    # Slow to import, and not needed when nothing changed.
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse

    # It warns that the service's own metrics and switches of features are out of its reach.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    source = yaml_parse((build / "template.yaml").read_text())
    for name, resource in source["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = packages.put(name, build / properties["CodeUri"])
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = packages.put(name, build / properties["ContentUri"])
        elif resource["Type"] == "AWS::Serverless::StateMachine" and "DefinitionUri" in properties:
            definition = (build / properties.pop("DefinitionUri")).read_text()
            properties["Definition"] = yaml.safe_load(definition)
    translated: Template = Translator({}, Parser()).translate(source, dict(parameters))
    return translated


class _Packages:
    """Where built packages are put for CloudFormation, under a key made of their content."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        s3.create_bucket(Bucket=CODE_BUCKET)

    def put(self, name: str, folder: Path) -> str:
        archive = _archive(folder)
        key = f"{name}-{hashlib.sha256(archive).hexdigest()[:16]}.zip"
        self._s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=archive)
        return f"s3://{CODE_BUCKET}/{key}"

    def remove_all(self) -> None:
        """Remove every package, since the deployed functions have their own copies."""
        for entry in self._s3.list_objects_v2(Bucket=CODE_BUCKET).get("Contents", []):
            self._s3.delete_object(Bucket=CODE_BUCKET, Key=entry["Key"])


def _archive(folder: Path) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        for path in sorted(folder.rglob("*")):
            if path.is_file():  # bytecode too: it is never checked by the times of files
                entry = zipfile.ZipInfo(str(path.relative_to(folder)), ZIP_EPOCH)
                entry.external_attr = path.stat().st_mode << 16
                package.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
    return archive.getvalue()


def _fingerprint(build: Build, parameters: Mapping[str, str], gaps: Sequence[Gap]) -> str:
    rules = "".join(gap.reason for gap in gaps) + Path(__file__).read_text()
    parts = [build.fingerprint, rules, json.dumps(dict(parameters), sort_keys=True)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _describe(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    try:
        stacks = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # its way to say that there is none
            return None
        raise
    return dict(stacks[0])


def _apply(
    endpoint: AwsEndpoint,
    template: Template,
    stack: str,
    parameters: Mapping[str, str],
    tag: str,
    *,
    update: bool,
) -> None:
    cloudformation, key = endpoint.client("cloudformation"), f"{stack}.json"
    endpoint.client("s3").put_object(Bucket=CODE_BUCKET, Key=key, Body=json.dumps(template, default=str))
    change = cloudformation.update_stack if update else cloudformation.create_stack
    change(
        StackName=stack,
        TemplateURL=f"{endpoint.url}/{CODE_BUCKET}/{key}",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Tags=[{"Key": FINGERPRINT_TAG, "Value": tag}],
    )
    deadline = time.monotonic() + DEPLOY_TIMEOUT_SECONDS
    while True:
        described = _describe(cloudformation, stack) or {"StackStatus": "gone"}
        status = described["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            break
        if not status.endswith("_IN_PROGRESS") or time.monotonic() > deadline:
            reason = described.get("StackStatusReason") or "no reason given"
            raise StackError(f"the stack {stack} could not be deployed: {status}, {reason}")
        time.sleep(0.05)
