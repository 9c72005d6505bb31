"""The MCP endpoint as a wire: who may send, which messages are answered how, in which revisions."""

import json
import logging
from typing import Any

import pytest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from easel.domain.tenancy import Scope
from tests.unit.doors.calls import KEY
from tests.unit.doors.mcp_calls import Mcp

PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
MODERN = "2026-07-28"
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def initialize(revision: str) -> dict[str, Any]:
    return {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


@pytest.mark.parametrize("key", [None, "", "wrong", f"{KEY}x"])
@pytest.mark.parametrize("raw", [PING, "{", ""])
def test_message_without_a_known_key_is_401_and_told_how(raw: str, key: str | None) -> None:
    answer = Mcp().send(raw, key=key)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.body["code"] == "unauthorized"


def test_any_scope_is_enough_to_begin() -> None:
    mcp = Mcp()
    mcp.keys.known = {"scopes": frozenset({Scope.USAGE})}
    assert mcp.ask("initialize", initialize("2025-11-25"), revision=None)["result"]["serverInfo"]


@pytest.mark.parametrize("revision", HANDSHAKE_PROTOCOL_VERSIONS)
def test_each_revision_with_a_handshake_is_answered_in_its_own_words(revision: str) -> None:
    answer = Mcp().send(
        json.dumps({"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": initialize(revision)}),
        revision=None,
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert "mcp-session-id" not in answer.headers
    assert answer.body["id"] == 7
    result = answer.body["result"]
    assert result["protocolVersion"] == revision
    assert result["serverInfo"]["name"] == "easel"
    assert result["capabilities"]["tools"] is not None
    assert "idempotency_key" in result["instructions"]


def test_unknown_revision_is_offered_the_newest_with_a_handshake() -> None:
    result = Mcp().ask("initialize", initialize("1999-01-01"), revision=None)["result"]
    assert result["protocolVersion"] == HANDSHAKE_PROTOCOL_VERSIONS[-1]


def test_revision_header_that_nobody_speaks_is_refused() -> None:
    assert Mcp().send(PING, revision="1999-01-01").status == 400


def test_newest_revision_needs_no_handshake() -> None:
    mcp = Mcp()
    found = mcp.ask("server/discover", {"_meta": ENVELOPE}, revision=MODERN, mcp_method="server/discover")
    assert MODERN in found["result"]["supportedVersions"]
    listed = mcp.ask("tools/list", {"_meta": ENVELOPE}, revision=MODERN, mcp_method="tools/list")
    assert len(listed["result"]["tools"]) == 5


def test_each_message_stands_alone() -> None:
    mcp = Mcp()
    assert mcp.ask("ping") == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert len(mcp.ask("tools/list")["result"]["tools"]) == 5


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled"])
def test_notification_is_taken_with_202_and_no_body(method: str) -> None:
    params = {"requestId": 1} if method.endswith("cancelled") else {}
    answer = Mcp().send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))
    assert (answer.status, answer.text) == (202, "")


@pytest.mark.parametrize("http", ["GET", "DELETE", "PUT", "OPTIONS", "TRACE", "QUERY"])
def test_there_is_no_stream_to_open_and_no_session_to_end(http: str) -> None:
    answer = Mcp().send("", http=http)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("raw", ["{", "", "nothing", b"\xff\xfe"])
@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
def test_what_is_no_json_is_a_parse_error(raw: str | bytes, revision: str) -> None:
    answer = Mcp().send(raw, revision=revision)
    assert answer.status == 400
    assert answer.body["error"]["code"] == -32700


@pytest.mark.parametrize(
    "raw", [f"[{PING}]", "[]", "1", '"x"', "{}", '{"jsonrpc": "1.0", "method": "ping", "id": 1}']
)
@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
def test_what_is_no_single_message_is_refused(raw: str, revision: str) -> None:
    answer = Mcp().send(raw, revision=revision)
    assert answer.status == 400
    assert answer.body["error"]["code"] in (-32600, -32602)


