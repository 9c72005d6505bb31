"""Input images by upload and by link: checked before a generation is made, kept as they were checked."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from easel.domain.generation import Generation
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.domain.uploads import UploadRequest, upload_key
from easel.errors import AddressRefusedError, AnswerLostError, FieldProblem, InvalidRequestError, NotSentError
from easel.steps.inputs import NOT_OURS
from easel.steps.uploads import UPLOAD_SECONDS, Uploader
from tests.fakes.batch_run import end, prepared, row
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.steps.vendor_words import mule_submitted

EDIT: dict[str, Any] = {"model": "qwen-image-edit-max", "prompt": "make it night"}
MULEROUTER = "mulerouter/qwen-image-edit-max"
ME, OTHER = Caller(tenant=TENANT), Caller(tenant="other")
LINK = "https://example.com/a.png?token=PLANTED"
PICTURE = picture("png", 400, 400)


def uploaded(scene: Scene, data: bytes = PICTURE, caller: Caller = ME) -> str:
    """The name of an upload that holds this."""
    uploader = Uploader(scene.uploads, scene.clock)
    upload = uploader.offer(caller, UploadRequest(content_type="image/png", bytes=1000))
    scene.uploads.put(upload.form.fields, data)
    return f"upload:{upload.id}"


def edit(scene: Scene, *images: str, caller: Caller = ME, route: str = MULEROUTER) -> Generation:
    """A generation of an edit of these images."""
    return scene.creator.create(caller, GenerationRequest(**EDIT, route=route, images=images))


def refused(scene: Scene, *images: str, caller: Caller = ME) -> list[FieldProblem]:
    """The problems for which an edit is refused, after nothing was written."""
    with pytest.raises(InvalidRequestError) as caught:
        edit(scene, *images, caller=caller)
    assert scene.store.records == {}
    assert scene.images.objects == {}
    return list(caught.value.problems)


def test_form_is_for_a_fresh_key_of_the_tenant_and_for_what_was_announced() -> None:
    scene = Scene()
    uploader = Uploader(scene.uploads, scene.clock)
    wanted = UploadRequest(content_type="image/webp", bytes=12345)
    first, second = (uploader.offer(OTHER, wanted) for _ in range(2))
    assert first.id != second.id
    assert (first.expires_at - scene.clock.now()).total_seconds() == 15 * 60
    key = upload_key("other", first.id)
    assert scene.uploads.asked[0] == (key, "image/webp", 12345, UPLOAD_SECONDS)
    assert "signature" not in repr(first)


def test_upload_is_copied_to_the_generation_so_that_the_checked_bytes_are_sent() -> None:
    scene = Scene(mule_submitted())
    name = uploaded(scene)
    made = edit(scene, name)
    key = f"inputs/{made.id}/0"
    assert made.request.images == (f"s3://images/{key}",)
    assert scene.images.objects == {key: PICTURE}
    assert scene.images.types == {key: "image/png"}
    (held,) = scene.uploads.objects
    scene.uploads.objects[held] = b"something else by now"
    scene.submitter.submit(made.id)
    sent = scene.script.asked[0][3]["images"]
    assert list(sent) == ["data:image/png;base64," + base64.b64encode(PICTURE).decode()]


def test_one_upload_serves_several_requests() -> None:
    scene = Scene()
    name = uploaded(scene)
    made = [edit(scene, name, name), edit(scene, name)]
    assert set(scene.images.objects.values()) == {PICTURE}
    assert [len(one.request.images) for one in made] == [2, 1]


def test_another_tenants_upload_is_refused_in_the_same_words_as_none() -> None:
    scene = Scene()
    name = uploaded(scene)
    unknown = "upload:upl_01JD4ZTHR7A1B2C3D4E5F6G7H8"
    stolen, missing = (refused(scene, LINK, one, caller=OTHER) for one in (name, unknown))
    assert stolen == missing
    assert [problem.field for problem in stolen] == ["images.1"]
    assert edit(scene, name).tenant == TENANT


def test_upload_that_was_never_filled_is_refused() -> None:
    scene = Scene()
    name = uploaded(scene)
    scene.uploads.objects.clear()
    (problem,) = refused(scene, name)
    assert problem.field == "images.0"
    assert "upload" in problem.message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (picture("jpeg", 100, 400), "100 x 400 px"),
        (b"%PDF-1.7", "is no PNG"),
        (PICTURE[:-20], "before its end"),
        (bytes(10485761), "at most 10485760"),
    ],
    ids=["small", "no image", "cut off", "too large"],
)
def test_upload_that_is_no_input_image_is_refused_by_name(data: bytes, words: str) -> None:
    scene = Scene()
    good, bad = uploaded(scene), uploaded(scene, data)
    (problem,) = refused(scene, good, bad)
    assert problem.field == "images.1"
    assert words in problem.message


@pytest.mark.parametrize("image", ["data:image/png;base64,!!", "data:image/png;base64,\u00e9", "data:,x"])
def test_data_url_that_cannot_be_read_is_told_of_uploads(image: str) -> None:
    (problem,) = refused(Scene(), image)
    assert problem.field == "images.0"
    assert "POST /v1/uploads" in problem.message


def test_link_to_a_good_image_is_looked_at_and_stays_a_link() -> None:
    scene = Scene()
    scene.links.serve(LINK, PICTURE)
    assert edit(scene, LINK).request.images == (LINK,)
    ((asked, most, seconds),) = scene.links.asked
    assert (asked, most, seconds) == (LINK, 65536, 3.0)


@pytest.mark.parametrize(
    "fault",
    [
        lambda links: links.serve(LINK, picture("gif", 383, 400)),
        lambda links: links.serve(LINK, b"<html>please log in</html>"),
        lambda links: links.serve(LINK, b""),
        lambda links: links.serve(LINK, PICTURE, content_length="10485761"),
        lambda links: links.answers.update({LINK: AddressRefusedError("the host is not a public one")}),
        lambda links: links.serve(LINK, b"", 302, location="https://169.254.169.254/latest/meta-data/"),
        lambda links: links.serve(LINK, b"", 307, location="//metadata.google.internal/"),
        lambda links: links.serve(LINK, b"", 301, location="http://example.com/a.png"),
        lambda links: links.serve(LINK, b"", 302, location="//["),
        lambda links: links.serve(LINK, b"", 302, location="https://\u2100.com/"),
    ],
    ids=[
        "small",
        "a page",
        "empty",
        "too large",
        "private",
        "to metadata",
        "to a local name",
        "without TLS",
        "to no URL",
        "to a name that is none",
    ],
)
def test_link_that_is_certainly_wrong_is_refused_by_name_and_without_its_words(
    fault: Callable[[Any], None],
) -> None:
    scene = Scene()
    good = "https://example.com/good.png"
    scene.links.serve(good, PICTURE)
    fault(scene.links)
    (problem,) = refused(scene, good, LINK)
    assert problem.field == "images.1"
    assert "PLANTED" not in problem.message


def test_every_wrong_link_is_named() -> None:
    scene = Scene()
    links = [f"https://example.com/{number}" for number in range(3)]
    for link in (links[0], links[2]):
        scene.links.serve(link, b"GIF89 no more")
    assert [problem.field for problem in refused(scene, *links)] == ["images.0", "images.2"]


@pytest.mark.parametrize(
    "fault",
    [
        lambda links: links.answers.clear(),
        lambda links: links.answers.update({LINK: NotSentError("no connection")}),
        lambda links: links.answers.update({LINK: AnswerLostError("too late")}),
        *(lambda links, status=status: links.serve(LINK, b"no", status) for status in (301, 403, 404, 503)),
        lambda links: links.serve(LINK, b"", 302, location="/elsewhere.png"),
        lambda links: links.serve(LINK, b"", 308, location="https://cdn.example/a.png"),
        lambda links: links.serve(LINK, b"\x1f\x8b\x08", content_encoding="gzip"),
        lambda links: links.serve(LINK, PICTURE[:100], content_length="9" * 5000),
        lambda links: links.serve(LINK, PICTURE[:100], content_length="chunked?"),
    ],
)  # fmt: skip
def test_link_that_cannot_be_looked_at_from_here_is_left_to_the_vendor(fault: Callable[[Any], None]) -> None:
    scene = Scene()
    fault(scene.links)
    assert edit(scene, LINK).request.images == (LINK,)


def test_links_of_a_request_are_looked_at_for_five_seconds_together() -> None:
    scene = Scene()
    fetch = scene.links.head_bytes

    def slow(url: str, most_bytes: int, timeout_seconds: float) -> Any:
        fetch_in = min(timeout_seconds, 2.5)
        scene.clock.sleep(fetch_in)
        return fetch(url, most_bytes, timeout_seconds)

    scene.links.head_bytes = slow  # type: ignore[method-assign]
    links = [f"https://example.com/{number}" for number in range(3)]
    for link in links:
        scene.links.serve(link, b"no image")
    assert [problem.field for problem in refused(scene, *links)] == ["images.0", "images.1"]
    assert [seconds for _, _, seconds in scene.links.asked] == [3.0, 2.5]


def test_links_are_not_looked_at_where_an_earlier_request_is_given_back() -> None:
    scene = Scene()
    request = GenerationRequest(**EDIT, images=(LINK,))
    first = scene.creator.create(ME, request, "key")
    assert scene.creator.create(ME, request, "key").id == first.id
    assert len(scene.links.asked) == 1


def test_rows_of_a_batch_are_looked_at_when_they_are_started_not_when_they_are_read() -> None:
    scene = Scene()
    good, bad = "https://example.com/good.png", "https://example.com/bad.png"
    scene.links.serve(good, PICTURE)
    scene.links.serve(bad, b"no image")
    edits = [
        row(number, **EDIT, route=MULEROUTER, images=[image])
        for number, image in enumerate((good, bad, uploaded(scene), uploaded(scene, caller=OTHER)), start=1)
    ]
    batch = prepared(scene, *edits)
    assert scene.links.asked == []
    scene.feeder.feed(batch.id, 1)
    assert sorted(one.request.images[0].partition(":")[0] for one in scene.store.records.values()) == [
        "https",
        "s3",
    ]
    assert {asked for asked, _, _ in scene.links.asked} == {good, bad}


def finished(scene: Scene, caller: Caller = ME) -> Generation:
    """A generation with one kept image and one input image."""
    ended = end(scene, edit(scene, uploaded(scene, caller=caller), caller=caller))
    scene.images.objects[ended.images[0].key] = PICTURE
    return ended


def test_kept_image_and_input_image_of_an_own_generation_can_be_edited_again() -> None:
    scene = Scene()
    first = finished(scene)
    kept, before = scene.images.uri(first.images[0].key), first.request.images[0]
    again = edit(scene, kept, before)
    assert again.request.images == tuple(f"s3://images/inputs/{again.id}/{number}" for number in (0, 1))
    assert scene.images.objects[f"inputs/{again.id}/0"] == PICTURE


@pytest.mark.parametrize("which", ["another tenant's", "beside it", "no generation's", "gone"])
def test_kept_image_that_is_not_ones_own_is_refused_alike_whatever_it_is(which: str) -> None:
    scene = Scene()
    first = finished(scene, OTHER if which == "another tenant's" else ME)
    key = first.images[0].key
    if which == "gone":
        del scene.images.objects[key]
    name = {"beside it": f"{first.folder}/7.png", "no generation's": "incoming/secret.png"}.get(which, key)
    if name != key:
        scene.images.objects[name] = PICTURE
    with pytest.raises(InvalidRequestError) as caught:
        edit(scene, scene.images.uri(name))
    (problem,) = caught.value.problems
    assert (problem.field, problem.message) == ("images.0", NOT_OURS)


def test_kept_image_that_is_too_large_for_an_input_is_refused_before_it_is_read() -> None:
    scene = Scene()
    first = finished(scene)
    large = first.images[0].model_copy(update={"bytes": 10 * 1024 * 1024 + 1})
    scene.store.records[first.id] = first.model_copy(update={"images": (large,)})
    scene.images.objects.clear()
    with pytest.raises(InvalidRequestError) as caught:
        edit(scene, scene.images.uri(large.key))
    assert "10485761 bytes" in caught.value.problems[0].message
