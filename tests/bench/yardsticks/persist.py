"""The Persist step: keeps the images, and ends the generation."""

import hashlib
import os
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.bench.yardsticks.catalogue import ROUTES
from tests.bench.yardsticks.ends import TABLE, table_client, tell
from tests.bench.yardsticks.records import Generation, Image, Status, StepInput

logger = Logger()
s3 = boto3.client("s3")
pool = urllib3.PoolManager()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Takes and gives {"id"}."""
    given = StepInput.model_validate(event)
    item = table_client.get_item(TableName=TABLE, Key={"pk": {"S": given.id}})["Item"]
    generation = Generation.model_validate_json(item["record"]["S"])
    attempt = generation.attempts[-1]
    link = str(attempt.results[0].url)
    if urlsplit(link).hostname not in ROUTES[attempt.route].result_hosts:
        raise ValueError("not one of the vendor's hosts")
    data = pool.request("GET", link, timeout=30).data
    key = f"{generation.id}/0.png"
    s3.put_object(Bucket=os.environ["EASEL_IMAGE_BUCKET"], Key=key, Body=data, ContentType="image/png")
    digest = hashlib.sha256(data).hexdigest()
    image = Image(key=key, media_type="image/png", width=0, height=0, size_bytes=len(data), sha256=digest)
    generation.images.append(image)
    generation.status = Status.SUCCEEDED
    record = {"pk": {"S": generation.id}, "record": {"S": generation.model_dump_json()}}
    table_client.put_item(TableName=TABLE, Item=record)
    tell(generation)
    logger.info("persisted", extra={"generation_id": generation.id})
    return {"id": generation.id}
