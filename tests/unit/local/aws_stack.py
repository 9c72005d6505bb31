"""A stack on AWS, as moto plays it, for the commands that are told it by its name."""

import json
from typing import Any

import boto3
import pytest

from tests.contract.table import make_table

NAME = "easel-dev"


class AwsStack:
    """A stack with an empty table, and what a command on it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], **outputs: str) -> None:
        self.capsys = capsys
        self.dynamodb: Any = boto3.client("dynamodb")
        self.table = make_table(self.dynamodb)
        self.outputs = {"TableName": self.table, **outputs}
        template = {
            "Parameters": {"DefaultTenant": {"Type": "String", "Default": "default"}},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in self.outputs.items()},
        }
        boto3.client("cloudformation").create_stack(StackName=NAME, TemplateBody=json.dumps(template))
