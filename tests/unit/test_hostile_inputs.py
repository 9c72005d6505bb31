"""Hostile input at every door: refused by name, in the door's own words; nothing is reached, kept or bought.

The same over real HTTP, on the local stack: `tests/integration/test_hostile_inputs.py`.
"""

import base64
import itertools
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from easel.domain.input_images import INPUT_BYTES_MAX
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT
from tests.unit.doors.calls import OTHER_KEY
from tests.unit.doors.vendor_door import NOBODYS_ID
from tests.unit.hostile import (
    DASHSCOPE,
    DRAW,
    HERE,
    IMAGE_DOORS,
    LINKS,
    METADATA,
    MULEROUTER,
    PIXELDOJO,
    PROMPT,
    WEBHOOK_DOORS,
    Refusal,
    World,
    edited,
    uploaded,
)

REFUSALS = (400, 404, 409, 413, 415, 422)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def assert_refused(refusal: Refusal, *words: str) -> None:
    """In the caller's fault's words, and without the prompt or anything of ours."""
    assert refusal.status in REFUSALS, refusal
    assert any(word in refusal.said for word in words) or not words, refusal
    for never in ("PLANTED", "The fault is ours", "Traceback", "easel.", "pydantic"):
        assert never not in refusal.said, refusal


# ── Addresses ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("door", IMAGE_DOORS)
def test_input_image_at_a_hostile_address_is_refused_by_every_door(door: str, world: World) -> None:
    for link in LINKS.values():
        assert_refused(IMAGE_DOORS[door](world, link), "image", "URL")
    world.asked_nothing()


@pytest.mark.parametrize("door", WEBHOOK_DOORS)
def test_webhook_at_a_hostile_address_is_refused_by_every_door(door: str, world: World) -> None:
    for link in LINKS.values():
        assert_refused(WEBHOOK_DOORS[door](world, link), "webhook")
    world.asked_nothing()


def test_weights_at_a_hostile_address_are_refused(world: World) -> None:
    for link in LINKS.values():
        lora = {"model": "qwen-image-lora", "prompt": PROMPT, "lora": {"weights": link}}
        assert_refused(world.post("/v1/generations", lora), "lora.weights")
        assert_refused(world.post(PIXELDOJO, {"prompt": PROMPT, "lora_weights": link}), "lora_weights")
    world.asked_nothing()


@pytest.mark.parametrize(
    "addresses", [[HERE], [METADATA], ["::ffff:10.0.0.1"], ["93.184.215.14", "10.0.0.1"]]
)
def test_name_that_resolves_to_a_private_address_is_not_asked_for_an_image(
    addresses: list[str], world: World
) -> None:
    world.names["rebound.example"] = addresses
    for door in IMAGE_DOORS.values():
        assert_refused(door(world, "https://rebound.example/a.png"), "image")
    world.asked_nothing()


@pytest.mark.parametrize("addresses", [[HERE], [METADATA], ["93.184.215.14", "fd00:ec2::254"]])
def test_name_that_resolves_to_a_private_address_by_then_is_told_nothing(
    addresses: list[str], world: World
) -> None:
    world.names["rebound.example"] = ["93.184.215.14"]
    assert world.post("/v1/generations", {**DRAW, "webhook": "https://rebound.example/"}).status == 202
    (made,) = world.scene.store.records
    world.scene.canceler.cancel(TENANT, made)
    world.names["rebound.example"] = addresses
    (delivery,) = world.scene.deliveries.records
    told = world.scene.deliverer.deliver(delivery)
    assert (told.status, told.attempts[0].error) == ("failed", "address_refused")
    assert world.opened == []


# ── Images ────────────────────────────────────────────────────────────────────────────────────────────

PNG, GIF = picture(width=400, height=400), picture("gif", 400, 400)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG's chunk."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG of this size with nothing but these chunks."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


