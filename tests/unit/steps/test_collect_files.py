"""Collect's files: each row stands in results or errors, once, in the manifest's order; gallery, manifest."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Batch
from easel.domain.generation import Status
from easel.steps import collect
from easel.view import generation_view
from tests.fakes.batch_run import (
    FILES,
    dropped,
    errors,
    every_third_fails,
    file,
    generations,
    results,
    row,
    rows,
    run,
)
from tests.fakes.scene import TENANT, Scene


def pictures(scene: Scene, batch: Batch) -> list[dict[str, Any]]:
    """The gallery's entries, read as its script reads them."""
    lines = re.findall(r"^\{\"custom_id.*\}$", file(scene, batch, "gallery.html"), re.MULTILINE)
    return [json.loads(line) for line in lines]


# ── Results and errors ────────────────────────────────────────────────────────────────────────────────


def test_row_that_succeeded_is_a_line_of_openais_batch_output_around_the_generation() -> None:
    scene = Scene()
    batch = dropped(scene, row(1, prompt='\u4e2d \u2028 "quoted"\n'))
    run(scene, batch)
    (line,) = results(scene, batch)
    (made,) = generations(scene, batch)
    assert set(line) == {"id", "custom_id", "row", "response", "error"}
    assert (line["id"], line["custom_id"], line["row"], line["error"]) == (made.id, "row-1", 1, None)
    assert (line["response"]["status_code"], line["response"]["request_id"]) == (200, made.id)
    assert line["response"]["body"] == json.loads(json.dumps(generation_view(made, scene.images.uri)))
    assert "url" not in line["response"]["body"]["images"][0], "links expire, results stay"


def test_row_that_failed_is_an_error_line_with_what_the_generation_says() -> None:
    scene = Scene()
    batch = dropped(scene, row(1))
    run(scene, batch, lambda _: Status.FAILED)
    (line,) = errors(scene, batch)
    (made,) = generations(scene, batch)
    assert set(line) == {"id", "custom_id", "row", "response", "error"}
    assert (line["id"], line["row"]) == (made.id, 1)
    assert line["response"]["status_code"] >= 500
    assert line["response"]["body"]["receipt"]["attempts"] == []
    assert line["error"] == {"code": "validation", "message": "No.", "field": None}


def test_row_that_was_refused_is_an_error_line_that_names_row_and_field() -> None:
    scene = Scene()
    batch = dropped(scene, row(1, size="21:9"), b"{", row(3, custom_id="row-1"), row(4, custom_id="row-1"))
    run(scene, batch)
    told = [(line["row"], line["custom_id"], line["error"]["field"]) for line in errors(scene, batch)]
    assert told == [(1, "row-1", "size"), (2, None, "row"), (4, "row-1", "custom_id")]
    line = errors(scene, batch)[0]
    assert (line["id"], line["response"], line["error"]["code"]) == (None, None, "invalid_request")
    assert line["error"]["message"].startswith("size: ")
    assert "16:9" in str(line["error"]["problems"][0]["allowed"])


def test_rows_that_were_not_started_say_why() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(3), max_cost_usd=Decimal("0.1"))
    run(scene, batch)
    told = [(line["id"], line["row"], line["error"]["code"]) for line in errors(scene, batch)]
    assert told == [(None, 2, "not_started"), (None, 3, "not_started")]
    assert "cost_cap" in errors(scene, batch)[0]["error"]["message"]


def test_every_row_stands_once_in_results_or_errors_in_the_manifests_order() -> None:
    scene = Scene()
    lines = [row(number, prompt=None if number % 7 == 0 else "p") for number in range(1, 251)]
    batch = dropped(scene, *lines, row(251, custom_id="row-1"))
    run(scene, batch, every_third_fails)
    good = [line["row"] for line in results(scene, batch)]
    bad = [line["row"] for line in errors(scene, batch)]
    assert good == sorted(good)
    assert bad == sorted(bad)
    assert sorted(good + bad) == list(range(1, 252))
    assert good == [one for one in range(1, 251) if one % 3 and one % 7]


def test_lines_have_all_the_same_keys_so_that_a_table_can_be_made_of_them() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(6), row(7, prompt=None), max_cost_usd=Decimal("0.3"))
    run(scene, batch, every_third_fails)
    lines = results(scene, batch) + errors(scene, batch)
    assert len(lines) == 7
    assert len({tuple(line) for line in lines}) == 1


def test_file_without_a_row_is_a_failed_batch_with_an_error_line_for_the_file() -> None:
    scene = Scene()
    batch = dropped(scene)
    view = run(scene, batch)
    (line,) = errors(scene, batch)
    assert (line["row"], line["error"]["field"]) == (0, "file")
    assert (view["status"], view["rows"]["refused"], view["rows"]["total"]) == ("failed", 1, 1)
    assert results(scene, batch) == []


