"""AWS as moto plays it, once per file: clients are slow to make. Tests make their own tables and buckets.
And the stores of several files."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from tests.contract.batch_stores import stores as stores
from tests.contract.generation_stores import store as store
from tests.contract.key_shelves import shelf as shelf
from tests.contract.key_shelves import table as table

REGION = "us-east-1"


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.setenv(name, "test")
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            yield


@pytest.fixture(scope="module")
def dynamodb(aws: None) -> Any:
    return boto3.client("dynamodb", region_name=REGION)


@pytest.fixture(scope="module")
def s3(aws: None) -> Any:
    # Signed as deployed: see `easel.aws.clients`.
    return boto3.client("s3", region_name=REGION, config=Config(signature_version="s3v4"))
