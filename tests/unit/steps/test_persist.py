"""Persist: keeps whole, verified images and nothing else."""

import hashlib
import io
from contextlib import suppress
from typing import Any

import pytest

from easel.domain.generation import AttemptState, Generation, Status
from easel.domain.money import Money
from easel.errors import AddressRefusedError, ImageInvalidError, ImageUnavailableError
from easel.steps import persist
from tests.fakes.memory import ScriptedTransport
from tests.fakes.pictures import FORMATS, content_type, picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.steps.to_persist import finished, nothing_is_kept
from tests.unit.steps.vendor_words import (
    INLINE,
    LINK,
    PIXELDOJO,
    aiml_inline,
    mule_completed,
    mule_submitted,
    mule_task,
    pixeldojo_job,
)

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


def with_links(links: dict[str, bytes]) -> tuple[Scene, Generation]:
    scene = Scene(mule_completed(*links), links=links)
    return scene, finished(scene)


@pytest.mark.parametrize("kind", FORMATS)
def test_image_is_kept_byte_for_byte_with_its_facts(kind: str) -> None:
    data = picture(kind)
    scene, made = with_links({LINK: data})
    assert scene.persister.persist(made.id).terminal
    (image,) = scene.now(made).images
    assert image.key == f"images/{made.id}/0.{EXTENSIONS[content_type(kind)]}"
    assert (image.width, image.height, image.bytes) == (64, 48, len(data))
    assert image.content_type == content_type(kind)
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert scene.images.objects == {image.key: data}
    assert scene.images.owners == {image.key: TENANT}


def test_type_is_told_by_the_bytes_and_not_by_the_link() -> None:
    scene, made = with_links({LINK: picture("jpeg")})
    scene.persister.persist(made.id)
    assert scene.now(made).images[0].content_type == "image/jpeg"


def test_image_and_end_are_written_as_one() -> None:
    scene, made = with_links({LINK: picture()})
    before = scene.now(made)
    after = scene.persister.persist(made.id)
    assert after == scene.now(made)
    assert (after.status, after.version, after.ended_at) == (
        Status.SUCCEEDED, before.version + 1, scene.clock.now(),
    )  # fmt: skip


def test_several_images_are_kept_in_the_vendors_order() -> None:
    links = {f"{LINK}{number}": picture("png", 10 + number, 10) for number in range(4)}
    scene, made = with_links(links)
    scene.persister.persist(made.id)
    assert [image.width for image in scene.now(made).images] == [10, 11, 12, 13]
    assert [image.key[-5:] for image in scene.now(made).images] == ["0.png", "1.png", "2.png", "3.png"]


def test_attempt_succeeds_is_billed_and_forgets_the_links() -> None:
    scene, made = with_links({LINK: picture(), LINK + "2": picture()})
    scene.persister.persist(made.id)
    attempt = scene.attempt(made)
    assert attempt.state is AttemptState.SUCCEEDED
    assert attempt.billed == Money.of("0.150", "USD"), "two images came"
    assert attempt.possibly_billed is None
    assert "PLANTED-LINK" not in scene.now(made).model_dump_json()


def test_price_that_the_vendor_told_is_billed_and_not_the_catalogues() -> None:
    link = "https://temp.pixeldojo.ai/a.png"
    done = pixeldojo_job("completed", output={"images": [link]}, creditCost=1.5)
    scene = Scene(done, links={link: picture()})
    made = scene.create(**PIXELDOJO)
    scene.submitter.submit(made.id)
    scene.persister.persist(made.id)
    assert scene.attempt(made).billed == Money.of("1.5", "credits")


def test_inline_results_are_verified_and_kept_like_links() -> None:
    pictures = [picture("jpeg"), picture("png", 5, 4)]
    scene = Scene(aiml_inline(*pictures))
    made = scene.create(**INLINE, n=2)
    scene.submitter.submit(made.id)
    assert scene.persister.persist(made.id).terminal
    images = scene.now(made).images
    assert [scene.images.objects[image.key] for image in images] == pictures
    assert [image.content_type for image in images] == ["image/jpeg", "image/png"]


def test_inline_result_that_is_no_image_is_not_kept() -> None:
    scene = Scene(aiml_inline(b"\x89PNG\r\n\x1a\n"))
    made = scene.create(**INLINE)
    scene.submitter.submit(made.id)
    with pytest.raises(ImageInvalidError):
        scene.persister.persist(made.id)
    assert not [key for key in scene.images.objects if key.startswith("images/")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><body>This link has expired</body></html>",
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        picture()[:-1],
        picture()[: len(picture()) // 2],
        bytes([picture()[0] ^ 1]) + picture()[1:],
    ],
    ids=["nothing", "html", "xml", "one byte short", "half", "corrupted"],
)
def test_body_that_is_no_whole_image_keeps_nothing_and_may_be_fetched_again(data: bytes) -> None:
    scene, made = with_links({LINK: data})
    with pytest.raises(ImageInvalidError):
        scene.persister.persist(made.id)
    assert nothing_is_kept(scene, made)
    scene.script.links[LINK] = picture()
    assert scene.persister.persist(made.id).terminal
    assert len(scene.now(made).images) == 1


