"""Hostile requests over real HTTP, byte by byte as they come: each is refused, and the API goes on.

What they ask for in every other way: `tests/unit/test_hostile_inputs.py`.
"""

import json
import socket
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from local.stack import LocalStack
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.integration.policy_calls import CallList, policies_of

pytestmark = pytest.mark.stack

SECONDS = 20.0
DOORS = {"ApiFunctionRole", "McpFunctionRole"}  # other roles carry what other tests left
DEEP = 10_000
OBJECTS = b'{"a":' * DEEP + b"1" + b"}" * DEEP
PROMPT = "a hostile owl"  # and nobody else's
GOOD = b'{"model": "qwen-image-max", "prompt": "a hostile owl"}'
JSON = b"Content-Type: application/json\r\n"
MCP = JSON + b"Accept: application/json, text/event-stream\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"


def said(caller: EaselCaller, head: bytes, body: bytes = b"", more: bytes = JSON) -> bytes:
    """What the address answers to these very bytes, until it hangs up."""
    address = urlsplit(caller.url)
    key = b"Authorization: Bearer " + caller.key.encode() + b"\r\n"
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    told = b""
    with socket.create_connection((str(address.hostname), address.port or 80), SECONDS) as connection:
        connection.sendall(head + b" HTTP/1.1\r\nHost: api.example\r\n" + key + more + length + body)
        while portion := connection.recv(65536):
            told += portion
    return told


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


POST, GET = b"POST /v1/generations", b"GET /v1/generations"
EDIT = {"model": "qwen-image-edit-max", "prompt": PROMPT}
LINKS = (
    "https://127.0.0.1/a.png", "https://2130706433/a.png", "https://0x7f.1/a.png", "https://0177.0.0.1/a.png",
    "https://169.254.169.254/latest/meta-data/", "https://[::ffff:169.254.169.254]/", "https://localhost/",
    "https://[64:ff9b::a9fe:a9fe]/", "https://[2002:a9fe:a9fe::1]/", "https://metadata.google.internal/",
    "http://example.com/a.png", "file:///etc/passwd", "https://example.com:22/",
)  # fmt: skip


def edit(link: str) -> bytes:
    return json.dumps({**EDIT, "images": [link]}).encode()


ASKS: Mapping[str, tuple[bytes, bytes, bytes]] = {
    "10,000 deep": (POST, b"[" * DEEP + b"]" * DEEP, JSON),
    "10,000 deep in a field": (POST, GOOD[:-1] + b', "metadata": ' + OBJECTS + b"}", JSON),
    "10,000 deep in rows": (b"POST /v1/batches", b'{"rows": ' + b"[" * DEEP + b"]" * DEEP + b"}", JSON),
    "10,000 deep, MCP": (b"POST /mcp", OBJECTS, MCP),
    "half a character": (POST, b'{"model": "qwen-image-max", "prompt": "\\ud800"}', JSON),
    "no UTF-8": (POST, b'{"model": "qwen-image-max", "prompt": "\xff\xfe"}', JSON),
    "UTF-16": (POST, GOOD.decode().encode("utf-16"), JSON),
    "up": (GET + b"/../../v1/keys", b"", b""),
    "escaped up": (GET + b"/..%2f..%2fhealthz", b"", b""),
    "NUL": (GET + b"/gen_%00", b"", b""),
    "line end in a path": (GET + b"/gen_%0d%0aSet-Cookie:%20a=b", b"", b""),
    "forged cursor": (GET + b"?cursor=eyJwayI6InRlbmFudCNvdGhlciJ9", b"", b""),
    "line end in a query": (GET + b"?%0d%0aSet-Cookie:a=b", b"", b""),
    "two keys": (GET, b"", b"Authorization: Bearer forged\r\n"),
    "key of no ASCII": (GET + b"/x", b"", b"Authorization: Bearer \xff\xfe\r\n"),
    "line end in an idempotency key": (POST, GOOD, JSON + b"Idempotency-Key: a\tb\r\n"),
    "form without an end": (b"POST /openai/v1/images/edits", b"--b\r\n", FORM),
    "forged upload": (POST, edit("upload:upl_" + "0" * 26), JSON),
    "S3 key of others": (POST, edit("s3://other/../secrets"), JSON),
    **{link: (POST, edit(link), JSON) for link in LINKS},
}  # fmt: skip


@pytest.fixture
def guest(stack: LocalStack, caller: EaselCaller) -> EaselCaller:
    """A tenant that has nothing but what these requests leave."""
    made = caller.call("POST", "/v1/keys", {"tenant": f"guest-{uuid.uuid4().hex[:8]}"})
    return EaselCaller(stack.url, made.body["secret"])


def test_hostile_requests_are_refused_and_nothing_breaks(guest: EaselCaller, stack: LocalStack) -> None:
    log, calls = stack.settings.data / "emulator.log", CallList(stack, policies_of(stack))
    logged, called = log.stat().st_size, calls.end()
    for name, (head, body, more) in ASKS.items():
        answer = said(guest, head, body, more)
        assert status(answer) in (400, 401, 403, 404, 413, 422), (name, answer[:500])
        headers = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"set-cookie" not in headers, name
        assert b"traceback" not in answer.lower(), name
    for path in ("/v1/generations", "/v1/batches"):
        assert guest.call("GET", path).body["data"] == []
    assert not [task for task in sandbox_tasks(stack.sandbox_url) if PROMPT in task["prompt"]]
    doors = [call.action for call in calls.since(called) if call.role in DOORS]
    assert "dynamodb:GetItem" in doors
    assert not {"s3:PutObject", "states:StartExecution"} & {*doors}
    assert guest.call("GET", "/healthz").status == 200
    told = [line for line in log.read_bytes()[logged:].splitlines() if b'"level":"ERROR"' in line]
    assert not [line for line in told if b"ApiFunction" in line or b"McpFunction" in line]


def test_header_of_100_kilobytes_and_a_body_of_11_megabytes_are_refused(caller: EaselCaller) -> None:
    assert status(said(caller, GET, b"", b"X-Long: " + b"x" * 100_000 + b"\r\n")) == 431
    assert status(said(caller, POST, b'{"prompt": "' + b"x" * 11_000_000 + b'"}')) == 413
    assert caller.call("GET", "/healthz").status == 200
