"""The yardstick of accepting a generation: the same work by Powertools' router with validation and boto3.

It checks no key, reserves nothing, and routes to one vendor: what ours does beyond that is at ours' expense.
"""

import json
import os
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

logger = Logger()
app = APIGatewayHttpResolver(enable_validation=True)
table: Any = boto3.resource("dynamodb").Table(os.environ.get("EASEL_TABLE", "easel"))
stepfunctions: Any = boto3.client("stepfunctions")


class Lora(BaseModel):
    """A LoRA."""

    weights: str
    scale: float = Field(default=1.0, ge=0, le=4)


class Ask(BaseModel):
    """The request."""

    model_config = ConfigDict(extra="forbid")

    model: Literal["qwen-image-max", "qwen-image-plus", "qwen-image", "qwen-image-edit-max"]
    prompt: str = Field(min_length=1, max_length=4000)
    negative_prompt: str | None = Field(default=None, max_length=500)
    size: str | None = Field(default=None, pattern=r"^\d+([*x]\d+|:\d+)$")
    n: int = Field(default=1, ge=1, le=6)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    prompt_extend: bool | None = None
    watermark: bool | None = None
    images: list[str] = Field(default_factory=list, max_length=3)
    lora: Lora | None = None
    deadline_seconds: int = Field(default=600, ge=10, le=3600)
    webhook: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)


class Accepted(BaseModel):
    """The answer."""

    id: str
    status: str
    created_at: datetime
    request: Ask


@app.post("/v1/generations")
def create(ask: Annotated[Ask, Body()]) -> Response[Accepted]:
    """Validate, write, start."""
    generation_id, now = f"gen_{uuid4().hex}", datetime.now(UTC)
    item = {
        "pk": f"gen#{generation_id}", "sk": "gen", "status": "queued", "created_at": now.isoformat(),
        "updated_at": now.isoformat(), "list_pk": "tenant#default", "list_sk": generation_id,
        "expires_at": int(now.timestamp()) + 90 * 86400, "request": ask.model_dump(exclude_none=True),
    }  # fmt: skip
    table.put_item(Item=item, ConditionExpression="attribute_not_exists(pk)")
    stepfunctions.start_execution(
        stateMachineArn=os.environ["EASEL_STATE_MACHINE"],
        name=generation_id,
        input=json.dumps({"id": generation_id}),
    )
    logger.info("accepted", generation_id=generation_id, model=ask.model)
    body = Accepted(id=generation_id, status="queued", created_at=now, request=ask)
    return Response(202, "application/json", body, headers={"Location": f"/v1/generations/{generation_id}"})


@app.get("/v1/generations/<generation_id>")
def read(generation_id: str) -> dict[str, Any]:
    """One generation."""
    found: dict[str, Any] = table.get_item(Key={"pk": f"gen#{generation_id}", "sk": "gen"})["Item"]
    return found


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One request."""
    return app.resolve(event, context)