def test_one_broken_image_of_several_is_fetched_again_and_the_others_are_kept() -> None:
    whole, other = picture("png"), picture("jpeg")
    scene, made = with_links({LINK: whole, LINK + "2": other[:-1]})
    with pytest.raises(ImageInvalidError):
        scene.persister.persist(made.id)
    assert scene.now(made).status is Status.PERSISTING
    assert [image.key for image in scene.now(made).images] == [f"images/{made.id}/0.png"]
    assert [ref.url for ref in scene.attempt(made).results] == [LINK + "2"]
    scene.script.links = {LINK + "2": other}
    assert scene.persister.persist(made.id).terminal
    assert [scene.images.objects[image.key] for image in scene.now(made).images] == [whole, other]
    assert scene.attempt(made).results == ()


def test_images_that_never_come_are_reported_beside_those_that_were_kept() -> None:
    scene, made = with_links({LINK: picture(), LINK + "2": b"<html>", LINK + "3": picture("jpeg")})
    for _ in range(3):
        with pytest.raises(ImageInvalidError):
            scene.persister.persist(made.id)
    state = scene.settler.settle(made.id, "ImageInvalidError")
    ended = scene.now(made)
    assert (state["status"], ended.error) == ("succeeded", None)
    assert [image.key for image in ended.images] == [f"images/{made.id}/{n}" for n in ("0.png", "2.jpg")]
    assert (ended.current_attempt.state, ended.current_attempt.results) == (AttemptState.SUCCEEDED, ())
    assert ended.current_attempt.billed is not None, "the vendor delivered, and bills it"
    assert ended.current_attempt.possibly_billed is None


def test_order_of_the_images_is_the_vendors_however_often_they_are_fetched() -> None:
    pictures = [picture(kind) for kind in ("png", "jpeg", "webp")]
    links = [LINK, LINK + "2", LINK + "3"]
    scene, made = with_links(dict(zip(links, pictures, strict=True)))
    for come in ([2], [0], [1]):
        scene.script.links = {links[number]: pictures[number] for number in come}
        with suppress(ImageUnavailableError):
            scene.persister.persist(made.id)
    assert [scene.images.objects[image.key] for image in scene.now(made).images] == pictures


def test_fault_that_may_pass_is_raised_before_one_that_will_not() -> None:
    scene, made = with_links({LINK: picture(), "https://elsewhere.example/1": picture()})
    scene.script.links = {}
    transport = scene.script

    def refuse(url: str, **bounds: Any) -> Any:
        if "elsewhere" in url:
            raise AddressRefusedError("no")
        return ScriptedTransport.download(transport, url, **bounds)

    transport.download = refuse  # type: ignore[method-assign]
    with pytest.raises(ImageUnavailableError):
        scene.persister.persist(made.id)


def test_link_that_is_gone_is_an_unavailable_image() -> None:
    scene, made = with_links({LINK: picture()})
    scene.script.links.clear()
    with pytest.raises(ImageUnavailableError):
        scene.persister.persist(made.id)
    assert nothing_is_kept(scene, made)


def test_oversized_body_is_refused_by_its_announced_length(monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture("png", 200, 200)
    monkeypatch.setattr(persist, "RESULT_BYTES_MAX", len(data) - 1)
    scene, made = with_links({LINK: data})
    with pytest.raises(ImageInvalidError, match="announces"):
        scene.persister.persist(made.id)
    assert nothing_is_kept(scene, made)


def test_oversized_body_that_announces_nothing_is_refused_while_it_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(persist, "RESULT_BYTES_MAX", 1000)
    spool = io.BytesIO()
    with pytest.raises(ImageInvalidError, match="larger than"):
        persist.spool_verified(iter([picture("png", 200, 200)]), spool)
    assert spool.getvalue() == b""


def test_run_twice_it_changes_nothing_and_fetches_nothing() -> None:
    scene, made = with_links({LINK: picture()})
    scene.persister.persist(made.id)
    recorded, kept = scene.now(made), dict(scene.images.objects)
    scene.script.links.clear()
    assert scene.persister.persist(made.id).terminal
    assert scene.now(made) == recorded
    assert scene.images.objects == kept


def test_run_that_died_before_the_record_was_written_is_made_up_for() -> None:
    scene, made = with_links({LINK: picture()})
    save = scene.store.save
    scene.store.save = dies  # type: ignore[assignment, method-assign]
    with pytest.raises(ConnectionError):
        scene.persister.persist(made.id)
    scene.store.save = save  # type: ignore[method-assign]
    assert scene.persister.persist(made.id).terminal
    assert len(scene.images.objects) == 1
    assert len(scene.now(made).images) == 1


def dies(_: Generation) -> None:
    raise ConnectionError("the process ended")


def test_nothing_is_fetched_after_the_deadline() -> None:
    scene, made = with_links({LINK: picture()})
    scene.clock.sleep(600)
    assert scene.persister.persist(made.id).status is Status.PERSISTING
    assert nothing_is_kept(scene, made)


def test_generation_that_is_not_finished_is_left_as_it_is() -> None:
    scene = Scene(mule_submitted(), mule_task("running"))
    made = scene.create()
    scene.submitter.submit(made.id)
    assert scene.persister.persist(made.id).status is Status.PROCESSING


def test_tail_behind_a_whole_image_is_kept_with_it_since_it_was_paid_for() -> None:
    data = picture() + b"\r\n"
    scene, made = with_links({LINK: data})
    assert scene.persister.persist(made.id).terminal
    assert list(scene.images.objects.values()) == [data]
    (image,) = scene.now(made).images
    assert (image.bytes, image.sha256) == (len(data), hashlib.sha256(data).hexdigest())
