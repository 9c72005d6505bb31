"""The pictures that the sandbox draws."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from local.sandbox.drawing import Picture, draw
from tests.unit.local.sandbox_caller import size_of

PICTURE = Picture("A lighthouse on a basalt cliff at dawn", "mulerouter/qwen-image-max", 7, 1024, 576)


def open_rgb(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def test_equal_facts_give_equal_bytes() -> None:
    assert draw(PICTURE) == draw(replace(PICTURE))


@pytest.mark.parametrize(
    "other",
    [
        replace(PICTURE, seed=8),
        replace(PICTURE, prompt="A lighthouse"),
        replace(PICTURE, index=1, count=2),
        replace(PICTURE, route="pixeldojo/qwen-image-max"),
    ],
    ids=["seed", "prompt", "index", "route"],
)
def test_another_fact_changes_most_of_the_picture(other: Picture) -> None:
    difference = ImageChops.difference(open_rgb(draw(PICTURE)), open_rgb(draw(other))).convert("L")
    changed = sum(difference.histogram()[16:])
    assert changed > 0.5 * PICTURE.width * PICTURE.height


@pytest.mark.parametrize("size", [(362, 2896), (2896, 362), (512, 512), (2048, 2048)], ids=str)
@pytest.mark.parametrize("prompt", ["x", "words " * 700, "w" * 5000], ids=["short", "long", "without spaces"])
def test_any_legal_size_holds_any_prompt(size: tuple[int, int], prompt: str) -> None:
    assert size_of(draw(replace(PICTURE, prompt=prompt, width=size[0], height=size[1]))) == size


@pytest.mark.parametrize("size", [(362, 2896), (2896, 362), (512, 512), (2048, 512)], ids=str)
def test_any_edit_size_holds_three_inputs_and_a_long_prompt(size: tuple[int, int]) -> None:
    inputs = (draw(replace(PICTURE, width=640, height=80)), *[draw(PICTURE)] * 2)
    edit = replace(PICTURE, prompt="words " * 133, width=size[0], height=size[1], inputs=inputs)
    assert size_of(draw(edit)) == size
    assert draw(edit) != draw(replace(edit, inputs=inputs[1:]))


@pytest.mark.parametrize("prompt", ["海边的灯塔", "\ud83d lone \x00 \u2028 halves", "מגדלור 🏮", " ", "\n\t"])
def test_signs_that_the_font_lacks_break_nothing(prompt: str) -> None:
    assert size_of(draw(replace(PICTURE, prompt=prompt))) == (1024, 576)


def test_a_censored_picture_is_black() -> None:
    assert open_rgb(draw(replace(PICTURE, censored=True))).getextrema() == ((0, 0),) * 3


def test_drawing_is_quick_enough_to_be_done_at_each_fetch() -> None:
    full = replace(PICTURE, width=1664, height=928)
    draw(full)
    began = time.perf_counter()
    for seed in range(5):
        draw(replace(full, seed=seed))
    assert (
        time.perf_counter() - began
    ) / 5 < 0.6  # 0.06 s on one idle core; ten times that on a busy machine
