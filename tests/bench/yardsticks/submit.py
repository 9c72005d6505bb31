"""The Submit step: asks the vendor."""

import os
from datetime import UTC, datetime
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.bench.yardsticks.catalogue import ROUTES
from tests.bench.yardsticks.records import Attempt, Generation, Status, StepInput
from tests.bench.yardsticks.vendors import submit_of, task_of

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
    route = ROUTES[generation.routes[0]]
    links = [
        s3.generate_presigned_url(
            "get_object", Params={"Bucket": os.environ["EASEL_IMAGE_BUCKET"], "Key": str(one)}
        )
        for one in generation.request.image_urls
    ]
    request = generation.request.model_copy(update={"image_urls": links})
    path, body = submit_of(route, request)
    sent = body.model_dump(exclude_none=True, by_alias=True)
    answer = pool.request("POST", route.base_url + path, json=sent, headers=headers, timeout=30)
    task = task_of(route, answer.data)
    attempt = Attempt(
        route=route.name,
        model=route.models[generation.request.model],
        state="accepted",
        quoted=route.price,
        task_id=task.id,
        started_at=datetime.now(UTC),
    )
    generation.attempts.append(attempt)
    generation.status = Status.SUBMITTED
    record = {"pk": {"S": generation.id}, "record": {"S": generation.model_dump_json()}}
    table_client.put_item(TableName=TABLE, Item=record)
    logger.info("submitted", extra={"generation_id": generation.id})
    return {"id": generation.id}
