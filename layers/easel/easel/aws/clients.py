"""boto3 clients with time-outs and botocore's own bounded retries, which alone repeat AWS calls."""

import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from easel.snapshot import before_snapshot

CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    # Nearly a fifth of the instructions of accepting a generation: checking parameters against the service's
    # model, which AWS does again, and spelling out a user agent of some words, twice a call.
    parameter_validation=False,
    user_agent="easel",
)
# botocore reads a bundle as a whole for each connection. Its own of a hundred certificates takes 42 ms of CPU
# (seven times that in a function of 256 MB), Amazon's five take 2 ms. Who vouches for the endpoints of other
# partitions, Amazon does not say.
AMAZON = Path(__file__).with_name("amazon.pem")
OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")  # how their regions begin
OWN_CHOICE = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")  # by which botocore is told of other certificates
# It would tell at each start where it found credentials and endpoints.
logging.getLogger("botocore").setLevel(logging.WARNING)


@cache  # bounded by the five services that Easel calls
def client(service: str) -> Any:
    """The one client of a service in this process."""
    # boto3 signs links with version 2 where a region still takes it, and no bucket of ours should.
    # A link to the global host name would be redirected to the region's, where its signature is void.
    # A body is bound to its signature by its checksum, which is signed as a header: it needs no second hash.
    s3 = Config(
        signature_version="s3v4", s3={"addressing_style": "virtual", "payload_signing_enabled": False}
    )
    config = CONFIG.merge(s3) if service == "s3" else CONFIG
    made = boto3.client(service, config=config, verify=_certificates())  # type: ignore[call-overload]
    before_snapshot(made.close)  # its connections: on waking they are dead, and nothing tells that they are
    return made


def _certificates() -> str | None:
    """By which certificates AWS is known; None leaves it to botocore, and with it to the environment."""
    other = os.environ.get("AWS_DEFAULT_REGION", "").startswith(OTHER_PARTITIONS)
    return None if other or any(name in os.environ for name in OWN_CHOICE) else str(AMAZON)
