"""The HTTP API: takes requests, answers reads, in its own form and in the vendors'."""

import json
import os
import secrets as random
from datetime import UTC, datetime
from typing import Any, TypeVar

import boto3
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel

from tests.bench.yardsticks import bodies
from tests.bench.yardsticks.fronts import fronts
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
Record = TypeVar("Record", bound=BaseModel)


def _find(generation_id: str) -> Generation:
    item = table_client.get_item(TableName=TABLE, Key={"pk": {"S": generation_id}}).get("Item")
    if item is None:
        raise NotFoundError("no such generation")
    return Generation.model_validate_json(item["record"]["S"])


def _put(key: str, record: BaseModel) -> None:
    table_client.put_item(TableName=TABLE, Item={"pk": {"S": key}, "record": {"S": record.model_dump_json()}})


def _rows(kind: type[Record], key: str) -> list[Record]:
    found = table_client.query(
        TableName=TABLE, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": key}}
    )
    return [kind.model_validate_json(item["record"]["S"]) for item in found["Items"]]


def _start(key: str) -> None:
    states.start_execution(stateMachineArn=os.environ["EASEL_STATE_MACHINE"], input=json.dumps({"id": key}))


@api.post("/v1/generations")
def create(request: Request) -> Response[Generation]:
    """A new generation, started."""
    secrets.get_secret_value(SecretId=os.environ["EASEL_VENDOR_KEYS_SECRET"])
    for number, link in enumerate(request.image_urls):
        s3.put_object(Bucket=BUCKET, Key=f"inputs/{number}", Body=pool.request("GET", str(link)).data)
    generation = Generation(id=random.token_hex(16), tenant="default", request=request)
    _put(generation.id, generation)
    _start(generation.id)
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


@api.get("/v1/generations/<generation_id>/events")
def log(generation_id: str) -> list[dict[str, Any]]:
    """Every ask of a vendor."""
    return [one.model_dump(mode="json") for one in _find(generation_id).attempts]


@api.get("/v1/generations/<generation_id>/deliveries")
def deliveries(generation_id: str) -> list[bodies.Delivery]:
    """What webhooks were told."""
    return _rows(bodies.Delivery, generation_id)


@api.post("/v1/generations/<generation_id>/deliveries")
def deliver_again(generation_id: str) -> list[bodies.Delivery]:
    """Told again."""
    _start(generation_id)
    return _rows(bodies.Delivery, generation_id)


@api.get("/v1/webhook-secret")
def webhook_secret() -> bodies.WebhookKeys:
    """The keys."""
    secret = secrets.get_secret_value(SecretId=os.environ["EASEL_SIGNING_SECRET"])["SecretString"]
    public = Ed25519PrivateKey.from_private_bytes(secret.encode()[:32]).public_key().public_bytes_raw()
    return bodies.WebhookKeys(secret=secret, public_key=public.hex())


@api.post("/v1/uploads")
def upload(order: bodies.UploadOrder) -> bodies.Upload:
    """A place for an image."""
    key = random.token_hex(16)
    form = s3.generate_presigned_post(BUCKET, key, Fields={"Content-Type": order.content_type})
    return bodies.Upload(id=key, url=form["url"], fields=form["fields"], expires_at=datetime.now(UTC))


@api.post("/v1/batches")
def create_batch(order: bodies.BatchOrder) -> Response[bodies.Batch]:
    """A new batch, started."""
    batch = bodies.Batch(
        id=random.token_hex(16),
        tenant="default",
        status="preparing",
        order=order,
        created_at=datetime.now(UTC),
    )
    _put(batch.id, batch)
    _start(batch.id)
    return Response(202, "application/json", batch)


@api.get("/v1/batches")
def batches() -> list[bodies.Batch]:
    """A page of batches."""
    return _rows(bodies.Batch, "batches")


@api.get("/v1/batches/<batch_id>")
def batch(batch_id: str) -> bodies.Batch:
    """A batch."""
    return _rows(bodies.Batch, batch_id)[0]


@api.post("/v1/batches/<batch_id>/cancel")
def cancel_batch(batch_id: str) -> bodies.Batch:
    """A batch that stops."""
    return _rows(bodies.Batch, batch_id)[0]


@api.post("/v1/batches/<batch_id>/resume")
def resume_batch(batch_id: str) -> bodies.Batch:
    """A batch that goes on."""
    _start(batch_id)
    return _rows(bodies.Batch, batch_id)[0]


@api.get("/v1/key")
def own_key() -> bodies.Key:
    """The key that asks."""
    return _rows(bodies.Key, "own")[0]


@api.get("/v1/keys")
def keys() -> list[bodies.Key]:
    """A page of keys."""
    return _rows(bodies.Key, "keys")


@api.post("/v1/keys")
def create_key(order: bodies.KeyOrder) -> bodies.Key:
    """A new key."""
    secret = random.token_hex(16)
    key = bodies.Key(id=secret[:8], prefix=secret[:4], order=order, created_at=datetime.now(UTC))
    _put(key.id, key)
    return key


@api.patch("/v1/keys/<key_id>")
def change_key(key_id: str, order: bodies.KeyOrder) -> bodies.Key:
    """A key with other terms."""
    key = _rows(bodies.Key, key_id)[0].model_copy(update={"order": order})
    _put(key.id, key)
    return key


@api.post("/v1/keys/<key_id>/rotate")
def rotate_key(key_id: str) -> bodies.Key:
    """A key with another secret."""
    return _rows(bodies.Key, key_id)[0]


@api.delete("/v1/keys/<key_id>")
def revoke_key(key_id: str) -> bodies.Key:
    """A key that is no more."""
    return _rows(bodies.Key, key_id)[0]


@api.get("/v1/tenants/<tenant>")
def tenant(tenant: str) -> bodies.Tenant:
    """What is set for a tenant."""
    return _rows(bodies.Tenant, tenant)[0]


@api.patch("/v1/tenants/<tenant>")
def change_tenant(tenant: str, limits: bodies.Limits) -> bodies.Tenant:
    """A tenant with other limits."""
    changed = bodies.Tenant(id=tenant, limits=limits)
    _put(tenant, changed)
    return changed


@api.get("/v1/usage")
def usage() -> list[bodies.UsageDay]:
    """What was used."""
    return _rows(bodies.UsageDay, "usage")


@api.get("/v1/models")
def models() -> list[bodies.Model]:
    """The catalogue."""
    return _rows(bodies.Model, "models")


@api.get("/v1/models/<model>")
def model(model: str) -> bodies.Model:
    """One of its models."""
    return _rows(bodies.Model, model)[0]


@api.get("/healthz")
def healthz() -> dict[str, str]:
    """It answers."""
    return {"status": "ok"}


# As Powertools has it for a description and its page (docs.aws.amazon.com/powertools/python, "OpenAPI", read
# 2026-11). It imports the models of OpenAPI itself: 478 million of the start's instructions.
api.enable_swagger(path="/docs")
api.include_router(fronts)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One request of API Gateway's payload format 2.0."""
    return api.resolve(event, context)