@pytest.mark.parametrize("method", ["no/such", "resources/list", "prompts/list"])
def test_method_that_is_not_there_is_said_so(method: str) -> None:
    assert Mcp().ask(method)["error"]["code"] == -32601
    modern = Mcp().ask(method, {"_meta": ENVELOPE}, revision=MODERN, mcp_method=method)
    assert modern["error"]["code"] == -32601


def test_stream_that_is_asked_for_by_a_post_is_refused_at_once() -> None:
    params = {"notifications": ["tools/list_changed"], "_meta": ENVELOPE}
    for accept in ("application/json", "application/json, text/event-stream"):
        answer = Mcp().send(
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}),
            revision=MODERN, mcp_method="subscriptions/listen", accept=accept,
        )  # fmt: skip
        assert answer.status in (400, 404, 406)


def test_body_in_base64_is_read_too() -> None:
    assert Mcp().send(PING.encode()).body["result"] == {}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_body_that_does_not_say_it_is_json_is_refused(content_type: str) -> None:
    assert Mcp().send(PING, content_type=content_type).status in (400, 415)


def test_client_that_takes_no_json_is_told_so() -> None:
    assert Mcp().send(PING, accept="text/html").status == 406


ORIGINS = [
    "https://evil.example", "http://127.0.0.1:3000", "null", "https://api.example.evil.example",
    "https://evil.example/api.example", "api.example", "", "http://[", "http://api.example",
]  # fmt: skip


@pytest.mark.parametrize("http", ["POST", "GET"])
@pytest.mark.parametrize("origin", ORIGINS)
def test_web_page_of_another_origin_is_refused(origin: str, http: str) -> None:
    answer = Mcp().send(PING, http=http, origin=origin, host=origin.rpartition("/")[2])
    assert answer.status == 403
    assert answer.body["code"] == "forbidden"


@pytest.mark.parametrize("text", ["\u20ac", "\ud800", "\u00e9"])
def test_characters_that_no_header_or_body_may_hold_do_no_harm(text: str) -> None:
    assert Mcp().send(PING, x_note=text).status == 200
    assert Mcp().send(f'{{"{text}": 1}}').status == 400


def test_page_of_our_own_may_call() -> None:
    assert Mcp().send(PING, origin="https://api.example").status == 200


def test_tool_that_is_not_there_is_an_error_of_the_protocol() -> None:
    answer = Mcp().ask("tools/call", {"name": "draw", "arguments": {}})
    assert answer["error"]["code"] == -32602


@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
def test_our_own_failure_says_nothing_of_its_reason_but_to_the_log(
    revision: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    mcp = Mcp()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("PLANTED-REASON")

    monkeypatch.setattr(type(mcp.scene.reader), "get", fail)
    params = {"name": "get_generation", "arguments": {"id": "x"}, "_meta": ENVELOPE}
    headers = {"mcp_method": "tools/call", "mcp_name": "get_generation"}
    answer = mcp.ask("tools/call", params, revision=revision, **headers)
    assert answer["error"]["code"] == -32603
    assert "PLANTED-REASON" not in json.dumps(answer)
    assert "PLANTED-REASON" in mcp.log.getvalue()


def test_failure_before_the_message_is_read_is_a_problem_document(monkeypatch: pytest.MonkeyPatch) -> None:
    mcp = Mcp()

    def fail(*_: object) -> None:
        raise RuntimeError("PLANTED-REASON")

    monkeypatch.setattr(type(mcp.keys), "find", fail)
    answer = mcp.send(PING)
    assert (answer.status, answer.body["code"], answer.body["request_id"]) == (500, "internal", "request-1")
    assert "PLANTED-REASON" not in answer.text


def test_no_key_prompt_or_link_is_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    mcp = Mcp()
    made = mcp.generate(idempotency_key="PLANTED-IDEMPOTENCY")["structuredContent"]
    mcp.call("get_generation", id=made["id"])
    mcp.generate(prompt="")
    mcp.send(json.dumps([{"PLANTED-PROMPT": 1}]))
    mcp.send('{"PLANTED-PROMPT')
    written = caplog.text + mcp.log.getvalue() + "".join(capfd.readouterr())
    assert "PLANTED" not in written
    assert KEY not in written
