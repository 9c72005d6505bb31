"""The MCP endpoint: streamable HTTP without sessions, one POST a message, spoken by the official SDK.

The SDK knows the revisions 2024-11-05 to 2026-07-28 and answers in the one that the client names; the older
ones begin with `initialize`, the newest carries all it needs in each request. Nothing is kept between two
messages, so there is no stream to open and no session to end: GET and DELETE are 405, as the transport allows
(https://modelcontextprotocol.io/specification/2025-11-25/basic/transports, read 2026-11).
"""

import asyncio
import base64
import json
import logging
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import Logger
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ListToolsResult,
    PaginatedRequestParams,
    ResourceLink,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as McpTool
from mcp_types.version import is_version_at_least

from easel.doors.assistant import Assistant, Told, Tool
from easel.doors.assistant_arguments import plain_schema
from easel.doors.assistant_results import GenerationResult
from easel.doors.http_input import header
from easel.doors.problems import OUR_FAULT, problem_response
from easel.errors import ForbiddenError, InternalError, RequestError

PATH = "/mcp"
BODY_BYTES_MAX = 6 * 1024 * 1024  # Lambda takes no more
LINKS_SINCE = "2025-06-18"  # the revision that has resource links; a client of an older one may choke on them
INSTRUCTIONS = (
    "Easel makes and edits images with the Qwen-Image models of several vendors, and keeps them. Every image "
    "costs money: give each one that you want an `idempotency_key` of its own, and repeat a call only with "
    "the same key. list_models says what there is."
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP answer as the SDK gave it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def mcp_api(assistant: Assistant, logger: Logger) -> APIGatewayHttpResolver:
    """The router of the endpoint."""
    app = APIGatewayHttpResolver()
    server = mcp_server(assistant, logger)
    logging.getLogger("mcp").setLevel(logging.WARNING)  # it tells of each request's begin and end

    def refused(error: RequestError) -> Response[str]:
        return problem_response(error, app.current_event.request_context.request_id)

    def failed(error: Exception) -> Response[str]:
        logger.exception("a call failed", exc_info=error)
        return refused(InternalError(OUR_FAULT))

    app.exception_handler(RequestError)(refused)
    app.exception_handler(Exception)(failed)

    @app.post(PATH)
    def message() -> Response[str]:
        check_origin(app)
        assistant.gate.known(header(app, "authorization"))
        given = asyncio.run(exchange(server, body_bytes(app), app.current_event.headers))
        kind = given.headers.get("content-type")
        return Response(given.status, kind, given.body.decode(), headers={"Cache-Control": "no-store"})

    @app.not_found
    def nothing_but_posts(_: Exception) -> Response[str]:
        check_origin(app)
        return Response(405, headers={"Allow": "POST"}, body="")

    return app


def check_origin(app: APIGatewayHttpResolver) -> None:
    """Raises ForbiddenError for a web page that is not our own.

    The transport asks for this against DNS rebinding. With API keys it is a second lock: a browser sends no
    key by itself, and gets no CORS header that would let a page send one. Our own name is what API Gateway
    knows, never the Host header, in which a rebound name would stand as well. Programs send no Origin.
    """
    origin = header(app, "origin")
    own = app.current_event.request_context.domain_name
    if origin is not None and origin != f"https://{own}":
        raise ForbiddenError("Web pages of another origin may not call this endpoint.")


def body_bytes(app: APIGatewayHttpResolver) -> bytes:
    """The body as it was sent; the SDK says what is wrong with it."""
    event = app.current_event
    body = event.body or ""
    return base64.b64decode(body) if event.is_base64_encoded else body.encode(errors="replace")


async def exchange(server: Server[Any], body: bytes, headers: Mapping[str, str]) -> Exchange:
    """One POST through the SDK, as ASGI has it (https://asgi.readthedocs.io/en/latest/specs/www.html), with
    everything that it needs made for it and ended with it."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
    }
    received = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if not received:
            await asyncio.Event().wait()  # the client stays until it is answered
        return received.pop()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    manager = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=BODY_BYTES_MAX
    )
    async with manager.run():
        await manager.handle_request(scope, receive, send)
    answered = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Exchange(sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:]))


def mcp_server(assistant: Assistant, logger: Logger) -> Server[Any]:
    """The assistant's tools as an MCP server. Its calls block the event loop, which serves nothing else."""

    def authorization(context: ServerRequestContext[Any, Any]) -> str | None:
        value: str | None = context.request.headers.get("authorization") if context.request else None
        return value

    async def list_tools(
        context: ServerRequestContext[Any, Any], _: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[_listed(tool) for tool in assistant.tools(authorization(context))])

    async def call_tool(
        context: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult:
        try:
            told = assistant.call(params.name, authorization(context), params.arguments or {})
        except RequestError as error:
            return CallToolResult(content=[TextContent(text=refusal_text(error))], is_error=True)
        except Exception as error:
            logger.exception("a tool failed")
            raise MCPError(INTERNAL_ERROR, OUR_FAULT) from error
        if told is None:
            raise MCPError(INVALID_PARAMS, "There is no such tool.")
        return _answer(told, is_version_at_least(context.protocol_version, LINKS_SINCE))

    return Server(
        "easel", title="Easel", version="1", instructions=INSTRUCTIONS,
        on_list_tools=list_tools, on_call_tool=call_tool,
    )  # fmt: skip


def _listed(tool: Tool) -> McpTool:
    hints = ToolAnnotations(
        read_only_hint=tool.only_reads,
        destructive_hint=False,
        idempotent_hint=tool.only_reads,
        open_world_hint=True,
    )
    return McpTool(
        name=tool.name, title=tool.title, description=tool.description, input_schema=tool.arguments,
        output_schema=plain_schema(tool.result), annotations=hints,
    )  # fmt: skip


def _answer(told: Told, with_links: bool) -> CallToolResult:
    """The sentence, the result as text for those who read only text, and links to the images."""
    result = told.result.told()
    content: list[ContentBlock] = [
        TextContent(text=told.said),
        TextContent(text=json.dumps(result, ensure_ascii=False)),
    ]
    if with_links and isinstance(told.result, GenerationResult):
        content.extend(_links(told.result))
    return CallToolResult(content=content, structured_content=result)


def _links(result: GenerationResult) -> list[ResourceLink]:
    return [
        ResourceLink(
            uri=image.url, name=f"{result.id}-{number}", mime_type=image.content_type, size=image.bytes,
            description=f"{image.width}x{image.height} pixels; the link works for an hour at most",
        )
        for number, image in enumerate(result.images)
    ]  # fmt: skip


def refusal_text(error: RequestError) -> str:
    """A refusal in words that an assistant can act on: the code, then each field and what is allowed."""
    lines = [f"{error.code}: {error.detail}"]
    for problem in error.problems:
        limit = f"; limit: {problem.limit}" if problem.limit is not None else ""
        allowed = f"; allowed: {', '.join(problem.allowed)}" if problem.allowed is not None else ""
        lines.append(f"{problem.field}: {problem.message}{limit}{allowed}")
    reached = error.reached
    if reached is not None:
        lines.append(f"{reached.name} of {reached.owner}: {reached.allowed} allowed")
    if error.retry_after_seconds is not None:
        lines.append(f"try again in {error.retry_after_seconds} seconds")
    return "\n".join(lines)
