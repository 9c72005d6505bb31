"""The native API with doubles behind it, called as API Gateway calls it (payload format 2.0)."""

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aws_lambda_powertools.utilities.typing import LambdaContext

from easel.doors.native import native_api
from tests.fakes.door import native_door
from tests.fakes.log import logger_to
from tests.fakes.memory import KnownKeys
from tests.fakes.scene import TENANT, Scene
from tests.unit.doors.described import assert_described

KEY, OTHER_KEY = "ek_PLANTED-KEY", "ek_other"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What API Gateway is given back."""

    status: int
    headers: dict[str, str]
    body: Any
    text: str


def event(
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
) -> dict[str, Any]:
    """An HTTP API's event (https://docs.aws.amazon.com/apigateway/latest/developerguide, payload 2.0)."""
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {"host": "api.example"} | {name.lower(): value for name, value in (headers or {}).items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "request-1",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795176000000,
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if query:
        made["queryStringParameters"] = dict(query)
    if body is not None:
        made["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return made


class Api:
    """The API over one scene. Calls carry the default tenant's key unless a test says otherwise."""

    def __init__(self, scene: Scene | None = None) -> None:
        self.scene = scene or Scene()
        self.log = io.StringIO()
        self.keys = KnownKeys({KEY: TENANT, OTHER_KEY: "other"})
        logger = logger_to(self.log)
        self.app = native_api(native_door(self.scene, self.keys, logger))

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        raw: str | bytes | None = None,
        key: str | None = KEY,
        **headers: str,
    ) -> Answer:
        """One call. `body` is sent as JSON, `raw` as it is; `idempotency_key=` is a header."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent.setdefault("authorization", f"Bearer {key}")
        text = raw if raw is not None else None if body is None else json.dumps(body)
        if text is not None:
            sent.setdefault("content-type", JSON)
        given = self.app.resolve(event(method, path, query, sent, text), LambdaContext())
        values = given.get("headers", {}) | {
            name: ", ".join(value) for name, value in given.get("multiValueHeaders", {}).items()
        }
        lowered = {name.lower(): value for name, value in values.items()}
        assert not given.get("isBase64Encoded")
        assert_described(method, path, given["statusCode"], lowered, given["body"])
        body = json.loads(given["body"]) if "json" in lowered["content-type"] and given["body"] else None
        return Answer(given["statusCode"], lowered, body, given["body"])

    def create(self, **fields: Any) -> Answer:
        """POST /v1/generations with MuleRouter's route unless the fields say otherwise."""
        given = {"model": "qwen-image-max", "prompt": "PLANTED-PROMPT", "route": "mulerouter/qwen-image-max"}
        return self.call("POST", "/v1/generations", body=given | fields)
