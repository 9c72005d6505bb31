"""Intake: files and events become batches and generations, once each; what is refused is kept and told."""

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Batch, Bounds, Source
from easel.domain.generation import Generation
from easel.domain.tenants import Limits, Tenant
from easel.errors import AlreadyExistsError, ConflictError, LimitReachedError
from tests.fakes.batch_run import jsonl, row, rows, run
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene

EVENT = {"id": "event-1", "source": "aws.s3", "detail": {"anything": "at all"}}
REQUEST = {"model": "qwen-image-max", "prompt": "PLANTED-PROMPT", "route": "mulerouter/qwen-image-max"}
PICTURE = picture("png", 600, 600)
EDIT = {"prompt": "make it night", "route": "mulerouter/qwen-image-edit-max"}


def drop(scene: Scene, key: str, data: bytes, **metadata: str) -> str | None:
    """A file is dropped, and its event comes."""
    named = {name.replace("_", "-"): value for name, value in metadata.items()}
    return scene.intake.dropped(scene.inbox.drop(key, data, **named), EVENT)


def only_batch(scene: Scene) -> Batch:
    (batch,) = scene.batches.records.values()
    return batch


def only_generation(scene: Scene) -> Generation:
    (generation,) = scene.store.records.values()
    return generation


def refusal(scene: Scene) -> dict[str, Any]:
    """The one problem that was told on the bus and kept among the dead letters, with its event."""
    ((name, detail),) = scene.bus.events
    (letter,) = scene.letters.messages
    assert name == "Image Generation Rejected"
    assert letter["reason"] == detail["error"]
    assert scene.store.records == {}
    assert scene.batches.records == {}
    assert scene.workflow.ids == scene.batch_workflow.ids == []
    problem: dict[str, Any] = dict(detail)
    return problem


# ── Files of requests ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("requests/one.json", json.dumps(row(1)).encode()),
        ("requests/deep/er/many.jsonl", jsonl(*rows(1))),
        ("requests/table.CSV", b"custom_id,model,prompt\nrow-1,qwen-image-max,a fox\n"),
    ],
)
def test_dropped_file_is_a_batch_of_the_default_tenant(key: str, data: bytes) -> None:
    scene = Scene()
    made = drop(scene, key, data)
    batch = only_batch(scene)
    assert (made, batch.tenant, batch.trusted) == (batch.id, TENANT, True)
    assert (batch.source.bucket, batch.source.key, batch.bounds) == ("inbox", key, Bounds())
    assert scene.batch_workflow.ids == [batch.id]
    assert run(scene, batch)["rows"]["succeeded"] == 1
    assert scene.letters.messages == []


def test_files_metadata_names_tenant_and_bounds() -> None:
    scene = Scene()
    bounds = {"max_concurrency": "7", "tolerated_failures": "0", "max_cost_usd": "12.50"}
    drop(scene, "requests/a.jsonl", jsonl(*rows(1)), tenant="acme", **bounds, note="the object's own")
    batch = only_batch(scene)
    assert batch.tenant == "acme"
    expected = Bounds(max_concurrency=7, tolerated_failures=0, max_cost_usd=Decimal("12.50"))
    assert batch.bounds == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_concurrency", "0"),
        ("max_concurrency", "many"),
        ("max_concurrency", "1.5"),
        ("max_concurrency", ""),
        ("tolerated_failures", "-1"),
        ("max_cost_usd", "$5"),
        ("max_cost_usd", "1e3"),
        ("max_cost_usd", "-1"),
        ("max_cost_usd", "NaN"),
    ],
)
def test_file_with_a_wrong_bound_is_refused_by_its_name(name: str, value: str) -> None:
    scene = Scene()
    assert drop(scene, "requests/a.jsonl", jsonl(*rows(1)), **{name: value}) is None
    problem = refusal(scene)["error"]
    assert (problem["status"], [one["field"] for one in problem["errors"]]) == (422, [name])


