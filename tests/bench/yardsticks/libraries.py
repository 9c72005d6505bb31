"""The floor: a handler that imports its libraries, makes its clients and one model, and does nothing.

It runs with the built layer, whose data of botocore's are cut, and with the function's own clients.
"""

import os

import urllib3
from aws_lambda_powertools.logging import Logger
from botocore.session import Session
from pydantic import BaseModel


class Event(BaseModel):
    """One model."""

    id: str


logger = Logger()
pool = urllib3.PoolManager()
session = Session()
clients = [session.create_client(name) for name in os.environ["BENCH_CLIENTS"].split(",")]
