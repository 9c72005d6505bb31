"""Every route of the catalogue on the local stack: the real template, workflow, handlers and wire formats.

Each generation sets every parameter that its route supports. The sandbox vendors' ledger says what arrived
and what was served.
"""

import base64
import hashlib
import io
from typing import Any

import pytest
import urllib3
from PIL import Image

from easel.catalogue import CATALOGUE
from easel.domain.image_bytes import verify
from local.stack import LocalStack
from tests.integration.easel_caller import EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

ROUTES = tuple(CATALOGUE.routes)
NEGATIVE = "blurry"
WEIGHTS = "https://example.com/style.safetensors"


def png_data_url() -> str:
    """A small input image."""
    picture = io.BytesIO()
    Image.new("RGB", (400, 400), (180, 40, 60)).save(picture, "PNG")
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()


INPUT = png_data_url()


def prompt_of(route: str) -> str:
    """A prompt by which the route's task is found in the ledger."""
    return f"a red fox in snow, seen by {route}"


def request_of(name: str) -> dict[str, Any]:
    """A request that sets every parameter of the route."""
    route = CATALOGUE.routes[name]
    can = route.capabilities
    body: dict[str, Any] = {
        "model": next(iter(route.models)),
        "route": name,
        "strict": True,
        "prompt": prompt_of(name),
        "negative_prompt": NEGATIVE,
        "seed": 7,
        "n": can.n_max,
        **dict.fromkeys(can.switches, False),
    }
    if can.sizes is not None:
        body["size"] = "4:3"
    if can.images[1]:
        body["images"] = [INPUT, INPUT]
    if can.lora:
        body["lora"] = {"weights": WEIGHTS, "scale": 1.5, "steps": 30, "guidance": 2.5, "go_fast": True}
    if can.output_formats:
        body["output_format"] = "png"
    if can.guidance_scale:
        body["guidance_scale"] = 4.5
    return body


def dashscope_messages(model: str, route: str, *, images: bool, size: str | None, n: int) -> dict[str, Any]:
    """A body on DashScope's synchronous path."""
    content = [{"image": INPUT}, {"image": INPUT}] if images else []
    parameters = {"negative_prompt": NEGATIVE, "size": size, "n": n, "seed": 7}
    parameters |= {"prompt_extend": False, "watermark": False}
    return {
        "model": model,
        "input": {"messages": [{"role": "user", "content": [*content, {"text": prompt_of(route)}]}]},
        "parameters": {name: value for name, value in parameters.items() if value is not None},
    }


def dashscope_task(model: str, route: str) -> dict[str, Any]:
    """A body on DashScope's asynchronous path."""
    parameters = {"size": "1472*1104", "n": 1, "seed": 7, "prompt_extend": False, "watermark": False}
    words = {"prompt": prompt_of(route), "negative_prompt": NEGATIVE}
    return {"model": model, "input": words, "parameters": parameters}


def dashscope(endpoint: str) -> dict[str, dict[str, Any]]:
    """What a region's routes must send."""

    def name(label: str) -> str:
        return f"{endpoint}/{label}"

    max_, plus, base = name("qwen-image-max"), name("qwen-image-plus"), name("qwen-image")
    edit_max, edit_plus = name("qwen-image-edit-max"), name("qwen-image-edit-plus")
    edit = name("qwen-image-edit")
    return {
        max_: dashscope_messages("qwen-image-max", max_, images=False, size="1472*1104", n=1),
        plus: dashscope_task("qwen-image-plus", plus),
        base: dashscope_task("qwen-image", base),
        edit_max: dashscope_messages("qwen-image-edit-max", edit_max, images=True, size="1280*960", n=6),
        edit_plus: dashscope_messages("qwen-image-edit-plus", edit_plus, images=True, size="1280*960", n=6),
        edit: dashscope_messages("qwen-image-edit", edit, images=True, size=None, n=1),
    }


def pixeldojo(route: str, model: str) -> dict[str, Any]:
    """What a route of PixelDojo's DashScope path must send."""
    return {
        "prompt": prompt_of(route),
        "generation_model": model,
        "aspect_ratio": "4:3",
        "negative_prompt": NEGATIVE,
        "prompt_extend": False,
        "watermark": False,
        "numberOfImages": 1,
        "seed": 7,
    }


