"""An AWS endpoint by its URL: the local emulator's, or another's that speaks the same protocols."""

from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"


class AwsEndpoint:
    """boto3 clients for one AWS endpoint, with the emulator's root key unless another is given."""

    def __init__(self, url: str, access_key: str = "test", secret_key: str = "test") -> None:
        """Make no connection yet."""
        self.url = url
        self._session = boto3.Session(access_key, secret_key, region_name=REGION)

    def client(self, service: str) -> Any:
        """Return a client of the service."""
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            signature_version="s3v4" if service == "s3" else None,
            s3={"addressing_style": "path"},
        )
        return self._session.client(service, endpoint_url=self.url, config=config)  # type: ignore[call-overload]
