"""Prepare: long manifests are read in several runs, and whoever goes on after a death writes the same."""

import pytest

from easel.domain.batch import CHUNK_ROWS, Batch
from easel.domain.rows import START
from easel.errors import VersionConflictError
from easel.steps.prepare import SAVE_CHUNKS, STEP_SECONDS
from tests.fakes.batch_run import KEY, PRICE, accepted, dropped, jsonl, now, prepare, prepared, row, rows
from tests.fakes.fuse import CrashError, Fuse, before_next
from tests.fakes.memory_files import Stored
from tests.fakes.scene import TENANT, Scene

MANY = SAVE_CHUNKS * CHUNK_ROWS


def slow(scene: Scene) -> None:
    """Each object that is written takes so long that a run ends after one note of its place."""
    put = scene.files.put

    def late(key: str, data: bytes, content_type: str) -> str:
        scene.clock.sleep(STEP_SECONDS / SAVE_CHUNKS + 1)
        return put(key, data, content_type)

    scene.files.put = late  # type: ignore[method-assign]


@pytest.mark.parametrize("count", [MANY - 1, MANY, MANY + 1, 2 * MANY])
def test_long_manifest_is_read_in_several_runs_that_go_on_where_the_last_one_stopped(count: int) -> None:
    scene = Scene()
    batch = dropped(scene, *rows(count))
    slow(scene)
    states = [scene.preparer.prepare(batch.id)["next"]]
    while states[-1] == "prepare":
        assert now(scene, batch).rows == len(states) * MANY
        states.append(scene.preparer.prepare(batch.id)["next"])
    assert states == ["prepare"] * (len(states) - 1) + ["run"]
    assert [line["row"] for line in accepted(scene, batch)] == list(range(1, count + 1))
    assert now(scene, batch).rows == count
    assert now(scene, batch).estimated_usd == PRICE * count
    assert len(scene.files.read_at) == len(set(scene.files.read_at)), "no byte is read twice"


def test_csv_goes_on_with_its_header() -> None:
    scene = Scene()
    data = b"prompt;model\n" + b"a fox;qwen-image-max\n" * (MANY + 1)
    batch = dropped(scene, data=data, key="requests/a.csv")
    slow(scene)
    assert scene.preparer.prepare(batch.id)["next"] == "prepare"
    assert scene.preparer.prepare(batch.id)["next"] == "run"
    assert (now(scene, batch).rows, now(scene, batch).refused) == (MANY + 1, 0)


def test_manifest_that_changes_in_the_middle_ends_the_batch_before_anything_is_bought() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(MANY + 50))
    slow(scene)
    assert scene.preparer.prepare(batch.id)["next"] == "prepare"
    scene.buckets["inbox", KEY] = Stored(jsonl(*rows(MANY + 50, prompt="another")))
    assert prepare(scene, batch)["next"] == "collect"
    assert scene.collector.collect(batch.id)["status"] == "failed"
    assert scene.store.records == {}


@pytest.mark.parametrize("at", range(0, 56, 7))
def test_whoever_goes_on_after_a_death_writes_the_same_chunks(at: int) -> None:
    lines = [row(number, prompt=None if number % 40 == 0 else "p") for number in range(1, 2 * MANY, 3)]
    whole, broken = Scene(), Scene()
    expected = prepared(whole, *lines)
    batch = dropped(broken, *lines)
    fuse = Fuse(broken, broken.script)
    fuse.set(at)
    with pytest.raises(CrashError):
        prepare(broken, batch)
    prepare(broken, batch)
    assert now(broken, batch).having(version=expected.version) == expected
    work = f"batches/{batch.id}/work/"
    assert {key: broken.files.read(key) for key in broken.files.keys(work)} == {
        key: whole.files.read(key) for key in whole.files.keys(work)
    }


def test_place_is_noted_after_the_chunks_before_it_are_written() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(MANY + 1))
    save, noted = scene.batches.save, []

    def watched(batch: Batch) -> None:
        noted.append((batch.place.number, batch.chunks))
        assert len(scene.files.keys(f"batches/{batch.id}/work/rows/")) == batch.chunks
        save(batch)

    scene.batches.save = watched  # type: ignore[method-assign]
    assert now(scene, batch).place == START
    prepare(scene, batch)
    assert noted == [(MANY, SAVE_CHUNKS), (MANY + 1, SAVE_CHUNKS + 1)]


def test_run_that_is_overtaken_by_a_cancel_is_run_again_and_stops() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(3))
    before_next(scene.batches, "save", lambda: scene.batcher.cancel(TENANT, batch.id))
    with pytest.raises(VersionConflictError):
        scene.preparer.prepare(batch.id)
    assert scene.preparer.prepare(batch.id)["next"] == "collect"