MULEROUTER = {"negative_prompt": NEGATIVE, "seed": 7, "prompt_extend": False, "safety_filter": False}
SENT: dict[str, dict[str, Any]] = {
    "mulerouter/qwen-image-max": {
        **MULEROUTER,
        "prompt": prompt_of("mulerouter/qwen-image-max"),
        "size": "1472*1104",
    },
    "mulerouter/qwen-image-edit-max": {
        **MULEROUTER,
        "prompt": prompt_of("mulerouter/qwen-image-edit-max"),
        "size": "1280*960",
        "n": 6,
        "images": [INPUT, INPUT],
    },
    **{
        f"pixeldojo/{model}": pixeldojo(f"pixeldojo/{model}", model)
        for model in ("qwen-image-max", "qwen-image-plus", "qwen-image")
    },
    "pixeldojo/qwen-image-lora": {
        "prompt": prompt_of("pixeldojo/qwen-image-lora"),
        "aspect_ratio": "4:3",
        "negative_prompt": NEGATIVE,
        "numberOfImages": 4,
        "seed": 7,
        "lora_weights": WEIGHTS,
        "lora_scale": 1.5,
        "num_inference_steps": 30,
        "guidance": 2.5,
        "go_fast": True,
    },
    **dashscope("dashscope-intl"),
    **dashscope("dashscope-cn"),
    "aimlapi/qwen-image": {
        "model": "alibaba/qwen-image",
        "prompt": prompt_of("aimlapi/qwen-image"),
        "negative_prompt": NEGATIVE,
        "output_format": "png",
        "num_images": 4,
        "seed": 7,
        "enable_safety_checker": False,
        "guidance_scale": 4.5,
        "image_size": {"width": 1024, "height": 768},
    },
}


@pytest.fixture(scope="module")
def ended(caller: EaselCaller) -> dict[str, dict[str, Any]]:
    """One ended generation of each route, all made at once."""
    ids = {name: caller.create(request_of(name))["id"] for name in ROUTES}
    return {name: caller.ended(generation_id) for name, generation_id in ids.items()}


@pytest.fixture(scope="module")
def ledger(ended: dict[str, Any], stack: LocalStack) -> dict[str, dict[str, Any]]:
    """The vendor's own account of each route's task, by the prompt that it received."""
    tasks = {task["prompt"]: task for task in sandbox_tasks(stack.sandbox_url)}
    return {name: tasks[prompt_of(name)] for name in ended}


def test_every_route_has_an_expected_body() -> None:
    assert set(SENT) == set(ROUTES)


@pytest.mark.parametrize("name", ROUTES)
def test_a_generation_with_every_parameter_succeeds(name: str, ended: dict[str, Any]) -> None:
    generation = ended[name]
    assert generation["error"] is None
    assert generation["status"] == "succeeded"
    assert generation["route"] == name
    assert len(generation["images"]) == CATALOGUE.routes[name].capabilities.n_max
    assert generation["shortfall"] == 0
    assert generation["parameters"]["dropped"] == generation["parameters"]["truncated"] == {}


@pytest.mark.parametrize("name", ROUTES)
def test_the_vendor_receives_exactly_the_contracts_fields(name: str, ledger: dict[str, Any]) -> None:
    assert ledger[name]["body"] == SENT[name]


@pytest.mark.parametrize("name", ROUTES)
def test_kept_objects_are_byte_for_byte_what_the_vendor_served(
    name: str, ended: dict[str, Any], ledger: dict[str, Any], stack: LocalStack
) -> None:
    s3 = stack.aws.client("s3")
    served = ledger[name]["served"]
    assert len(served) == len(ended[name]["images"])
    for image, sha256 in zip(ended[name]["images"], served.values(), strict=True):
        bucket, _, key = image["s3_uri"].removeprefix("s3://").partition("/")
        kept = s3.get_object(Bucket=bucket, Key=key)
        data = kept["Body"].read()
        facts = verify(data)
        assert hashlib.sha256(data).hexdigest() == sha256 == image["sha256"]
        assert (facts.content_type, facts.width, facts.height) == (
            image["content_type"],
            image["width"],
            image["height"],
        )
        assert kept["ContentType"] == image["content_type"]
        assert image["bytes"] == len(data)


@pytest.mark.parametrize("name", ROUTES)
def test_the_signed_link_gives_the_image_without_a_key(name: str, ended: dict[str, Any]) -> None:
    image = ended[name]["images"][0]
    response = urllib3.request("GET", image["url"], timeout=10.0, retries=False)
    assert response.status == 200
    assert hashlib.sha256(response.data).hexdigest() == image["sha256"]


@pytest.mark.parametrize("name", ROUTES)
def test_the_receipt_agrees_with_the_vendors_own_bill(
    name: str, ended: dict[str, Any], ledger: dict[str, Any]
) -> None:
    receipt, billed = ended[name]["receipt"], ledger[name]["billed"]
    assert [attempt["state"] for attempt in receipt["attempts"]] == ["succeeded"]
    assert billed["images"] == len(ended[name]["images"])
    assert receipt["quoted"] == receipt["billed"]
    assert receipt["possibly_billed"] is receipt["refunded"] is None