def test_file_whose_event_comes_twice_is_one_batch() -> None:
    scene = Scene()
    source = scene.inbox.drop("requests/a.jsonl", jsonl(*rows(2)))
    made = {scene.intake.dropped(source, EVENT | {"id": f"event-{number}"}) for number in range(3)}
    assert made == {only_batch(scene).id}
    assert scene.batch_workflow.running == {(only_batch(scene).id, 0)}


def test_file_that_is_put_again_as_it_was_buys_nothing_again() -> None:
    scene = Scene()
    drop(scene, "requests/a.jsonl", jsonl(*rows(2)))
    run(scene, only_batch(scene))
    drop(scene, "requests/a.jsonl", jsonl(*rows(2)))
    assert run(scene, only_batch(scene))["status"] == "completed"
    assert len(scene.store.records) == 2


def test_events_that_come_out_of_order_each_stand_for_the_file_that_they_tell_of() -> None:
    scene = Scene()
    older = scene.inbox.drop("requests/a.jsonl", jsonl(*rows(1)))
    newer = scene.inbox.drop("requests/a.jsonl", jsonl(*rows(2)))
    made = [scene.intake.dropped(source, EVENT) for source in (newer, older)]
    ends = [run(scene, scene.batches.records[str(batch_id)])["status"] for batch_id in made]
    assert ends == ["completed", "failed"], "what was overwritten is gone"
    assert len(scene.store.records) == 2


@pytest.mark.parametrize("key", ["requests/readme.txt", "requests/a", "requests/.jsonl.swp"])
def test_file_of_no_known_form_is_refused(key: str) -> None:
    scene = Scene()
    assert drop(scene, key, b"x") is None
    assert [one["field"] for one in refusal(scene)["error"]["errors"]] == ["manifest"]


@pytest.mark.parametrize("key", ["requests/", "requests/2026/", "edits/"])
def test_folder_that_a_console_made_is_nothing(key: str) -> None:
    scene = Scene()
    assert drop(scene, key, b"") is None
    assert not scene.bus.events
    assert not scene.letters.messages


@pytest.mark.parametrize("key", ["requests/a.jsonl", "edits/a.png"])
def test_file_that_was_removed_before_its_event_came_is_refused(key: str) -> None:
    scene = Scene()
    assert scene.intake.dropped(Source(bucket="inbox", key=key, etag="e"), EVENT) is None
    assert refusal(scene)["event_id"] == "event-1"


def test_rows_of_a_dropped_file_may_name_tenants_and_images_of_the_inbox() -> None:
    scene = Scene()
    scene.inbox.drop("pictures/a.png", PICTURE)
    line = row(1, model="qwen-image-edit-max", route="mulerouter/qwen-image-edit-max", tenant="acme")
    drop(scene, "requests/a.jsonl", jsonl(line | {"images": ["s3://inbox/pictures/a.png"]}))
    run(scene, only_batch(scene))
    made = only_generation(scene)
    assert made.tenant == "acme"
    assert scene.images.read(f"inputs/{made.id}/0") == PICTURE


# ── Edits ─────────────────────────────────────────────────────────────────────────────────────────────


def test_picture_dropped_under_edits_is_an_edit_by_the_words_in_its_metadata() -> None:
    scene = Scene()
    more = {"negative_prompt": "blurry", "seed": "7", "prompt_extend": "False", "size": "16:9", "n": "2"}
    made = drop(scene, "edits/terrace.png", PICTURE, **EDIT, **more, note="the object's own")
    generation = only_generation(scene)
    request = generation.request
    assert made == generation.id
    assert (request.model, request.prompt, request.negative_prompt) == (
        "qwen-image-edit-max",
        "make it night",
        "blurry",
    )
    assert (request.seed, request.prompt_extend, request.size, request.n) == (7, False, "16:9", 2)
    assert request.images == (f"s3://images/inputs/{made}/0",)
    assert scene.images.read(f"inputs/{made}/0") == PICTURE
    assert scene.workflow.ids == [made]


