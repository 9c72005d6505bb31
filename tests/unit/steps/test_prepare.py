"""Prepare: a manifest of any length becomes chunks of checked rows, the same ones however often it dies."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import CHUNK_BYTES, BatchStatus
from easel.domain.limits import RouteLimits
from easel.domain.rows import ROW_BYTES_MAX
from easel.errors import NotFoundError
from easel.steps.prepare import CHUNK_ROWS_AT_ONCE
from tests.fakes.batch_run import (
    KEY,
    PRICE,
    accepted,
    chunk_lines,
    dropped,
    jsonl,
    now,
    prepare,
    prepared,
    row,
    rows,
)
from tests.fakes.scene import TENANT, Scene

EDIT = {"model": "qwen-image-edit-max", "route": "mulerouter/qwen-image-edit-max"}


def only_problem(scene: Scene, *lines: Any, **more: Any) -> dict[str, Any]:
    """What is wrong with the only row of a batch."""
    batch = prepared(scene, *lines, **more)
    assert (batch.rows, batch.refused) == (1, 1)
    ((refused,),) = chunk_lines(scene, batch, "refused")
    problem: dict[str, Any] = refused["problems"][0]
    return problem


# ── Chunks ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (99, [99]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_rows_are_laid_down_in_chunks_of_a_hundred(count: int, sizes: list[int]) -> None:
    scene = Scene()
    batch = prepared(scene, *rows(count))
    assert [len(chunk) for chunk in chunk_lines(scene, batch)] == sizes
    assert (batch.chunks, batch.rows, batch.refused) == (len(sizes), count, 0)
    assert [line["row"] for line in accepted(scene, batch)] == list(range(1, count + 1))


def test_prepared_batch_runs_and_nothing_is_bought_yet() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(250))
    state = prepare(scene, batch)
    assert state["next"] == "run"
    assert (now(scene, batch).status, now(scene, batch).prepared) == (BatchStatus.RUNNING, True)
    assert scene.store.records == {}
    assert scene.script.asked == []


def test_long_rows_make_chunks_of_bounded_bytes() -> None:
    scene = Scene()
    image = "data:image/png;base64," + "A" * 200_000
    batch = prepared(scene, *[row(number, **EDIT, images=[image]) for number in range(1, 21)])
    assert batch.refused == 0
    sizes = [len(scene.files.read(key) or b"") for key in scene.files.keys(f"batches/{batch.id}/work/rows/")]
    assert len(sizes) == batch.chunks > 1
    assert max(sizes) <= CHUNK_BYTES + ROW_BYTES_MAX
    assert len(accepted(scene, batch)) == 20


def test_refused_rows_count_for_their_chunk_and_lie_beside_it() -> None:
    scene = Scene()
    batch = prepared(scene, *[row(number, prompt=None if number % 2 else "p") for number in range(1, 151)])
    assert [len(chunk) for chunk in chunk_lines(scene, batch)] == [50, 25]
    assert [len(chunk) for chunk in chunk_lines(scene, batch, "refused")] == [50, 25]
    assert (batch.rows, batch.refused, batch.chunks) == (150, 75, 2)


def test_chunk_without_a_good_row_is_there_all_the_same() -> None:
    scene = Scene()
    batch = prepared(scene, *[row(number, prompt=None) for number in range(1, 101)], row(101))
    assert [len(chunk) for chunk in chunk_lines(scene, batch)] == [0, 1]
    assert [len(chunk) for chunk in chunk_lines(scene, batch, "refused")] == [100]


def test_state_tells_where_the_chunks_lie_and_never_a_row() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(150, prompt="PLANTED-PROMPT"))
    state = prepare(scene, batch)
    assert set(state) == {"id", "next", "prefix", "max_chunks"}
    assert state["prefix"] == f"batches/{batch.id}/work/rows/"
    assert len(scene.files.keys(state["prefix"])) == 2
    assert "PLANTED" not in str(state)


def test_preparing_again_what_is_prepared_does_nothing() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(3))
    first = prepare(scene, batch)
    before, objects = now(scene, batch), dict(scene.buckets)
    assert prepare(scene, batch) == first
    assert (now(scene, batch), scene.buckets) == (before, objects)


def test_batch_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        Scene().preparer.prepare("bat_01ARYZ6S410000000000000000")


# ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────


def test_row_is_kept_as_it_came_with_its_number_id_and_tenant() -> None:
    scene = Scene()
    batch = prepared(scene, row(1, n=None, seed=7, metadata={"k": "\u4e2d"}))
    (line,) = accepted(scene, batch)
    assert (line["row"], line["custom_id"], line["tenant"]) == (1, "row-1", TENANT)
    assert line["request"] == {
        "model": "qwen-image-max", "prompt": "picture 1", "route": "mulerouter/qwen-image-max", "seed": 7,
        "metadata": {"k": "\u4e2d"}, "deadline_seconds": 3600,
    }  # fmt: skip


@pytest.mark.parametrize(("given", "deadline"), [(None, 3600), (60, 60)])
def test_row_has_an_hour_unless_it_says_otherwise(given: int | None, deadline: int) -> None:
    scene = Scene()
    batch = prepared(scene, row(1, deadline_seconds=given))
    assert accepted(scene, batch)[0]["request"]["deadline_seconds"] == deadline


def test_lines_of_an_openai_batch_file_are_taken_as_they_are() -> None:
    scene = Scene()
    line = {"custom_id": "a", "method": "POST", "url": "/v1/images/generations", "body": {
        "model": "qwen-image-max", "prompt": "p"}}  # fmt: skip
    batch = prepared(scene, line)
    assert accepted(scene, batch)[0]["request"] == line["body"] | {"deadline_seconds": 3600}  # type: ignore[operator]
    assert set(batch.routes) > {"mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": " "}, "prompt"),
        ({"model": "nothing"}, "model"),
        ({"size": "21:9"}, "size"),
        ({"n": 3}, "n"),
        ({"seed": -1}, "seed"),
        ({"route": "nobody/nothing"}, "route"),
        ({"promt": "p"}, "promt"),
        ({"custom_id": ""}, "custom_id"),
        ({"tenant": 7}, "tenant"),
        ({"tenant": ""}, "tenant"),
        ({"images": ["http://example.com"]}, "images.0"),
    ],
    ids=str,
)
def test_wrong_row_is_refused_by_its_field(fields: dict[str, Any], field: str) -> None:
    scene = Scene()
    problem = only_problem(scene, row(1) | fields if None not in fields.values() else row(1, **fields))
    assert problem["field"] == field
    assert problem["message"]


@pytest.mark.parametrize("line", [b"{", b"\xff{}", b'"text"', b"[1]", b'{"a": 1, "a": 2}', b"x" * 300_000])
def test_row_that_cannot_be_read_is_refused_and_the_next_is_read(line: bytes) -> None:
    scene = Scene()
    batch = prepared(scene, line, row(2))
    assert (batch.rows, batch.refused) == (2, 1)
    ((refused,),) = chunk_lines(scene, batch, "refused")
    assert (refused["row"], refused["custom_id"]) == (1, None)
    assert [one["row"] for one in accepted(scene, batch)] == [2]


def test_route_whose_vendor_has_no_key_is_refused_before_anything_is_bought() -> None:
    scene = Scene()
    del scene.keys.keys["mulerouter"]
    assert only_problem(scene, row(1))["field"] == "route"


def test_refused_row_shows_no_prompt() -> None:
    scene = Scene()
    batch = prepared(scene, row(1, prompt="PLANTED-PROMPT" * 1000), b'{"prompt": "PLANTED-PROMPT"')
    assert batch.refused == 2
    assert "PLANTED" not in str(list(chunk_lines(scene, batch, "refused")))


@pytest.mark.parametrize("trusted", [True, False])
def test_only_who_is_inside_the_account_may_name_another_tenant(trusted: bool) -> None:
    scene = Scene()
    batch = prepared(scene, row(1, tenant="acme"), row(2, tenant=TENANT), trusted=trusted)
    assert [one["tenant"] for one in accepted(scene, batch)] == (["acme", TENANT] if trusted else [TENANT])
    if not trusted:
        ((refused,),) = chunk_lines(scene, batch, "refused")
        assert refused["problems"][0]["field"] == "tenant"


@pytest.mark.parametrize("trusted", [True, False])
def test_only_who_is_inside_the_account_may_name_images_in_buckets(trusted: bool) -> None:
    scene = Scene()
    images = ["https://example.com/a.png", "s3://inbox/edits/a.png"]
    batch = prepared(scene, row(1, **EDIT, images=images), trusted=trusted)
    assert batch.refused == (not trusted)
    if not trusted:
        ((refused,),) = chunk_lines(scene, batch, "refused")
        assert refused["problems"][0]["field"] == "images"


def test_estimate_is_of_the_dearest_route_and_of_all_images() -> None:
    scene = Scene()
    batch = prepared(
        scene,
        row(1),
        row(2, on_unknown="resubmit"),
        row(3, route=["mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"]),
        row(4, model="qwen-image", route="aimlapi/qwen-image", n=3),
        row(5, prompt=None),
    )
    assert batch.estimated_usd == PRICE + 2 * PRICE + Decimal("0.10") + 3 * Decimal("0.0455")
    assert batch.routes == ("aimlapi/qwen-image", "mulerouter/qwen-image-max", "pixeldojo/qwen-image-max")


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────

CSV = b'custom_id,model,prompt,metadata.shop\r\na,qwen-image-max,"p, q",17\r\nb,qwen-image-max,,\r\n'


@pytest.mark.parametrize(
    ("key", "data", "good", "bad"),
    [
        ("requests/a.json", jsonl(row(1)), 1, 0),
        ("requests/a.json", b"[" + jsonl(row(1)) + b"," + jsonl({}) + b"]", 1, 1),
        ("requests/a.csv", CSV, 1, 1),
        ("requests/A.JSONL", b"\xef\xbb\xbf" + jsonl(row(1)) + b"\n\n" + jsonl({})[:-1], 1, 1),
    ],
)
def test_files_of_every_form_are_read(key: str, data: bytes, good: int, bad: int) -> None:
    scene = Scene()
    batch = prepared(scene, data=data, key=key)
    assert (batch.rows - batch.refused, batch.refused) == (good, bad)
    assert batch.status is BatchStatus.RUNNING


FAULTS = [
    ("requests/a.jsonl", b"", "file"),
    ("requests/a.jsonl", b"\n \n", "file"),
    ("requests/a.jsonl", "\ufeff{}".encode("utf-16-le"), "file"),
    ("requests/a.csv", b"custom_id,model,prompt\n", "file"),
    ("requests/a.csv", b"custom_id,colour\na,b\n", "header"),
    ("requests/a.json", b"{", "file"),
    ("requests/a.json", b"[1]", "file"),
    ("requests/a.json", b"[" + b" " * 300_000 + b"]", "file"),
]


@pytest.mark.parametrize(
    ("key", "data", "field"), FAULTS, ids=[f"{key} {data[:9]!r}" for key, data, _ in FAULTS]
)
def test_file_that_cannot_be_read_ends_the_batch_as_failed_and_says_why(
    key: str, data: bytes, field: str
) -> None:
    scene = Scene()
    batch = dropped(scene, data=data, key=key)
    assert prepare(scene, batch)["next"] == "collect"
    stopped = now(scene, batch)
    assert stopped.stop_reason is not None
    assert stopped.stop_reason.code == "manifest_invalid"
    assert stopped.stop_reason.message.startswith("The manifest ")
    assert (stopped.rows, stopped.refused, stopped.chunks) == (1, 1, 1)
    ((refused,),) = chunk_lines(scene, batch, "refused")
    assert (refused["row"], refused["problems"][0]["field"]) == (0, field)
    assert scene.collector.collect(batch.id)["status"] == "failed"


def test_manifest_that_is_gone_ends_the_batch_as_failed() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(3))
    del scene.buckets["inbox", KEY]
    assert prepare(scene, batch)["next"] == "collect"
    reason = now(scene, batch).stop_reason
    assert reason is not None
    assert reason.code == "manifest_changed"
    assert scene.collector.collect(batch.id)["status"] == "failed"


# ── How many at a time ────────────────────────────────────────────────────────────────────────────────

SLOW, TASKS = RouteLimits(per_minute=2), RouteLimits(per_second=2, running=2)
MAX = "dashscope-intl/qwen-image-max"
PLUS = "dashscope-intl/qwen-image-plus"
PIXEL = {name: RouteLimits(per_minute=10) for name in ("pixeldojo/qwen-image-max", "pixeldojo/qwen-image")}
Limits = Mapping[str, RouteLimits]


@pytest.mark.parametrize(
    ("limits", "routes", "most", "asked", "at_once"),
    [
        ({}, [MAX], 50, None, 50),
        ({}, [MAX], 50, 20, 20),
        ({}, [MAX], 50, 1, 1),
        ({}, [MAX], 50, 10_000, 50),
        ({MAX: SLOW}, [MAX], 50, None, 3),
        ({MAX: SLOW}, [MAX], 50, 2, 2),
        ({PLUS: TASKS}, [PLUS], 50, None, 8),
        ({MAX: SLOW, PLUS: TASKS}, [MAX, PLUS], 50, None, 11),
        ({MAX: SLOW}, [MAX, PLUS], 50, None, 50),
        (PIXEL, list(PIXEL), 50, None, 19),
        ({MAX: RouteLimits(per_minute=0.1)}, [MAX], 50, None, 1),
    ],
)  # fmt: skip
def test_rows_that_run_at_a_time_follow_the_callers_bound_and_the_vendors_limits(
    limits: Limits, routes: list[str], most: int, asked: int | None, at_once: int
) -> None:
    scene = Scene(limits=limits, at_once=most)
    lines = [row(number, route=name, model=name.rpartition("/")[2]) for number, name in enumerate(routes, 1)]
    batch = dropped(scene, *lines, max_concurrency=asked)
    state = prepare(scene, batch)
    assert now(scene, batch).at_once == at_once
    window = min(at_once, CHUNK_ROWS_AT_ONCE)
    assert 1 <= state["max_chunks"] * window <= at_once
