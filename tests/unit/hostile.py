"""Every way in over one scene, for what is hostile: each says how it refused, and nothing may be reached.

Names resolve as a test says, addresses to themselves as the system's resolver reads them, and every
connection that anything opens is written down and refused.
"""

import json
import socket
from collections.abc import Callable, Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from urllib3.filepost import encode_multipart_formdata

from easel.errors import RequestError
from easel.public_http import PublicHttp
from easel.wiring.trust import tls
from tests.fakes.batch_run import dropped, errors, run
from tests.fakes.scene import Scene
from tests.unit.doors.calls import Api
from tests.unit.doors.mcp_calls import Mcp

PROMPT = "PLANTED-PROMPT of a lighthouse"
EDIT = {"model": "qwen-image-edit-max", "prompt": PROMPT}


class Refusal(NamedTuple):
    """How a door refused: its HTTP status, or what stands for one there; and all that it said."""

    status: int
    said: str


class World:
    """A scene behind all doors, on a network of a test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scene = Scene()
        self.names: dict[str, list[str]] = {}
        self.opened: list[object] = []
        own = {"getaddrinfo": self._resolve, "create_connection": self._open}
        monkeypatch.setattr("easel.public_http.socket", SimpleNamespace(**{**vars(socket), **own}))
        public = PublicHttp(tls=tls())
        monkeypatch.setattr(self.scene.links, "head_bytes", public.head_bytes)
        monkeypatch.setattr(self.scene.receivers, "post", public.post)

    @cached_property
    def api(self) -> Api:
        """The HTTP API over it."""
        return Api(self.scene)

    @cached_property
    def mcp(self) -> Mcp:
        """The assistants' door over it."""
        return Mcp(self.scene)

    def _resolve(self, host: str, port: int, **_: Any) -> list[Any]:
        if host in self.names:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.names[host]]
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    def _open(self, address: object, *_: Any, **__: Any) -> socket.socket:
        self.opened.append(address)
        raise ConnectionRefusedError

    def post(self, path: str, body: Any) -> Refusal:
        """A JSON body, or these very characters or bytes, with the default tenant's key."""
        how = {"raw": body} if isinstance(body, str | bytes) else {"body": body}
        answer = self.api.call("POST", path, **how)
        return Refusal(answer.status, answer.text)

    def form(self, *fields: tuple[str, Any]) -> Refusal:
        """An edit as OpenAI's clients send it."""
        data, kind = encode_multipart_formdata([("prompt", PROMPT), *fields])
        answer = self.api.call("POST", "/openai/v1/images/edits", raw=data, content_type=kind)
        return Refusal(answer.status, answer.text)

    def tool(self, name: str, **arguments: Any) -> Refusal:
        """A tool of the assistants'."""
        result = self.mcp.call(name, prompt=PROMPT, wait_seconds=0, **arguments)
        return Refusal(422 if result.get("isError") else 200, json.dumps(result))

    def event(self, detail: Mapping[str, Any]) -> Refusal:
        """A request on the bus: told on the bus, and kept among the dead letters."""
        self.scene.bus.events.clear()
        self.scene.letters.messages.clear()
        made = self.scene.intake.requested(detail, "event-1", {"id": "event-1", "detail": detail})
        if made is not None:
            return Refusal(200, made)
        ((_, told),) = self.scene.bus.events
        (letter,) = self.scene.letters.messages
        json.dumps(letter)
        return Refusal(told["error"]["status"], json.dumps(told))

    def workflow(self, request: Any) -> Refusal:
        """A request of a caller's workflow."""
        try:
            return Refusal(200, self.scene.requests_of_workflows.create(request, "execution:1", "1").id)
        except RequestError as error:
            return Refusal(error.status, f"{error.code} {error.detail} {error.problems}")

    def row(self, fields: Any) -> Refusal:
        """A row of a file in the inbox, on its way to its end."""
        batch = dropped(self.scene, fields)
        run(self.scene, batch)
        (line,) = errors(self.scene, batch) or [{"error": {"code": "none"}}]
        return Refusal(422 if line["error"]["code"] == "invalid_request" else 200, json.dumps(line))

    def asked_nothing(self) -> None:
        """Nothing was reached, written or bought, and nothing broke."""
        assert self.opened == []
        assert self.scene.store.records == {}
        assert self.scene.images.objects == {}
        assert self.scene.workflow.ids == []
        assert '"level":"ERROR"' not in self.logged()
        assert "PLANTED" not in self.logged()

    def logged(self) -> str:
        """The lines of the doors that were opened."""
        opened = [door for door in (vars(self).get("api"), vars(self).get("mcp")) if door]
        return "".join(door.log.getvalue() for door in opened)


# ── How an input image comes in ───────────────────────────────────────────────────────────────────────

MULEROUTER = "/mulerouter/vendors/alibaba/v1/qwen-image-edit-max/generation"
DASHSCOPE = "/api/v1/services/aigc/multimodal-generation/generation"


def dashscope(prefix: str) -> Callable[[World, str], Refusal]:
    """DashScope's door of a region."""

    def ask(world: World, image: str) -> Refusal:
        content = [{"image": image}, {"text": PROMPT}]
        body = {"model": EDIT["model"], "input": {"messages": [{"role": "user", "content": content}]}}
        return world.post(prefix + DASHSCOPE, body)

    return ask


