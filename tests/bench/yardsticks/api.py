"""The HTTP API: takes requests, answers reads."""

import json
import os
import secrets as random
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.bench.yardsticks.records import Generation, Request

TABLE, BUCKET = os.environ["EASEL_TABLE"], os.environ["EASEL_IMAGE_BUCKET"]
logger = Logger()
api = APIGatewayHttpResolver(enable_validation=True)
table_client = boto3.client("dynamodb")
s3 = boto3.client("s3")
secrets = boto3.client("secretsmanager")
states = boto3.client("stepfunctions")
events = boto3.client("events")
pool = urllib3.PoolManager()


def _find(generation_id: str) -> Generation:
    item = table_client.get_item(TableName=TABLE, Key={"pk": {"S": generation_id}}).get("Item")
    if item is None:
        raise NotFoundError("no such generation")
    return Generation.model_validate_json(item["record"]["S"])


def _save(generation: Generation) -> None:
    record = {"pk": {"S": generation.id}, "record": {"S": generation.model_dump_json()}}
    table_client.put_item(TableName=TABLE, Item=record)


@api.post("/v1/generations")
def create(request: Request) -> Response[Generation]:
    """A new generation, started."""
    secrets.get_secret_value(SecretId=os.environ["EASEL_VENDOR_KEYS_SECRET"])
    for number, link in enumerate(request.image_urls):
        s3.put_object(Bucket=BUCKET, Key=f"inputs/{number}", Body=pool.request("GET", str(link)).data)
    generation = Generation(id=random.token_hex(16), tenant="default", request=request)
    _save(generation)
    states.start_execution(
        stateMachineArn=os.environ["EASEL_STATE_MACHINE"], input=json.dumps({"id": generation.id})
    )
    return Response(202, "application/json", generation)


@api.get("/v1/generations/<generation_id>")
def read(generation_id: str) -> Generation:
    """A generation."""
    return _find(generation_id)


@api.get("/v1/generations/<generation_id>/images/<number>")
def image(generation_id: str, number: int) -> Response[None]:
    """A link to an image."""
    params = {"Bucket": BUCKET, "Key": _find(generation_id).images[number].key}
    link = s3.generate_presigned_url("get_object", Params=params)
    return Response(307, headers={"location": link})


@api.post("/v1/generations/<generation_id>/cancel")
def cancel(generation_id: str) -> Generation:
    """Canceled, and told to the bus."""
    generation = _find(generation_id)
    source, bus = "easel", os.environ["EASEL_EVENT_BUS"]
    events.put_events(
        Entries=[
            {
                "EventBusName": bus,
                "Source": source,
                "DetailType": "Canceled",
                "Detail": json.dumps({"id": generation.id}),
            }
        ]
    )
    return generation


@api.get("/v1/generations")
def read_all() -> list[Generation]:
    """A page of generations."""
    found = table_client.query(TableName=TABLE, KeyConditionExpression="tenant = :tenant")["Items"]
    return [Generation.model_validate_json(item["record"]["S"]) for item in found]


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One request of API Gateway's payload format 2.0."""
    return api.resolve(event, context)