def test_prompt_that_looks_like_a_number_stays_text_and_a_fraction_is_a_number() -> None:
    scene = Scene()
    drop(scene, "edits/a.png", PICTURE, prompt="1984", guidance_scale="2.5")
    assert only_generation(scene).request.prompt == "1984"
    assert only_generation(scene).request.guidance_scale == 2.5


def test_words_that_are_not_ascii_are_read_as_s3_gives_them() -> None:
    scene = Scene()
    encoded = base64.b64encode("\u591c\u666f \u00e9".encode()).decode()
    drop(scene, "edits/a.png", PICTURE, prompt=f"=?UTF-8?B?{encoded}?=")
    assert only_generation(scene).request.prompt == "\u591c\u666f \u00e9"


def test_edit_belongs_to_the_tenant_it_names_and_gives_its_correlation_id_back() -> None:
    scene = Scene()
    drop(scene, "edits/a.png", PICTURE, **EDIT, tenant="acme", correlation_id="order-7")
    generation = only_generation(scene)
    assert (generation.tenant, generation.origin.correlation_id) == ("acme", "order-7")
    scene.settler.settle(generation.id)
    ((_, detail),) = scene.bus.events
    assert detail["correlation_id"] == "order-7"


@pytest.mark.parametrize(
    ("data", "metadata", "field"),
    [
        (PICTURE, {}, "prompt"),
        (PICTURE, {"prompt": " "}, "prompt"),
        (PICTURE, {"prompt": "=?UTF-8?B?!?="}, "prompt"),
        (PICTURE, {"prompt": "=?no-such-charset?B?YQ==?="}, "prompt"),
        (PICTURE, {**EDIT, "seed": "--5"}, "seed"),
        (PICTURE, {**EDIT, "seed": "\u0667"}, "seed"),
        (PICTURE, {**EDIT, "size": "huge"}, "size"),
        (PICTURE, {**EDIT, "model": "qwen-image-max"}, "route"),
        (PICTURE, {**EDIT, "tenant": "x" * 65}, "tenant"),
        (PICTURE, {**EDIT, "correlation_id": ""}, "correlation_id"),
        (b"no picture", EDIT, "images.0"),
        (PICTURE[:-9], EDIT, "images.0"),
        (PICTURE + b"\0" * (10 * 1024 * 1024), EDIT, "images.0"),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, bytes) else len(value),
)
def test_wrong_edit_is_refused_by_its_field(data: bytes, metadata: dict[str, str], field: str) -> None:
    scene = Scene()
    assert drop(scene, "edits/a.png", data, **metadata) is None
    assert refusal(scene)["error"]["errors"][0]["field"] == field


def test_edit_whose_event_comes_twice_is_bought_once() -> None:
    scene = Scene()
    source = scene.inbox.drop("edits/a.png", PICTURE, **EDIT)
    made = {scene.intake.dropped(source, EVENT) for _ in range(3)}
    assert made == {only_generation(scene).id}


@pytest.mark.parametrize("length", [6, 1000])
def test_another_picture_under_the_same_key_is_another_edit(length: int) -> None:
    scene = Scene()
    key = "edits/".ljust(length, "x") + ".png"
    first = drop(scene, key, PICTURE, **EDIT)
    second = drop(scene, key, picture("png", 640, 480), **EDIT)
    assert first != second
    assert len(scene.store.records) == 2
    assert scene.letters.messages == []


def test_pictures_whose_long_keys_differ_at_the_end_alone_are_two_edits() -> None:
    scene = Scene()
    made = {drop(scene, "edits/".ljust(1010, "x") + end, PICTURE, **EDIT) for end in ("a.png", "b.png")}
    assert made == set(scene.store.records)
    assert scene.letters.messages == []


def test_picture_that_was_replaced_before_its_event_came_is_edited_once_as_what_it_is_now() -> None:
    scene = Scene()
    older = scene.inbox.drop("edits/a.png", picture("png", 640, 480), **EDIT)
    newer = scene.inbox.drop("edits/a.png", PICTURE, **EDIT)
    assert scene.intake.dropped(older, EVENT) is None
    assert refusal(scene)["error"]["errors"][0]["field"] == "images"
    made = scene.intake.dropped(newer, EVENT)
    assert scene.images.read(f"inputs/{made}/0") == PICTURE


