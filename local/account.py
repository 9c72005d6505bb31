"""What is deployed, with AWS rights: on the running local stack, or a stack on AWS."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from easel.errors import EaselError
from local.aws_endpoint import AwsEndpoint
from local.build import REPOSITORY
from local.deploy import stack_outputs, stack_parameters
from local.failure import StackError
from local.settings import read_settings
from local.stack import STACK


@dataclass(frozen=True)
class Deployed:
    """A stack: clients for its services, its outputs and its parameters by name."""

    client: Callable[[str], Any]
    outputs: dict[str, str]
    parameters: dict[str, str]


def deployed(aws_stack: str | None) -> Deployed:
    """The stack of this name on AWS; without one the local stack. Raises StackError where there is none."""
    client: Any = boto3.client
    if not aws_stack:
        port = read_settings(os.environ, REPOSITORY / ".env").aws_port
        client = AwsEndpoint(f"http://127.0.0.1:{port}").client
    cloudformation, name = client("cloudformation"), aws_stack or STACK
    return Deployed(client, stack_outputs(cloudformation, name), stack_parameters(cloudformation, name))


def exit_status(aws_stack: str | None, act: Callable[[], int]) -> int:
    """The act's own; 1, and a line that says why, where it is refused or nobody answers."""
    try:
        return act()
    except (StackError, EaselError) as error:
        why = str(error)
    except (BotoCoreError, ClientError) as error:
        why = f"{aws_stack or 'the local stack (is `make run` running?)'} cannot be asked: {error}"
    print(f"easel: {why}", file=sys.stderr)
    return 1
