"""The Poll step: asks how the task stands."""

import base64
import os
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.bench.yardsticks.catalogue import ROUTES
from tests.bench.yardsticks.records import Failure, Generation, Result, Status, StepInput
from tests.bench.yardsticks.vendors import poll_path, task_of

TABLE = os.environ["EASEL_TABLE"]
logger = Logger()
table_client = boto3.client("dynamodb")
s3 = boto3.client("s3")
secrets = boto3.client("secretsmanager")
pool = urllib3.PoolManager()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Takes and gives {"id"}."""
    given = StepInput.model_validate(event)
    item = table_client.get_item(TableName=TABLE, Key={"pk": {"S": given.id}})["Item"]
    generation = Generation.model_validate_json(item["record"]["S"])
    key = secrets.get_secret_value(SecretId=os.environ["EASEL_VENDOR_KEYS_SECRET"])["SecretString"]
    headers = {"Authorization": f"Bearer {key}"}
    attempt = generation.attempts[-1]
    route = ROUTES[attempt.route]
    address = route.base_url + poll_path(route, generation.request.model, attempt.task_id or "")
    task = task_of(route, pool.request("GET", address, headers=headers, timeout=10).data)
    attempt.results = [Result(url=link) for link in task.links]
    for number, data in enumerate(task.inline):  # an answer may bring its images along
        key = f"{generation.id}/{number}"
        s3.put_object(Bucket=os.environ["EASEL_IMAGE_BUCKET"], Key=key, Body=base64.b64decode(data))
        attempt.results.append(Result(key=key))
    generation.status = Status.RUNNING
    if task.code:
        generation.failure = Failure(code="vendor_error", message=task.message or "", vendor_code=task.code)
        generation.status = Status.FAILED
    record = {"pk": {"S": generation.id}, "record": {"S": generation.model_dump_json()}}
    table_client.put_item(TableName=TABLE, Item=record)
    logger.info("polled", extra={"generation_id": generation.id})
    return {"id": generation.id}
