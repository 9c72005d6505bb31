"""The sandbox as AI/ML API."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from local.sandbox.server import SandboxServer
from tests.unit.local.sandbox_caller import Caller, change, fetch, ledger, size_of

PATH = "/v1/images/generations"
MINIMAL: dict[str, Any] = {"model": "alibaba/qwen-image", "prompt": "A lighthouse on a basalt cliff at dawn"}
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG"


@pytest.fixture
def caller(sandbox: SandboxServer) -> Caller:
    return Caller(sandbox, "aimlapi")


def test_the_minimal_request_is_answered_with_one_jpeg_of_1024x768(caller: Caller) -> None:
    reply = caller.post(PATH, MINIMAL)
    assert reply.status == 201
    assert set(reply.json) == {"images", "timings", "seed", "has_nsfw_concepts", "prompt"}
    assert reply.json["seed"] > 2**31
    assert reply.json["has_nsfw_concepts"] == [False]
    (image,) = reply.json["images"]
    picture = fetch(image.pop("url"))
    assert image == {"width": 1024, "height": 768, "content_type": "image/jpeg"}
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert picture.body.startswith(JPEG)
    assert size_of(picture.body) == (1024, 768)


@pytest.mark.parametrize(
    "more",
    [
        {
            "output_format": "jpeg",
            "num_images": 1,
            "seed": 1,
            "enable_safety_checker": True,
            "guidance_scale": 1,
            "sync_mode": False,
            "negative_prompt": "blurry",
        },
        {
            "output_format": "png",
            "image_size": {"width": 1344, "height": 768},
            "num_images": 2,
            "seed": 7,
            "enable_safety_checker": True,
            "guidance_scale": 4,
            "negative_prompt": "blurry",
            "provider": "auto",
        },
        {"num_images": 2.0, "provider": "ALIBABA", "guidance_scale": 1.5, "seed": 2**40},
    ],
    ids=["first schema", "later schema", "odd but legal"],
)
def test_every_documented_field_is_accepted_and_recorded(caller: Caller, more: dict[str, Any]) -> None:
    reply = caller.post(PATH, MINIMAL | more)
    assert reply.status == 201, reply.body
    assert len(reply.json["images"]) == more["num_images"]
    (row,) = ledger(caller.sandbox)["tasks"]
    assert row["body"] == MINIMAL | more
    assert row["billed"] == {
        "images": more["num_images"],
        "amount": str(91000 * int(more["num_images"])),
        "unit": "credits",
    }


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ("square_hd", (1024, 1024)),
        ("square", (512, 512)),
        ("portrait_4_3", (768, 1024)),
        ("portrait_16_9", (576, 1024)),
        ("landscape_4_3", (1024, 768)),
        ("landscape_16_9", (1024, 576)),
        ({"width": 1536, "height": 512}, (1536, 512)),
    ],
    ids=str,
)
def test_sizes_are_delivered_exactly(caller: Caller, size: object, pixels: tuple[int, int]) -> None:
    reply = caller.post(PATH, MINIMAL | {"image_size": size, "output_format": "png"})
    picture = fetch(reply.json["images"][0]["url"]).body
    assert picture.startswith(PNG)
    assert size_of(picture) == pixels


def test_sync_mode_delivers_a_data_uri(caller: Caller) -> None:
    reply = caller.post(PATH, MINIMAL | {"sync_mode": True, "image_size": "square"})
    head, _, data = reply.json["images"][0]["url"].partition(",")
    picture = base64.b64decode(data)
    assert head == "data:image/jpeg;base64"
    assert size_of(picture) == (512, 512)
    assert ledger(caller.sandbox)["tasks"][0]["served"]["0"] == hashlib.sha256(picture).hexdigest()


def test_shape_v1_delivers_bare_base64_with_201(caller: Caller) -> None:
    change(caller.sandbox, aimlapi_shape="v1")
    reply = caller.post(PATH, MINIMAL | {"num_images": 2})
    assert reply.status == 201
    assert set(reply.json) == {
        "status",
        "prompt",
        "model",
        "model_owner",
        "tags",
        "num_returns",
        "args",
        "subjobs",
        "output",
    }
    choices = reply.json["output"]["choices"]
    assert len(choices) == reply.json["num_returns"] == 2
    assert base64.b64decode(choices[0]["image_base64"], validate=True).startswith(JPEG)


def test_shape_v3_delivers_links_or_base64_with_200(caller: Caller) -> None:
    change(caller.sandbox, aimlapi_shape="v3")
    reply = caller.post(PATH, MINIMAL | {"num_images": 2})
    assert reply.status == 200
    assert reply.json["meta"]["usage"]["credits_used"] == 182000
    assert 1e9 < reply.json["created"] < 1e10
    assert [item["b64_json"] for item in reply.json["data"]] == [None, None]
    assert all(fetch(item["url"]).status == 200 for item in reply.json["data"])
    inline = caller.post(PATH, MINIMAL | {"sync_mode": True}).json["data"][0]
    assert inline["url"] is None
    assert base64.b64decode(inline["b64_json"]).startswith(JPEG)


def test_one_image_is_missing_by_switch(caller: Caller) -> None:
    change(caller.sandbox, short_images=True)
    reply = caller.post(PATH, MINIMAL | {"num_images": 3})
    assert len(reply.json["images"]) == len(reply.json["has_nsfw_concepts"]) == 2


def test_a_moderated_prompt_comes_to_a_black_picture_that_is_marked(caller: Caller) -> None:
    reply = caller.post(PATH, MINIMAL | {"prompt": "forbidden-content"})
    assert reply.status == 201
    assert reply.json["has_nsfw_concepts"] == [True]
    change(caller.sandbox, aimlapi_shape="v3")
    assert caller.post(PATH, MINIMAL | {"prompt": "forbidden-content"}).json["data"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": ""},
        {"prompt": "x" * 4001},
        {"prompt": None},
        {"model": "qwen-image"},
        {"seed": 0},
        {"seed": 1.0},
        {"num_images": 0},
        {"num_images": 5},
        {"num_images": 1.5},
        {"num_images": True},
        {"output_format": "webp"},
        {"guidance_scale": 0.5},
        {"guidance_scale": 21},
        {"image_size": "huge"},
        {"image_size": {"width": 512}},
        {"image_size": {"width": 1664, "height": 928}},
        {"image_size": {"width": 520, "height": 512}},
        {"image_size": {"width": 512.0, "height": 512}},
        {"provider": "other"},
        {"sync_mode": 1},
        {"size": "1024x768"},
        {"image": "https://example.com/in.png"},
    ],
    ids=lambda change: str(change)[:40],
)
def test_what_the_contract_does_not_allow_is_400_and_not_accepted(
    caller: Caller, change: dict[str, Any]
) -> None:
    reply = caller.post(PATH, MINIMAL | change)
    assert reply.status == 400
    assert set(reply.json) == {"message", "path", "requestId", "statusCode", "timestamp"}
    assert reply.json["message"].startswith("Body validation error!")
    assert (reply.json["path"], reply.json["statusCode"]) == (PATH, 400)
    assert ledger(caller.sandbox)["tasks"] == []


@pytest.mark.parametrize("missing", ["model", "prompt"])
def test_a_missing_field_is_400(caller: Caller, missing: str) -> None:
    assert caller.post(PATH, {key: value for key, value in MINIMAL.items() if key != missing}).status == 400


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        (None, 401, "valid API key"),
        ("bad", 401, "valid API key"),
        ("no-credits", 403, "run out of credits"),
        ("rate-limited", 429, "Too Many Requests"),
    ],
)
def test_keys_choose_the_refusal(caller: Caller, key: str | None, status: int, words: str) -> None:
    reply = Caller(caller.sandbox, "aimlapi", key).post(PATH, MINIMAL)
    assert reply.status == status
    assert words in reply.json["message"]


def test_a_trailing_slash_is_tolerated_and_other_paths_are_404(caller: Caller) -> None:
    assert caller.post(PATH + "/", MINIMAL).status == 201
    assert caller.post("/v1/images/edits", MINIMAL).status == 404
    assert caller.get(PATH).status == 404
