"""The HTTP API: checks keys and requests, creates generations, answers reads."""

from typing import Any

from easel import runtime
from easel.doors.native import native_api
from easel.doors.router import Router
from easel.entrance.http import native_door


def _api() -> Router:
    return native_api(native_door())


api = runtime.Provided(_api)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One request as API Gateway's payload format 2.0 delivers it; its answer."""
    # On every line of this call.
    runtime.logger().append_keys(request_id=event["requestContext"]["requestId"])
    return api.get().resolve(event, context)
