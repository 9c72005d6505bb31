"""The end of a generation, told to the bus and to its webhook; Persist and Settle tell it."""

import json
import os
from datetime import UTC, datetime
from decimal import Decimal

import boto3
from pydantic import BaseModel, Field

from tests.bench.yardsticks.records import Generation, Status, Webhook

TABLE = os.environ["EASEL_TABLE"]
table_client = boto3.client("dynamodb")
events = boto3.client("events")
states = boto3.client("stepfunctions")


class Limits(BaseModel):
    """How much a tenant may use."""

    concurrency: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)
    usd_per_day: Decimal | None = Field(default=None, ge=0)
    usd_per_month: Decimal | None = Field(default=None, ge=0)


class Tenant(BaseModel):
    """What was set for a tenant."""

    id: str
    limits: Limits = Field(default_factory=Limits)
    webhook: Webhook | None = None


class DeliveryAttempt(BaseModel):
    """One try to deliver."""

    number: int = Field(ge=1, le=10)
    at: datetime
    duration_ms: int = Field(ge=0)
    http_status: int | None = None
    error: str | None = None


class Delivery(BaseModel):
    """One message to one receiver."""

    id: str
    tenant: str
    generation_id: str
    type: Status
    url: str
    status: str = "pending"
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: list[DeliveryAttempt] = Field(default_factory=list)


def tell(generation: Generation) -> None:
    """Put the event, and see to it that the webhook is told."""
    bucket = os.environ["EASEL_IMAGE_BUCKET"]
    images = [f"s3://{bucket}/{image.key}" for image in generation.images]
    detail = json.dumps({"id": generation.id, "status": generation.status, "images": images})
    source, bus = "easel", os.environ["EASEL_EVENT_BUS"]
    events.put_events(
        Entries=[{"EventBusName": bus, "Source": source, "DetailType": "Ended", "Detail": detail}]
    )
    item = table_client.get_item(TableName=TABLE, Key={"pk": {"S": generation.tenant}}).get("Item")
    tenant = Tenant.model_validate_json(item["record"]["S"]) if item else Tenant(id=generation.tenant)
    webhook, now = generation.request.webhook or tenant.webhook, datetime.now(UTC)
    if webhook is None:
        return
    delivery = Delivery(
        id=f"{generation.id}-1",
        tenant=generation.tenant,
        generation_id=generation.id,
        type=generation.status,
        url=str(webhook.url),
        created_at=now,
        next_attempt_at=now,
    )
    record = {"pk": {"S": delivery.id}, "record": {"S": delivery.model_dump_json()}}
    table_client.put_item(TableName=TABLE, Item=record)
    states.start_execution(
        stateMachineArn=os.environ["EASEL_DELIVER_STATE_MACHINE"], input=json.dumps({"id": delivery.id})
    )
