"""Assistants on the local stack: the official SDK's client, in the newest revision and in those before it."""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

import httpx2
import pytest
import urllib3
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ResourceLink, TextContent

from local.stack import LocalStack
from tests.fakes.pictures import picture
from tests.integration.easel_caller import EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

Mode = Literal["auto", "legacy"]
OWL: dict[str, Any] = {"model": "qwen-image-max", "prompt": "an owl reading", "size": "1:1"}
Given = TypeVar("Given")


@asynccontextmanager
async def assistant(stack: LocalStack, mode: Mode) -> AsyncIterator[Client]:
    """A connected client with the default tenant's key."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=40.0) as http,
        Client(streamable_http_client(f"{stack.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def with_assistant(stack: LocalStack, mode: Mode, do: Callable[[Client], Awaitable[Given]]) -> Given:
    """What is done with a client, once it is connected and knows the tools, and so their results' schemas."""

    async def run() -> Given:
        async with assistant(stack, mode) as client:
            await client.list_tools()
            return await do(client)

    return asyncio.run(run())


def told(result: CallToolResult) -> dict[str, Any]:
    """The structured result, which the client has held against the tool's schema."""
    assert not result.is_error, result.content
    given: dict[str, Any] = result.structured_content
    return given


async def ended(client: Client, result: CallToolResult) -> CallToolResult:
    """The generation once it has succeeded."""
    for _ in range(4):
        if told(result)["status"] == "succeeded":
            return result
        arguments = {"id": told(result)["id"], "wait_seconds": 25}
        result = await client.call_tool("get_generation", arguments)
    raise AssertionError(told(result))


@pytest.mark.parametrize(("mode", "revision"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_assistant_generates_once_looks_up_and_lists(
    stack: LocalStack, caller: EaselCaller, mode: Mode, revision: str
) -> None:
    arguments = {**OWL, "prompt": f"owl {uuid.uuid4()}", "idempotency_key": uuid.uuid4().hex}

    async def talk(client: Client) -> tuple[str, CallToolResult, dict[str, Any], dict[str, Any]]:
        made = [await client.call_tool("generate_image", arguments) for _ in range(2)]
        result = await ended(client, made[0])
        assert {told(one)["id"] for one in made} == {told(result)["id"]}
        listed = await client.call_tool("list_generations", {"status": "succeeded"})
        models = await client.call_tool("list_models", {"model": "qwen-image-max"})
        return client.protocol_version, result, told(listed), told(models)

    spoken, result, listed, models = with_assistant(stack, mode, talk)
    assert spoken == revision
    (image,) = told(result)["images"]
    (link,) = [block for block in result.content if isinstance(block, ResourceLink)]
    assert str(link.uri) == image["url"]
    fetched = urllib3.request("GET", image["url"], timeout=10.0, retries=False)
    assert (fetched.status, fetched.headers["Content-Type"]) == (200, "image/png")
    assert len(fetched.data) == image["bytes"]
    made = told(result)["id"]
    assert made in [one["id"] for one in listed["data"]]
    assert models["data"][0]["routes"]
    assert caller.call("GET", f"/v1/generations/{made}").body["status"] == "succeeded"
    bought = [task for task in sandbox_tasks(stack.sandbox_url) if arguments["prompt"] in str(task)]
    assert len(bought) == 1


def test_assistant_edits_an_image_that_it_has(stack: LocalStack) -> None:
    photo = "data:image/png;base64," + base64.b64encode(picture(width=512, height=512)).decode()
    arguments = {"model": "qwen-image-edit-max", "prompt": "make it night", "images": [photo]}

    async def talk(client: Client) -> CallToolResult:
        return await ended(client, await client.call_tool("edit_image", arguments))

    assert told(with_assistant(stack, "auto", talk))["images"]


def test_assistant_is_told_what_is_wrong(stack: LocalStack) -> None:
    async def talk(client: Client) -> list[CallToolResult]:
        return [
            await client.call_tool("generate_image", {**OWL, "size": "640*640"}),
            await client.call_tool("generate_image", {"model": "qwen-image-max"}),
            await client.call_tool("get_generation", {"id": "gen_01ARYZ6S410000000000000000"}),
        ]

    size, prompt, missing = with_assistant(stack, "legacy", talk)
    for result, words in ((size, "allowed: 16:9"), (prompt, "prompt: "), (missing, "not_found: ")):
        assert result.is_error
        (text,) = result.content
        assert isinstance(text, TextContent)
        assert words in text.text


def test_without_a_key_nothing_is_spoken_and_nothing_but_posts_is_taken(
    stack: LocalStack, caller: EaselCaller
) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    stranger = EaselCaller(stack.url, "wrong").call("POST", "/mcp", ping)
    assert (stranger.status, stranger.headers["WWW-Authenticate"]) == (401, "Bearer")
    for method in ("GET", "DELETE"):
        answer = caller.call(method, "/mcp")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    page = caller.call("POST", "/mcp", ping, headers={"Origin": "https://evil.example"})
    assert page.status == 403
