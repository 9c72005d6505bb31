"""The MCP endpoint: tools for assistants over the steps of the HTTP API."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from easel import runtime
from easel.doors.mcp import mcp_api
from easel.entrance.assistant import assistant


def _api() -> APIGatewayHttpResolver:
    return mcp_api(assistant(), runtime.logger())


api = runtime.Provided(_api)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One message as API Gateway's payload format 2.0 delivers it; its answer."""
    # On every line of this call.
    runtime.logger().append_keys(request_id=event["requestContext"]["requestId"])
    return api.get().resolve(event, context)
