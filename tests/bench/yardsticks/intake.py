"""Intake: files in the inbox and requests on the bus become batches and generations."""

import json
import os
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.bench.yardsticks.records import Generation, Request

TABLE, BUCKET = os.environ["EASEL_TABLE"], os.environ["EASEL_IMAGE_BUCKET"]
logger = Logger()
table_client = boto3.client("dynamodb")
s3 = boto3.client("s3")
secrets = boto3.client("secretsmanager")
states = boto3.client("stepfunctions")
events = boto3.client("events")
queue = boto3.client("sqs")
pool = urllib3.PoolManager()


@logger.inject_lambda_context
@event_source(data_class=EventBridgeEvent)
def handler(event: EventBridgeEvent, _context: LambdaContext) -> dict[str, Any]:
    """Takes an event, gives {"id"} of what it became."""
    if event.source == "aws.s3":
        s3.head_object(Bucket=os.environ["EASEL_INBOX_BUCKET"], Key=event.detail["object"]["key"])
        machine, made = "EASEL_BATCH_STATE_MACHINE", event.get_id
    else:
        try:
            request = Request.model_validate(event.detail)
        except ValueError:
            queue.send_message(
                QueueUrl=os.environ["EASEL_DEAD_LETTERS"], MessageBody=json.dumps(event.raw_event)
            )
            return {"id": None}
        secrets.get_secret_value(SecretId=os.environ["EASEL_VENDOR_KEYS_SECRET"])
        for number, link in enumerate(request.image_urls):
            s3.put_object(Bucket=BUCKET, Key=f"inputs/{number}", Body=pool.request("GET", str(link)).data)
        generation = Generation(id=event.get_id, tenant="default", request=request)
        record = {"pk": {"S": generation.id}, "record": {"S": generation.model_dump_json()}}
        table_client.put_item(TableName=TABLE, Item=record)
        machine, made = "EASEL_STATE_MACHINE", generation.id
    states.start_execution(stateMachineArn=os.environ[machine], input=json.dumps({"id": made}))
    source, bus = "easel", os.environ["EASEL_EVENT_BUS"]
    events.put_events(
        Entries=[
            {"EventBusName": bus, "Source": source, "DetailType": "Taken", "Detail": json.dumps({"id": made})}
        ]
    )
    return {"id": made}
