"""`make key TENANT=name`: makes an API key for a tenant on the running local stack, and prints it.

`make key TENANT=name STACK=easel-prod` makes it in that stack on AWS, with the AWS settings of the shell.
"""

import os
import re
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from easel.aws.keys import VISIBLE_CHARACTERS, put_api_key
from easel.domain.ids import new_key_id
from easel.domain.tenancy import ApiKey
from local.aws_endpoint import AwsEndpoint
from local.build import REPOSITORY
from local.deploy import stack_outputs
from local.failure import StackError
from local.settings import API_KEY_PREFIX, read_settings
from local.stack import STACK

TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def main() -> int:
    """Make the key; return the exit status."""
    tenant = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        print(make_key(tenant, os.environ.get("STACK", "")))
    except StackError as error:
        print(f"easel: {error}", file=sys.stderr)
        return 1
    return 0


def make_key(tenant: str, aws_stack: str) -> str:
    """Make, record and return a key. `aws_stack` names a stack on AWS; empty: the local one."""
    if not TENANT.fullmatch(tenant):
        raise StackError("TENANT must be 1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit.")
    key = API_KEY_PREFIX + secrets.token_urlsafe(32)
    cloudformation, dynamodb, place = _clients(aws_stack)
    try:
        table = stack_outputs(cloudformation, aws_stack or STACK)["TableName"]
        put_api_key(dynamodb, table, key, new_key(tenant, key))
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"{place} does not take the key: {error}") from error
    return key


def new_key(tenant: str, secret: str) -> ApiKey:
    """What is recorded of a new key without limits."""
    now = datetime.now(UTC)
    return ApiKey(id=new_key_id(now), tenant=tenant, prefix=secret[:VISIBLE_CHARACTERS], created_at=now)


def _clients(aws_stack: str) -> tuple[Any, Any, str]:
    if aws_stack:
        return boto3.client("cloudformation"), boto3.client("dynamodb"), f"the stack {aws_stack}"
    port = read_settings(os.environ, REPOSITORY / ".env").aws_port
    endpoint = AwsEndpoint(f"http://127.0.0.1:{port}")
    return (
        endpoint.client("cloudformation"),
        endpoint.client("dynamodb"),
        "the local stack (is `make run` running?)",
    )


if __name__ == "__main__":
    sys.exit(main())
