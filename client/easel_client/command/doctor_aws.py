"""What `easel doctor --aws` finds in the AWS account of the shell's settings. It only reads."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from easel_client.command.doctor_machine import is_easel
from easel_client.command.findings import Finding, fail, ok, warn

CREATE_KEY = "make key TENANT=default STACK={stack} ADMIN=1"
PUT_KEYS = (
    """aws secretsmanager put-secret-value --secret-id {arn} --secret-string '{{"mulerouter": "..."}}'"""
)
STEADY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
NEEDED = ("ApiUrl", "TableName", "VendorKeysSecretArn", "ImageBucketName", "InboxBucketName")


def findings(stack: str) -> Iterator[Finding]:
    """The SDK, credentials, region, the stack and its outputs, vendors' keys, the first API key."""
    try:
        import boto3
        import botocore.exceptions
        from botocore.config import Config
    except ImportError:
        how = "pipx inject easel-client boto3, or install `easel-client[aws]`."
        yield fail("aws sdk", "is not installed", how)
        return
    yield ok("aws sdk", f"boto3 {boto3.__version__}")
    session = boto3.Session()
    if not session.region_name:
        yield fail("region", "is not set", "Set AWS_REGION, or `region` in the AWS profile.")
        return
    yield ok("region", session.region_name)
    config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})

    def client(service: str) -> Any:
        return session.client(service, config=config)  # type: ignore[call-overload,unused-ignore]

    subject = "credentials"
    try:
        who = client("sts").get_caller_identity()
        yield ok(subject, f"account {who['Account']}, {who['Arn']}")
        subject = "stack"
        outputs: dict[str, str] = {}
        yield from _stack(client("cloudformation"), stack, outputs)
        if any(name not in outputs for name in NEEDED):
            return
        yield from _api(outputs["ApiUrl"])
        subject = "vendor keys"
        yield _vendor_keys(client("secretsmanager"), outputs["VendorKeysSecretArn"])
        subject = "api key"
        yield _first_key(client("dynamodb"), outputs["TableName"], stack)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        yield fail(subject, _words(error), _advice(subject, stack))


def _stack(cloudformation: Any, name: str, outputs: dict[str, str]) -> Iterator[Finding]:
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    outputs.update({one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())})
    state = stack["StackStatus"]
    if state not in STEADY:
        yield warn("stack", f"{name} is {state}", "Look at its events in CloudFormation.")
    else:
        yield ok("stack", f"{name} is {state}")
    if missing := [one for one in NEEDED if one not in outputs]:
        yield fail("outputs", f"{', '.join(missing)} missing", "Is it a stack of Easel? Deploy it anew.")


def _api(url: str) -> Iterator[Finding]:
    if is_easel(url):
        yield ok("api", f"{url} answers; keep it with `easel login --url {url}`")
    else:
        yield fail("api", f"{url} does not answer", "Look at the api function's log.")


def _vendor_keys(secrets: Any, arn: str) -> Finding:
    """Which endpoints have a key; never the keys."""
    try:
        known = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    except (ValueError, KeyError):
        known = None
    if not isinstance(known, Mapping):
        return fail("vendor keys", "the secret is not a JSON object", f"Put one into {arn}.")
    names = sorted(name for name, key in known.items() if key)
    if not names:
        return fail("vendor keys", "there is none", PUT_KEYS.format(arn=arn))
    return ok("vendor keys", ", ".join(names))


def _first_key(dynamodb: Any, table: str, stack: str) -> Finding:
    """Whether there is any; the table lists them under `keys`."""
    found = dynamodb.query(
        TableName=table,
        IndexName="by_tenant",
        KeyConditionExpression="list_pk = :list",
        ExpressionAttributeValues={":list": {"S": "keys"}},
        Limit=1,
    )
    if found["Items"]:
        return ok("api key", "there is at least one")
    return fail("api key", "none was made yet", CREATE_KEY.format(stack=stack))


def _words(error: Exception) -> str:
    told = getattr(error, "response", {}).get("Error", {})
    return f"{told.get('Code')}: {told.get('Message')}" if told else str(error)


def _advice(subject: str, stack: str) -> str:
    return {
        "credentials": "`aws configure`, `aws sso login`, or AWS_PROFILE.",
        "stack": f"`sam deploy --guided` makes it; --stack names another one than {stack}.",
    }.get(subject, "Has this role the right to read it?")