# ── Gallery and manifest ──────────────────────────────────────────────────────────────────────────────


def test_gallery_shows_every_picture_with_what_it_was_made_of() -> None:
    scene = Scene()
    batch = dropped(scene, row(1, prompt="</script><b>", metadata={"k": "v"}), row(2), row(3, prompt=None))
    run(scene, batch)
    shown = pictures(scene, batch)
    first = generations(scene, batch)[0]
    assert [one["custom_id"] for one in shown] == ["row-1", "row-2"]
    assert shown[0] == {
        "custom_id": "row-1", "generation": first.id, "prompt": "</script><b>", "negative_prompt": None,
        "model": "qwen-image-max", "route": "mulerouter/qwen-image-max", "seed": 7, "width": 64, "height": 48,
        "bytes": 9, "cost": {"amount": "0.075", "currency": "USD"}, "image": f"images/{first.id}/0.png",
        "request": {
            "model": "qwen-image-max", "prompt": "</script><b>", "route": ["mulerouter/qwen-image-max"],
            "metadata": {"k": "v"},
        },
    }  # fmt: skip
    assert first.images[0].key == f"batches/{batch.id}/{shown[0]['image']}", "beside the page"
    assert file(scene, batch, "gallery.html").lower().startswith("<!doctype html>")


def test_gallery_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "PICTURES_MAX", 4)
    scene = Scene()
    batch = dropped(scene, *rows(6))
    run(scene, batch)
    assert len(pictures(scene, batch)) == 4
    facts = json.loads(re.findall(r"\{\"batch\":.*\}", file(scene, batch, "gallery.html"))[0])
    assert (facts["shown"], facts["total"]) == (4, 6)
    assert len(results(scene, batch)) == 6


def test_input_images_that_came_along_are_not_copied_into_the_page() -> None:
    scene = Scene()
    edit = {"model": "qwen-image-edit-max", "route": "mulerouter/qwen-image-edit-max"}
    batch = dropped(scene, row(1, **edit, images=["https://example.com/a.png"]))
    run(scene, batch)
    assert pictures(scene, batch)[0]["request"]["images"] == ["https://example.com/a.png"]


def test_page_holds_no_webhook_and_no_link_that_opens_something() -> None:
    scene, link = Scene(), "https://hooks.example/a?token=PLANTED"
    hook = {"url": link, "secret": f"whsec_{'PLANTED0' * 5}"}
    lora = {"model": "qwen-image-lora", "lora": {"weights": link}, "route": None}
    run(scene, batch := dropped(scene, row(1, webhook=hook), row(2, **lora)))
    assert len(pictures(scene, batch)) == 2
    assert "PLANTED" not in file(scene, batch, "gallery.html")


def test_manifest_tells_totals_and_cost() -> None:
    scene = Scene()
    pixel = "pixeldojo/qwen-image-max"
    lines = [row(1), row(2, route=pixel), row(3), row(4), row(5, prompt=None), row(6, custom_id="row-1")]
    batch = dropped(scene, *lines, max_cost_usd=Decimal(2), tolerated_failures=9)
    view = run(scene, batch, every_third_fails)
    manifest = json.loads(file(scene, batch, "manifest.json"))
    assert manifest == view | {"tenant": TENANT}
    assert manifest["rows"] == {
        "total": 6, "queued": 0, "running": 0, "succeeded": 3, "failed": 1, "refused": 2,
    }  # fmt: skip
    assert manifest["images"] == 3
    assert {one["currency"]: Decimal(one["amount"]) for one in manifest["cost"]} == {
        "USD": Decimal("0.15"),
        "credits": Decimal(2),
    }
    assert (manifest["status"], manifest["stop_reason"], manifest["estimated_end_at"]) == (
        "completed",
        None,
        None,
    )
    assert Decimal(manifest["committed_usd"]) == Decimal("0.25")
    assert Decimal(manifest["usd"]["billed"]["amount"]) == Decimal("0.25"), "2 credits of 0.05 among it"


def test_files_say_what_they_are() -> None:
    scene = Scene()
    batch = dropped(scene, *rows(2))
    run(scene, batch)
    types = {name: scene.buckets["images", f"batches/{batch.id}/{name}"].content_type for name in FILES}
    assert types == {
        "results.jsonl": "application/jsonl", "errors.jsonl": "application/jsonl",
        "manifest.json": "application/json", "gallery.html": "text/html; charset=utf-8",
    }  # fmt: skip