IMAGE_DOORS: Mapping[str, Callable[[World, str], Refusal]] = {
    "native": lambda world, image: world.post("/v1/generations", {**EDIT, "images": [image]}),
    "mulerouter": lambda world, image: world.post(MULEROUTER, {"prompt": PROMPT, "images": [image]}),
    "dashscope": dashscope("/dashscope"),
    "dashscope-cn": dashscope("/dashscope-cn"),
    "openai": lambda world, image: world.form(("images[]", image)),
    "mcp": lambda world, image: world.tool("edit_image", images=[image]),
    "event": lambda world, image: world.event({**EDIT, "images": [image]}),
    "workflow": lambda world, image: world.workflow({**EDIT, "images": [image]}),
    "file": lambda world, image: world.row({**EDIT, "images": [image]}),
}


def uploaded(world: World, data: bytes) -> Refusal:
    """An upload that is then named."""
    made = world.api.call("POST", "/v1/uploads", body={"content_type": "image/png", "bytes": 1000}).body
    world.scene.uploads.put(made["fields"], data)
    return IMAGE_DOORS["native"](world, f"upload:{made['id']}")


def edited(world: World, data: bytes) -> Refusal:
    """An image dropped into the inbox to be edited."""
    world.scene.letters.messages.clear()
    source = world.scene.inbox.drop("edits/a.png", data, prompt=PROMPT)
    made = world.scene.intake.dropped(source, {"id": "event-1"})
    return Refusal(200 if made else 422, json.dumps([dict(one) for one in world.scene.letters.messages]))


# ── How a webhook comes in ────────────────────────────────────────────────────────────────────────────

DRAW = {"model": "qwen-image-max", "prompt": PROMPT}
PIXELDOJO = "/pixeldojo/api/v1/models/qwen-image-max/run"
WEBHOOK_DOORS: Mapping[str, Callable[[World, str], Refusal]] = {
    "native": lambda world, url: world.post("/v1/generations", {**DRAW, "webhook": url}),
    "native, in full": lambda world, url: world.post("/v1/generations", {**DRAW, "webhook": {"url": url}}),
    "pixeldojo": lambda world, url: world.post(PIXELDOJO, {"prompt": PROMPT, "webhook_url": url}),
    "openai": lambda world, url: world.post("/openai/v1/images/generations", {**DRAW, "webhook": url}),
    "event": lambda world, url: world.event({**DRAW, "webhook": url}),
    "workflow": lambda world, url: world.workflow({**DRAW, "webhook": url}),
    "file": lambda world, url: world.row({**DRAW, "webhook": url}),
}


# ── Addresses of every kind, in every spelling that some resolver takes for one ───────────────────────────

HERE, METADATA = "127.0.0.1", "169.254.169.254"
HOSTS = {
    "loopback": HERE, "short": "127.1", "decimal": "2130706433", "hex": "0x7f000001",
    "hex parts": "0x7f.0.0.1", "octal": "0177.0.0.1", "octal whole": "017700000001", "zero": "0",
    "unspecified": "0.0.0.0", "private": "10.0.0.1", "private B": "172.16.0.1", "private C": "192.168.1.1",
    "shared": "100.64.0.1", "link-local": "169.254.1.1", "metadata": METADATA, "ECS": "169.254.170.2",
    "metadata decimal": "2852039166", "metadata octal": "0251.0376.0251.0376", "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255", "dotted": "127.0.0.1.", "too many parts": "127.0.0.1.1",
    "IPv6 loopback": "[::1]", "IPv6 link-local": "[fe80::1]", "IPv6 local": "[fd00:ec2::254]",
    "mapped": "[::ffff:169.254.169.254]", "mapped hex": "[::ffff:a9fe:a9fe]", "NAT64": "[64:ff9b::a9fe:a9fe]",
    "6to4": "[2002:a9fe:a9fe::1]", "Teredo": "[2001:0:a9fe:a9fe::1]", "zone": "[fe80::1%25lo]",
    "localhost": "localhost", "LOCALHOST": "LOCALHOST", "below localhost": "a.localhost",
    "metadata name": "metadata.google.internal", "printer": "printer.local",
    "full width": "\uff11\uff12\uff17.0.0.1", "ideographic dots": "127\u30020\u30020\u30021",
    "circled": "\u24d4xample.com", "escaped": "%31%32%37.0.0.1", "NUL": "127.0.0.1%00.example.com",
    "user": "example.com@127.0.0.1", "user and password": "a:b@example.com",
    "backslash": "example.com\\@127.0.0.1", "line end": "example.com\r\nHost: evil", "tab": "exa\tmple.com",
    "space": "127.0.0.1 .example.com", "mail": "example.com:25", "shell": "example.com:22",
    "no port": "example.com:0", "high port": "example.com:65536", "none": "",
}  # fmt: skip
SCHEMES = {
    "http": f"http://{HERE}:8000/", "file": "file:///etc/passwd", "ftp": "ftp://example.com/a",
    "gopher": f"gopher://{HERE}:25/_MAIL", "script": "javascript:alert(1)", "no scheme": "//example.com/",
    "page": "data:text/html;base64,PGgxPg==", "jar": "jar:https://example.com!/", "dict": "dict://x:11211/",
}  # fmt: skip
LINKS = {name: f"https://{host}/latest/meta-data/" for name, host in HOSTS.items()} | SCHEMES
