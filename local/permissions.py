"""What the emulator's check of permissions lacks of AWS's, and a list of the calls that it checked.

- The condition key `dynamodb:LeadingKeys`. AWS does not tell whether the items of a transaction are held
  against a condition each alone or all together; here all together, which is stricter.
- S3 says that an object is not there only to who may list the bucket; to others it says 403
  (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
"""

import json
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

PARTITION_KEY = re.compile(r"\s*(#?\w+)\s*=\s*(:\w+)")  # the first condition of our queries


def leading_keys(body: bytes) -> list[str]:
    """The partition keys of the items that a request to DynamoDB names."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return []
    return [key for one in _parts(request) for key in _keys_of(one)]


def _parts(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield request
    for asked in (request.get("RequestItems") or {}).values():
        if isinstance(asked, dict):
            yield from ({"Key": key} for key in asked["Keys"])
        else:
            yield from (act for one in asked for act in one.values())
    for item in request.get("TransactItems") or ():
        yield from item.values()


def _keys_of(request: dict[str, Any]) -> Iterator[str]:
    named = request.get("Key") or request.get("Item")
    if named:
        yield named["pk"]["S"]
    elif match := PARTITION_KEY.match(request.get("KeyConditionExpression", "")):
        yield request["ExpressionAttributeValues"][match[2]]["S"]


def check_leading_keys() -> None:
    """Let conditions on `dynamodb:LeadingKeys` count."""
    from ministack.core import iam_actions

    context_of: Callable[[bytes], dict[str, Any]] = iam_actions.dynamodb_service_context

    def with_keys(body: bytes) -> dict[str, Any]:
        keys = leading_keys(body)
        return {**context_of(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    iam_actions.dynamodb_service_context = with_keys


def hide_what_is_missing() -> None:
    """Let S3 answer 403 for an object that is not there to who may not list its bucket."""
    from ministack import app

    serve = app.SERVICE_HANDLERS["s3"]

    async def serve_as_s3_does(
        method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]
    ) -> Any:
        answer = await serve(method, path, headers, body, query)
        bucket, _, key = path.lstrip("/").partition("/")
        if answer[0] != 404 or method not in ("GET", "HEAD") or not key:
            return answer
        place = f"arn:aws:s3:::{bucket}"
        denied = app._enforce_data_plane("s3", "s3:ListBucket", headers, query, "", resource_arn=place)
        return denied or answer

    app.SERVICE_HANDLERS["s3"] = serve_as_s3_does


def list_calls(file: Path) -> None:
    """Append a line for each call that a role makes, with whether it was allowed."""
    from ministack.core import iam_evaluator

    enforce, evaluate = iam_evaluator.enforce, iam_evaluator.evaluate
    asked: ContextVar[Any] = ContextVar("asked", default=None)
    lines = file.open("a", buffering=1)

    def remembering(context: Any, *policies: Any) -> Any:
        if asked.get() is None:  # the role's own policies come first, those of resources later
            asked.set(context)
        return evaluate(context, *policies)

    def listing(*args: Any, **named: Any) -> Any:
        asked.set(None)
        denied = enforce(*args, **named)
        if (call := asked.get()) is not None:
            line = {"principal": call.principal_arn, "action": call.action, "resource": call.resource_arn}
            told = json.dumps({**line, "context": call.service_context, "allowed": denied is None})
            lines.write(f"{told}\n")  # in one write, as another thread may write at the same time
        return denied

    iam_evaluator.evaluate, iam_evaluator.enforce = remembering, listing
