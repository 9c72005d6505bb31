"""The HTTP API: checks keys and requests, creates generations, answers reads."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from easel import entrance, runtime
from easel.doors.native import native_api


def _api() -> APIGatewayHttpResolver:
    return native_api(entrance.native_door())


api = runtime.Provided(_api)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One request as API Gateway's payload format 2.0 delivers it; its answer."""
    # On every line of this call.
    runtime.logger().append_keys(request_id=event["requestContext"]["requestId"])
    return api.get().resolve(event, context)