# ── Events ────────────────────────────────────────────────────────────────────────────────────────────


def test_request_on_the_bus_is_a_generation_and_its_answer_gives_the_correlation_id_back() -> None:
    scene = Scene()
    made = scene.intake.requested(REQUEST | {"correlation_id": "order-7"}, "event-1", EVENT)
    generation = only_generation(scene)
    assert (made, generation.tenant) == (generation.id, TENANT)
    assert scene.workflow.ids == [made]
    scene.settler.settle(generation.id)
    ((name, detail),) = scene.bus.events
    assert name == "Image Generation Failed"
    assert (detail["id"], detail["correlation_id"]) == (made, "order-7")


def test_request_may_name_its_tenant() -> None:
    scene = Scene()
    scene.intake.requested(REQUEST | {"tenant": "acme"}, "event-1", EVENT)
    assert only_generation(scene).tenant == "acme"


def test_event_that_comes_twice_is_bought_once_and_another_event_is_another_request() -> None:
    scene = Scene()
    made = [scene.intake.requested(REQUEST, one, EVENT) for one in ("event-1", "event-1", "event-2")]
    assert made[0] == made[1] != made[2]
    assert len(scene.store.records) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"model": "nothing"}, "model"),
        ({"promt": "p"}, "promt"),
        ({"tenant": 7}, "tenant"),
        ({"tenant": ""}, "tenant"),
        ({"correlation_id": "x" * 257}, "correlation_id"),
        ({"images": ["s3://somebodys-bucket/a.png"]}, "images.0"),
    ],
)
def test_wrong_request_is_refused_kept_whole_and_told_without_its_prompt(
    change: dict[str, Any], field: str
) -> None:
    scene = Scene()
    event = EVENT | {"detail": REQUEST | change}
    if "images" in change:
        change = change | {"model": "qwen-image-edit-max", "route": None}
    assert scene.intake.requested(REQUEST | change, "event-1", event) is None
    told = refusal(scene)
    assert [one["field"] for one in told["error"]["errors"]] == [field]
    assert told["event_id"] == "event-1"
    assert scene.letters.messages[0]["event"] == event, "nothing that came in is lost"
    assert "PLANTED" not in json.dumps(told)


@pytest.mark.parametrize("correlation", ["order-7", None, 7, ["x"]])
def test_refusal_gives_the_correlation_id_back_where_there_is_one(correlation: Any) -> None:
    scene = Scene()
    scene.intake.requested({"correlation_id": correlation}, "event-1", EVENT)
    assert refusal(scene)["correlation_id"] == (correlation if isinstance(correlation, str) else None)


Take = Callable[[Scene], object]
WAYS: dict[str, Take] = {
    "event": lambda scene: scene.intake.requested(REQUEST, "event-1", EVENT),
    "edit": lambda scene: drop(scene, "edits/a.png", PICTURE, **EDIT),
}


@pytest.mark.parametrize("take", WAYS.values(), ids=WAYS)
def test_event_that_another_process_is_taking_now_is_not_refused_but_comes_again(take: Take) -> None:
    scene = Scene()

    def changing_hands(*_: Any) -> None:
        raise AlreadyExistsError("taken")

    create = scene.store.create
    scene.store.create = changing_hands  # type: ignore[assignment, method-assign]
    with pytest.raises(ConflictError):
        take(scene)
    assert not scene.bus.events
    assert not scene.letters.messages
    scene.store.create = create  # type: ignore[method-assign]
    assert take(scene) == only_generation(scene).id


def test_event_that_comes_while_as_many_are_at_work_as_may_be_comes_again() -> None:
    scene = Scene()
    scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(concurrency=1))
    first = scene.create()
    with pytest.raises(LimitReachedError):
        WAYS["event"](scene)
    assert not scene.bus.events
    assert not scene.letters.messages
    scene.canceler.cancel(TENANT, first.id)
    assert WAYS["event"](scene) in scene.store.records
