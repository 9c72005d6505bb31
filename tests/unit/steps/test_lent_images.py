"""How input images of ours reach a vendor: inside the request, or as a link that works for minutes."""

import zlib

import pytest

from easel.steps.submit import ANSWER_SECONDS_MAX
from easel.steps.vendor_calls import LENT_SECONDS
from tests.fakes.scene import Scene, said
from tests.unit.steps.test_inputs import LINK, PICTURE, edit, uploaded
from tests.unit.steps.vendor_words import dashscope_finished, mule_submitted

DASHSCOPE = "dashscope-intl/qwen-image-edit-max"
# `data:image/png;base64,` and four characters for three bytes are 10485760 characters at most.
INLINE_BYTES_MAX = (10485760 - 22) // 4 * 3


def padded(length: int) -> bytes:
    """A good image of this many bytes, a chunk of filling before its last one, IEND, of 12 bytes."""
    filling = b"fiLl" + bytes(length - len(PICTURE) - 12)
    chunk = (len(filling) - 4).to_bytes(4, "big") + filling + zlib.crc32(filling).to_bytes(4, "big")
    return PICTURE[:-12] + chunk + PICTURE[-12:]


def sent(scene: Scene, route: str, *images: str) -> list[str]:
    """An edit's images as its vendor got them."""
    made = edit(scene, *images, route=route)
    scene.submitter.submit(made.id)
    body = scene.script.asked[0][3]
    if route == DASHSCOPE:
        return [part["image"] for part in body["input"]["messages"][0]["content"] if "image" in part]
    return list(body["images"])


def test_image_that_fits_goes_to_dashscope_inside_the_request() -> None:
    scene = Scene(dashscope_finished())
    (image,) = sent(scene, DASHSCOPE, uploaded(scene, padded(INLINE_BYTES_MAX)))
    assert image.startswith("data:image/png;base64,")
    assert len(image) <= 10485760


def test_image_that_does_not_fit_goes_to_dashscope_as_a_link_for_minutes() -> None:
    scene = Scene(dashscope_finished())
    large, small = uploaded(scene, padded(INLINE_BYTES_MAX + 1)), uploaded(scene)
    first, second, third = sent(scene, DASHSCOPE, small, large, LINK)
    (made,) = scene.store.records
    assert second == scene.images.signed_url(f"inputs/{made}/1", LENT_SECONDS)
    assert first.startswith("data:image/png;base64,")
    assert third == LINK
    assert ANSWER_SECONDS_MAX < LENT_SECONDS <= 900


def test_vendor_without_a_stated_limit_gets_every_image_inside_the_request() -> None:
    scene = Scene(mule_submitted())
    (image,) = sent(scene, "mulerouter/qwen-image-edit-max", uploaded(scene, padded(10485760)))
    assert image.startswith("data:image/png;base64,")


@pytest.mark.parametrize("words", ["download failed: {}", "InvalidURL <{}>", '{{"url":"{}"}}'])
def test_link_stands_in_no_record_even_where_the_vendor_quotes_it(words: str) -> None:
    link = "https://images.example/inputs/g/0?X-Amz-Signature=PLANTED&X-Amz-Expires=600"
    scene = Scene(said(400, {"code": "InvalidURL", "message": words.format(link), "request_id": "r-1"}))
    sent(scene, DASHSCOPE, uploaded(scene, padded(INLINE_BYTES_MAX + 1)))
    (record,) = scene.store.records.values()
    failure = record.current_attempt.failure
    assert failure is not None
    assert failure.message == words.format("https://images.example/inputs/g/0?...")
    assert "PLANTED" not in record.model_dump_json()
    assert "signature=test" not in record.model_dump_json()
