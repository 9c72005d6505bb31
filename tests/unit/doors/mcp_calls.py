"""The MCP endpoint with doubles behind it, called as API Gateway calls it."""

import io
import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from easel.doors.assistant import Assistant
from easel.doors.mcp import mcp_api
from easel.steps.gate import Gate
from tests.fakes.log import logger_to
from tests.fakes.memory import KnownKeys
from tests.fakes.scene import TENANT, Scene
from tests.unit.doors.calls import KEY, OTHER_KEY, Answer, event

REVISION = "2025-11-25"


class Mcp:
    """The endpoint over one scene. Messages carry the default tenant's key unless a test says otherwise."""

    def __init__(self, scene: Scene | None = None) -> None:
        self.scene = scene or Scene()
        self.log = io.StringIO()
        self.keys = KnownKeys({KEY: TENANT, OTHER_KEY: "other"})
        logger = logger_to(self.log)
        gate = Gate(self.keys, self.scene.tenants, self.scene.quotas, self.scene.clock)
        self.assistant = Assistant(
            self.scene.creator,
            self.scene.reader,
            self.scene.images,
            gate,
            self.scene.keys,
            self.scene.catalogue,
        )
        self.app = mcp_api(self.assistant, logger)

    def send(
        self,
        raw: str | bytes,
        *,
        http: str = "POST",
        key: str | None = KEY,
        revision: str | None = REVISION,
        **headers: str,
    ) -> Answer:
        """One HTTP request. `accept=` and the like are headers."""
        sent = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        if revision is not None:
            sent["mcp-protocol-version"] = revision
        given = self.app.resolve(event(http, "/mcp", None, sent, raw), LambdaContext())
        lowered = {
            name.lower(): ", ".join(value) for name, value in given.get("multiValueHeaders", {}).items()
        } | {name.lower(): value for name, value in given.get("headers", {}).items()}
        is_json = bool(given["body"]) and "json" in lowered.get("content-type", "")
        body = json.loads(given["body"]) if is_json else None
        return Answer(given["statusCode"], lowered, body, given["body"])

    def ask(self, method: str, params: dict[str, Any] | None = None, **how: Any) -> Any:
        """The whole JSON-RPC answer to a request."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method} | (
            {} if params is None else {"params": params}
        )
        return self.send(json.dumps(message), **how).body

    def call(self, tool: str, /, *, how: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        """What a tool gives."""
        body = self.ask("tools/call", {"name": tool, "arguments": arguments}, **(how or {}))
        assert "error" not in body, body
        result: dict[str, Any] = body["result"]
        return result

    def generate(self, **arguments: Any) -> dict[str, Any]:
        """generate_image on MuleRouter's route, without a wait, unless the arguments say otherwise."""
        given: dict[str, Any] = {
            "model": "qwen-image-max", "prompt": "PLANTED-PROMPT", "route": "mulerouter/qwen-image-max",
            "wait_seconds": 0,
        }  # fmt: skip
        return self.call("generate_image", **(given | arguments))


def refused(result: dict[str, Any]) -> str:
    """The text of a tool's refusal."""
    assert result["isError"] is True
    assert "structuredContent" not in result
    (text,) = result["content"]
    said: str = text["text"]
    return said
