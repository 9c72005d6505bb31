"""The Settle step: the end of a generation, told to the bus and to its webhook."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.bench.yardsticks.records import Failure, Generation, Status, StepInput

TABLE = os.environ["EASEL_TABLE"]
logger = Logger()
table_client = boto3.client("dynamodb")
s3 = boto3.client("s3")
events = boto3.client("events")
states = boto3.client("stepfunctions")


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Takes and gives {"id"}."""
    given = StepInput.model_validate(event)
    item = table_client.get_item(TableName=TABLE, Key={"pk": {"S": given.id}})["Item"]
    generation = Generation.model_validate_json(item["record"]["S"])
    if given.error:
        generation.failure = Failure(code="internal", message=str(given.error.get("Error")))
        generation.status = Status.FAILED
    links = [
        s3.generate_presigned_url(
            "get_object", Params={"Bucket": os.environ["EASEL_IMAGE_BUCKET"], "Key": image.key}
        )
        for image in generation.images
    ]
    detail = json.dumps({"id": generation.id, "status": generation.status, "images": links})
    source, bus = "easel", os.environ["EASEL_EVENT_BUS"]
    events.put_events(
        Entries=[{"EventBusName": bus, "Source": source, "DetailType": "Ended", "Detail": detail}]
    )
    if generation.request.webhook:
        states.start_execution(
            stateMachineArn=os.environ["EASEL_DELIVER_STATE_MACHINE"], input=json.dumps({"id": generation.id})
        )
    record = {"pk": {"S": generation.id}, "record": {"S": generation.model_dump_json()}}
    table_client.put_item(TableName=TABLE, Item=record)
    logger.info("settled", extra={"generation_id": generation.id})
    return {"id": generation.id}
