"""DashScope: the requests that it is sent, held against its documents' samples."""

import pytest

from easel.domain.ask import Ask
from easel.domain.sizes import Geometry, Size
from easel.vendors.base import VendorTask
from easel.vendors.dashscope import DashScope
from tests.contract.wire_samples import Sample, requests_of

LIGHTHOUSE = "A lighthouse on a basalt cliff at dawn"
SYNC_PATH = "/api/v1/services/aigc/multimodal-generation/generation"
ASYNC_PATH = "/api/v1/services/aigc/text2image/image-synthesis"
WIDE = Geometry("16:9", Size(1664, 928))

ASKS: dict[str, Ask | VendorTask] = {
    "ds.max.submit.min": Ask("qwen-image-max", LIGHTHOUSE),
    "ds.max.submit.full": Ask(
        "qwen-image-max",
        LIGHTHOUSE,
        negative_prompt="blurry, low quality",
        geometry=WIDE,
        n=1,
        seed=123456,
        prompt_extend=True,
        watermark=False,
    ),
    "ds.plus.submit.min": Ask("qwen-image-plus", LIGHTHOUSE),
    "ds.plus.submit.full": Ask(
        "qwen-image-plus",
        LIGHTHOUSE,
        negative_prompt="blurry",
        geometry=WIDE,
        n=1,
        seed=123456,
        prompt_extend=True,
        watermark=False,
    ),
    "ds.plus.submit.sample": Ask(
        "qwen-image-plus",
        LIGHTHOUSE,
        negative_prompt="",
        geometry=WIDE,
        n=1,
        prompt_extend=True,
        watermark=False,
    ),
    "ds.plus.poll": VendorTask("qwen-image-plus", "0385dc79-5ff8-4d82-bcb6-2b7b0f6f1a01"),
    "ds.edit.submit.min": Ask(
        "qwen-image-edit-max", "Make the sky stormy", images=("https://example.com/in.png",)
    ),
    "ds.edit.submit.full": Ask(
        "qwen-image-edit-max",
        "Put the hat of image 2 on the person in image 1",
        negative_prompt=" ",
        geometry=Geometry("3:2", Size(1536, 1024)),
        n=2,
        seed=0,
        prompt_extend=True,
        watermark=False,
        images=("https://example.com/a.png", "data:image/png;base64,iVBORw0KGgo="),
    ),
}

# Where a sample sends what Easel does not: sample -> (row, the keys of `parameters` that Easel leaves out).
LEFT_OUT: dict[str, tuple[str, set[str]]] = {
    "ds.plus.submit.sample": ("DS-3", {"negative_prompt"}),  # "", under `parameters`
    "ds.edit.submit.full": ("MR-9", {"negative_prompt"}),  # " "; empties are sent to no vendor
}


@pytest.mark.parametrize("sample", requests_of("dashscope"), ids=lambda sample: sample.id)
def test_request_is_built_as_the_sample_shows(sample: Sample) -> None:
    asked = ASKS[sample.id]
    adapter = DashScope()
    request = adapter.build_submit(asked) if isinstance(asked, Ask) else adapter.build_poll(asked)
    _, left_out = LEFT_OUT.get(sample.id, ("", set()))
    body = dict(sample.request.get("body", {}))
    if left_out:
        body["parameters"] = {key: body["parameters"][key] for key in body["parameters"].keys() - left_out}
    assert (request.method, request.path) == (sample.request["method"], sample.request["path"])
    assert {**request.headers, **adapter.authorize("<key>")} == sample.request["headers"]
    assert (request.body or {}) == body


@pytest.mark.parametrize(
    ("model", "is_async"),
    [
        ("qwen-image-max", False),
        ("qwen-image-max-2025-12-30", False),
        ("qwen-image-plus", True),
        ("qwen-image", True),
        ("qwen-image-plus-2026-01-09", False),
        ("qwen-image-edit-max", False),
        ("qwen-image-edit-max-2026-01-16", False),
        ("qwen-image-edit-plus", False),
        ("qwen-image-edit-plus-2025-10-30", False),
        ("qwen-image-edit-plus-2025-12-15", False),
        ("qwen-image-edit", False),
    ],
)
def test_path_and_header_suit_the_model(model: str, is_async: bool) -> None:
    request = DashScope().build_submit(Ask(model, "x"))
    assert request.path == (ASYNC_PATH if is_async else SYNC_PATH)
    assert request.headers.get("X-DashScope-Async") == ("enable" if is_async else None)