PIXELS = chunk(b"IDAT", zlib.compress(bytes(1000)))
IMAGES = {
    "nothing": b"", "a page": b"<!doctype html><script>alert(1)</script>", "SVG": b"<svg onload='x()'/>",
    "PDF": b"%PDF-1.7\n", "archive": b"PK\x03\x04" + bytes(100), "program": b"\x7fELF" + bytes(100),
    "PDF then PNG": b"%PDF-1.7\n" + PNG, "archive then PNG": b"PK\x03\x04" + PNG,
    "script in a GIF": b"GIF89a/*" + GIF[8:-1], "cut off": PNG[:-20], "cut at the header": PNG[:20],
    "signature alone": PNG[:8], "bad sum": PNG[:40] + b"\xff" + PNG[41:], "no pixels": png(400, 400),
    "bomb of a width": png(2**31 - 1, 400, PIXELS), "bomb of both sides": png(65535, 65535, PIXELS),
    "no width": png(0, 400, PIXELS), "tiny": png(1, 1, PIXELS), "too wide": png(3073, 400, PIXELS),
    "chunk without an end": PNG[:33] + b"\x7f\xff\xff\xffIDAT" + PNG[41:],
    "GIF without an end": GIF[:-1], "JPEG without a frame": b"\xff\xd8\xff\xd9",
    "JPEG cut off": picture("jpeg", 400, 400)[:-2], "WebP of no length": b"RIFF\0\0\0\0WEBPVP8L",
    "WebP that lies": b"RIFF\xff\xff\xff\xffWEBP" + picture("webp", 400, 400)[12:],
    "BMP without a size": b"BM" + bytes(8), "TIFF that loops": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
    "oversized": png(400, 400, chunk(b"fiLl", bytes(INPUT_BYTES_MAX)), PIXELS),
}  # fmt: skip
FILE_DOORS: dict[str, Callable[[World, bytes], Refusal]] = {
    "upload": uploaded,
    "edits/": edited,
    "openai file": lambda world, data: world.form(("image", ("../../a.png", data, "image/png"))),
}


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()


@pytest.mark.parametrize("door", FILE_DOORS)
def test_hostile_image_in_a_file_is_refused_by_every_door(door: str, world: World) -> None:
    for data in IMAGES.values():
        assert_refused(FILE_DOORS[door](world, data), "image")
    world.asked_nothing()


@pytest.mark.parametrize("door", IMAGE_DOORS)
def test_hostile_image_in_a_request_is_refused_by_every_door(door: str, world: World) -> None:
    for name, data in IMAGES.items():
        if name != "oversized" or door == "native":  # the others' bodies are larger than Lambda takes, too
            assert_refused(IMAGE_DOORS[door](world, data_url(data)), "image")
    world.asked_nothing()


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/pdf", "image/png;charset=x", ""])
def test_announced_type_of_an_image_means_nothing_or_is_refused(kind: str, world: World) -> None:
    page = data_url(b"<script>alert(1)</script>", kind)
    assert_refused(IMAGE_DOORS["native"](world, page), "images.0")
    world.asked_nothing()


@pytest.mark.parametrize("tail", [b"PK\x03\x04" + bytes(200), b"<script>alert(1)</script>", b"%PDF-1.7"])
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif"])
def test_other_half_of_a_polyglot_is_kept_nowhere(kind: str, tail: bytes, world: World) -> None:
    image = picture(kind, 400, 400)
    assert IMAGE_DOORS["native"](world, data_url(image + tail, "image/png")).status == 202
    assert list(world.scene.images.objects.values()) == [image]


# ── Bodies ────────────────────────────────────────────────────────────────────────────────────────────

DEEP = 10_000
BODIES: dict[str, str | bytes] = {
    "10,000 lists": "[" * DEEP + "]" * DEEP,
    "10,000 objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "10,000 in a field": '{"model": "qwen-image-max", "metadata": ' + "[" * DEEP + "]" * DEEP + "}",
    "10,000 in a row": '{"rows": [{"prompt": ' + "[" * DEEP + "]" * DEEP + "}]}",
    "unclosed": "[" * 100_000,
    "half a character": '{"prompt": "\\ud800", "model": "qwen-image-max"}',
    "halves the wrong way round": '{"prompt": "\\udc00\\ud800", "model": "qwen-image-max"}',
    "no UTF-8": b'{"prompt": "\xff\xfe", "model": "qwen-image-max"}',
    "overlong UTF-8": b'{"prompt": "\xc0\xaf", "model": "qwen-image-max"}',
    "UTF-16": '{"prompt": "x"}'.encode("utf-16"),
    "number of 5,000 digits": '{"prompt": "x", "seed": ' + "9" * 5000 + "}",
    "infinite": '{"prompt": "x", "model": "qwen-image-max", "seed": 1e999}',
    "not a number": '{"prompt": "x", "model": "qwen-image-max", "guidance_scale": NaN}',
    "key of 100,000": '{"' + "k" * 100_000 + '": 1}',
    "null": "null", "text": '"x"', "number": "1", "empty": " ", "prototype": '{"__proto__": {"admin": true}}',
}  # fmt: skip
TASKS = "/dashscope/api/v1/services/aigc/text2image/image-synthesis"
PATHS = (
    "/v1/generations", "/v1/batches", "/v1/uploads", MULEROUTER, PIXELDOJO, f"/dashscope{DASHSCOPE}",
    f"/dashscope-cn{DASHSCOPE}", TASKS,
    "/aimlapi/v1/images/generations", "/openai/v1/images/generations", "/openai/v1/images/edits",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_hostile_body_is_refused_by_every_door(path: str, world: World) -> None:
    how: dict[str, Any] = {"x_dashscope_async": "enable"} if path == TASKS else {}
    for name, body in BODIES.items():
        if path != "/v1/batches" or "row" not in name:  # which is refused as a row
            answer = world.api.call("POST", path, raw=body, **how)
            assert_refused(Refusal(answer.status, answer.text))
    world.asked_nothing()
    assert world.scene.batches.records == {}


@pytest.mark.parametrize("name", BODIES)
def test_hostile_message_is_refused_by_the_assistants_door(name: str, world: World) -> None:
    body = BODIES[name]
    call = '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "generate_image", '
    wrapped = call.encode() + b'"arguments": ' + (body if isinstance(body, bytes) else body.encode()) + b"}}"
    for raw in (body, wrapped):
        answer = world.mcp.send(raw)
        assert answer.status in (200, 400), answer
        assert "error" in answer.body or answer.body["result"]["isError"], answer.body
        assert "-32603" not in answer.text  # JSON-RPC's own fault
    world.asked_nothing()


HALF: dict[str, Any] = {"a": "\ud800"}
DETAILS: dict[str, Any] = {
    "deep": {"metadata": json.loads("[" * 400 + "]" * 400)},
    "half a prompt": {"prompt": "\ud800"},
    "half a correlation": {"correlation_id": "x\udfff"},
    "half a name": {"\ud800": 1},
    "half a tenant": {"tenant": "\ud800"},
    "path as tenant": {"tenant": "../other"},
    "key as tenant": {"tenant": "default#gen"},
    "line end in tenant": {"tenant": "default\n"},
    "list as correlation": {"correlation_id": ["x"]},
    "infinite": {"seed": float("inf")},
}


@pytest.mark.parametrize("name", DETAILS)
def test_hostile_request_from_inside_the_account_is_refused_and_kept(name: str, world: World) -> None:
    request = {**DRAW, **DETAILS[name]}
    assert_refused(world.event(request))
    assert_refused(world.workflow(request))
    world.asked_nothing()


def test_request_too_deep_to_be_written_is_kept_by_its_id(world: World) -> None:
    deep: Any = 1
    for _ in range(DEEP):
        deep = [deep]
    assert_refused(world.event({**DRAW, "metadata": deep}), "nested")
    assert world.scene.letters.messages[0]["event"] == {"id": "event-1"}


FORMS = {
    "one name for two": (("n", "1"), ("n[]", "2")),
    "text and list": (("route", "x"), ("route[]", "y")),
    "object and list": (("metadata[a][]", "1"), ("metadata[a][b]", "2")),
    "deep name": (("a" + "[x]" * 5000, "1"),),
    "no name": (("", "1"),),
    "brackets": (("][", "1"),),
    "not a number": (("guidance_scale", "nan"),),
    "no UTF-8": (("user", b"\xff"),),
    "many": tuple((f"user{number}", "x") for number in range(200)),
    "mask": (("mask", ("a.png", PNG, "image/png")),),
}


@pytest.mark.parametrize("name", FORMS)
def test_hostile_form_is_refused(name: str, world: World) -> None:
    assert_refused(world.form(("image", ("a.png", PNG, "image/png")), *FORMS[name]))
    world.asked_nothing()


# ── Names ─────────────────────────────────────────────────────────────────────────────────────────────

NO_UPLOAD = "upload:upl_01M7WD7TG0YR1BC390725D8N6B"
NAMES = {
    "up": "..", "up and on": "../../etc/passwd", "escaped": "..%2f..%2fx", "twice escaped": "%252e%252e%252f",
    "NUL": "%00", "line end": f"{NOBODYS_ID}\n", "lower case": NOBODYS_ID.lower(),
    "no ULID": "gen_" + "Z" * 26, "nobody's": NOBODYS_ID, "table key": "key#" + "0" * 64,
    "query": "' OR 1=1 --", "template": "${jndi:ldap://x}", "path in state": "$.id", "page": "<script>",
    "turned round": "\u202egen_", "long": "x" * 10_000, "JSON": '{"pk": {"S": "key#x"}}',
    "base64": base64.b64encode(b'{"pk": "tenant#other"}').decode(),
}  # fmt: skip
READS = (
    "/v1/generations/{}", "/v1/generations/{}/events", "/v1/generations/{}/deliveries", "/v1/batches/{}",
    "/v1/models/{}", "/mulerouter/vendors/alibaba/v1/qwen-image-max/generation/{}",
    "/pixeldojo/api/v1/jobs/{}", "/openai/v1/{}", "/{}",
)  # fmt: skip


def test_hostile_name_in_a_path_finds_nothing(world: World) -> None:
    for path, name in itertools.product(READS, NAMES.values()):
        answer = world.api.call("GET", path.format(name))
        assert answer.status == 404, (path, answer)
        assert_refused(Refusal(answer.status, answer.text))
    changes = ("/v1/generations/{}/cancel", "/v1/batches/{}/cancel", "/v1/batches/{}/resume")
    for path, name in itertools.product(changes, NAMES.values()):
        assert world.api.call("POST", path.format(name), body={}).status == 404
    world.asked_nothing()


def test_forged_cursor_is_refused_or_shows_nothing(world: World) -> None:
    mine = world.post("/v1/generations", DRAW)
    assert mine.status == 202
    for path, name in itertools.product(("/v1/generations", "/v1/batches"), NAMES.values()):
        answer = world.api.call("GET", path, query={"cursor": name}, key=OTHER_KEY)
        assert answer.status == 422 or answer.body["data"] == [], answer


def test_hostile_name_of_an_image_is_refused(world: World) -> None:
    begins = (
        "upload:",
        f"{NO_UPLOAD}/",
        "s3://images/",
        "s3://images/uploads/default/",
        "s3://other/",
        "oss://",
    )
    for begin, name in itertools.product(begins, NAMES.values()):
        assert_refused(IMAGE_DOORS["native"](world, begin + name), "image")
    assert_refused(IMAGE_DOORS["mcp"](world, NO_UPLOAD), "image")
    world.asked_nothing()


def test_hostile_name_of_a_manifest_is_refused(world: World) -> None:
    theirs = world.scene.inbox.drop("tenants/theirs/a.jsonl", b"{}").key
    places = [
        "s3://inbox/tenants/other/../theirs/a.jsonl",
        f"s3://inbox/{theirs}",
        "s3://inbox/tenants/other/",
    ]
    places += [f"s3://inbox/tenants/other/{name}" for name in NAMES.values()]
    places += [f"s3://{name}/a.jsonl" for name in NAMES.values()]
    for place in places:
        answer = world.api.call("POST", "/v1/batches", body={"manifest": place}, key=OTHER_KEY)
        assert_refused(Refusal(answer.status, answer.text), "manifest")
    assert world.scene.batches.records == {}
    world.asked_nothing()


@pytest.mark.parametrize(
    "key", ["", "x", "ek_PLANTED-KEY\r\nX: y", "Bearer", "\u00ff", "\ud800", "k" * 10_000]
)
def test_forged_key_opens_no_door(key: str, world: World) -> None:
    for path in PATHS:
        assert world.api.call("POST", path, body=DRAW, key=key).status == 401
    assert world.mcp.send("{}", key=key).status == 401
    world.asked_nothing()


# ── Lines ─────────────────────────────────────────────────────────────────────────────────────────────

LINES = '\r\nSet-Cookie: a=b\r\n\r\n{"level":"ERROR"}\n\x1b[2J\u2028'


def test_line_ends_of_a_caller_make_no_header_and_no_line_of_a_log(world: World) -> None:
    fields = {**DRAW, "prompt": LINES, "metadata": {"note": LINES}, "route": "mulerouter/qwen-image-max"}
    answers = [world.api.call("POST", "/v1/generations", body=fields)]
    answers += [
        world.api.call("POST", "/v1/generations", body={**fields, LINES: LINES}),
        world.api.call("GET", f"/v1/generations/{LINES}"),
        world.api.call("GET", "/v1/generations", query={LINES: LINES}),
        world.api.call(
            "POST", "/v1/generations", body=fields, idempotency_key=LINES, prefer=f"wait=1{LINES}"
        ),
        world.api.call("POST", MULEROUTER, body={LINES: LINES}, host=LINES, x_forwarded_proto=LINES),
    ]
    for answer in answers:
        assert not any(set("\r\n\u2028") & set(value) for value in answer.headers.values())
        assert "set-cookie" not in answer.headers
    assert all(json.loads(line)["level"] == "INFO" for line in world.logged().split("\n") if line)
