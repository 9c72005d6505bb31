"""`easel batch`: what it would come to, the question, progress, results."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.command import data, easel
from tests.unit.client.deployment import (
    BATCH,
    ID,
    IMAGE,
    LOOK,
    PNG,
    Deployment,
    batch,
    generation,
    image,
    money,
)

BATCHES, BATCH_LOOK = "POST /v1/batches", f"GET /v1/batches/{BATCH}"
WRONG = {
    "code": "invalid_request",
    "message": "n: too many",
    "errors": [{"field": "n", "message": "too many"}],
}


@pytest.fixture(autouse=True)
def rows() -> None:
    """The file."""
    Path("rows.csv").write_text("model,prompt\nqwen-image,one\nqwen-image,two\n")


def plan(valid: int, refused: int, **fields: Any) -> dict[str, Any]:
    """A dry run's answer."""
    good = [
        {"row": n + 1, "custom_id": None, "prompt": "x", "estimated_usd": "0.07", "error": None}
        for n in range(valid)
    ]
    bad = [{"row": valid + n + 1, "custom_id": f"b{n}", "error": WRONG} for n in range(refused)]
    return {
        "dry_run": True,
        "rows": {"total": valid + refused, "valid": valid, "refused": refused},
        "estimated_cost_usd": "0.14",
        "complete": True,
        "data": good + bad,
        **fields,
    }


def test_it_says_first_what_it_would_come_to_and_shows_its_progress(deployment: Deployment) -> None:
    deployment.answers(BATCHES, plan(2, 0), (202, batch("preparing")))
    deployment.answers(BATCH_LOOK, batch("running", 1), **{"Retry-After": "0"})
    deployment.answers(BATCH_LOOK, batch("completed", 2))
    done = easel("batch", "rows.csv", "--yes", "--max-cost", "0.50")
    assert done.exit_code == 0
    assert dict(line.split("\t") for line in done.stdout.splitlines()) == {
        "id": BATCH, "status": "completed", "rows": "2", "succeeded": "2", "failed": "0", "refused": "0",
        "billed": "$0.15",
    }  # fmt: skip
    assert done.stderr.splitlines() == [
        "2 rows: 2 can be started, for $0.14 at most.",
        f"{BATCH} preparing", f"{BATCH} running", f"{BATCH} completed",
        f"Results and pictures stay in your bucket; fetch them with: easel status {BATCH} --output FOLDER",
    ]  # fmt: skip
    dry, real = deployment.calls(BATCHES)
    assert (dry.path, real.path) == ("/v1/batches?dry_run=true", "/v1/batches?max_cost_usd=0.50")
    assert dry.body == real.body == Path("rows.csv").read_bytes()


def test_wrong_rows_are_told_by_number_field_and_words(deployment: Deployment) -> None:
    deployment.answers(BATCHES, plan(1, 25, complete=False))
    done = easel("batch", "rows.csv", "--dry-run")
    assert done.exit_code == 3
    lines = done.stderr.splitlines()
    assert lines[0] == "The first 26 rows: 1 can be started, for $0.14 at least; 25 would be refused:"
    assert lines[1] == "  row 2 (b0)  n: too many"
    assert lines[21] == "  and 5 more; --dry-run --json has them all."
    assert "its first rows" in lines[22]
    assert data(easel("batch", "rows.csv", "--dry-run", "--json"))["rows"]["refused"] == 25
    assert len(deployment.calls(BATCHES)) == 2


def test_it_asks_before_it_starts(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.answers(BATCHES, plan(2, 0))
    nobody = easel("batch", "rows.csv")
    assert nobody.exit_code == 2
    assert "--yes" in nobody.stderr
    monkeypatch.setattr("easel_client.command.context.somebody_types", lambda: True)
    declined = easel("batch", "rows.csv", typed="n\n")
    assert declined.exit_code == 0
    assert declined.stderr.endswith("Start 2 rows for $0.14 at most? [y/N]:Nothing was started.\n")
    assert all("dry_run" in one.path for one in deployment.asked)


def test_nothing_is_started_where_no_row_is_right(deployment: Deployment) -> None:
    deployment.answers(BATCHES, plan(0, 2))
    assert easel("batch", "rows.csv", "--yes").exit_code == 3
    assert len(deployment.asked) == 1


def test_a_file_of_which_only_the_first_rows_are_known_needs_a_bound(deployment: Deployment) -> None:
    deployment.answers(BATCHES, plan(2, 0, complete=False))
    for words in ((), ("--yes",)):
        done = easel("batch", "rows.csv", *words)
        assert (done.exit_code, "--max-cost" in done.stderr) == (2, True)
    assert done.stderr.startswith("The first 2 rows: 2 can be started, for $0.14 at least.\n")
    assert all("dry_run" in one.path for one in deployment.asked)


def test_consent_to_a_file_that_is_partly_known_is_to_its_bound(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easel_client.command.context.somebody_types", lambda: True)
    deployment.answers(BATCHES, plan(0, 2, complete=False), (202, batch("preparing")))
    done = easel("batch", "rows.csv", "--max-cost", "5", "--no-wait", typed="y\n")
    assert (done.exit_code, done.stdout.endswith(f"{BATCH}\n")) == (0, True)
    assert "Start the whole file for $5 at most?" in done.stderr
    assert "No row can be started" not in done.stderr
    assert deployment.asked[-1].path == "/v1/batches?max_cost_usd=5"


@pytest.mark.parametrize("output", ["afile/sub", "afile", "full"])
def test_a_folder_that_cannot_be_is_said_before_the_start(
    deployment: Deployment, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _: bytes) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    deployment.answers(BATCHES, plan(2, 0))
    Path("afile").write_text("mine")
    if output == "full":
        monkeypatch.setattr("easel_client.command.batch.write_whole", full)
    done = easel("batch", "rows.csv", "--yes", "--output", output)
    assert done.exit_code == 2
    assert f"easel: Nothing can be written to {output}: " in done.stderr
    assert all("dry_run" in one.path for one in deployment.asked)


def ended(deployment: Deployment) -> dict[str, Any]:
    """A batch of two rows of which one has a picture, with its files."""
    kept = image(f"{deployment.url}/kept/fox.png") | {
        "s3_uri": f"s3://images/batches/{BATCH}/images/{ID}/0.png"
    }
    deployment.answers(LOOK, generation("succeeded", images=[kept]))
    deployment.answers(IMAGE, PNG)
    texts = {
        "results.jsonl": json.dumps({"id": ID, "row": 1}) + "\n",
        "errors.jsonl": json.dumps({"id": None, "row": 2}) + "\n",
        "manifest.json": json.dumps({"id": BATCH}),
        "gallery.html": f'<img src="images/{ID}/0.png">',
    }
    for name, text in texts.items():
        deployment.answers(f"GET /files/{name}", text.encode())
    return batch("completed", 1, files={name: f"{deployment.url}/files/{name}" for name in texts})


def test_results_and_pictures_are_fetched_as_the_gallery_expects_them(deployment: Deployment) -> None:
    deployment.answers(BATCH_LOOK, ended(deployment))
    done = easel("status", BATCH, "--output", "out")
    assert done.exit_code == 1  # one row has no picture
    assert Path(f"out/images/{ID}/0.png").read_bytes() == PNG
    assert Path("out/gallery.html").read_text() == f'<img src="images/{ID}/0.png">'
    assert sorted(one.name for one in Path("out").iterdir()) == [
        "errors.jsonl", "gallery.html", "images", "manifest.json", "results.jsonl",
    ]  # fmt: skip
    assert easel("status", BATCH, "--output", "out").exit_code == 1
    assert len(deployment.calls(IMAGE)) == 1  # what is there is not loaded again


def test_a_disk_that_is_full_by_then_is_said_with_how_to_fetch_the_rest(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, **_: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    deployment.answers(BATCH_LOOK, ended(deployment))
    monkeypatch.setattr("easel_client.answers.write_whole", full)
    done = easel("status", BATCH, "--output", "out", "--json")
    assert done.exit_code == 2
    assert f"out/images/{ID}/0.png cannot be written: No space left on device." in done.stderr
    assert f"easel status {BATCH} --output FOLDER" in data(done)["error"]["advice"]


def test_a_place_in_the_bucket_never_leads_out_of_the_folder(deployment: Deployment) -> None:
    evil = image(f"{deployment.url}/kept/fox.png")
    evil |= {"s3_uri": f"s3://images/batches/{BATCH}/images/../../../evil.png"}
    deployment.answers(BATCH_LOOK, ended(deployment))
    deployment.laid[LOOK].clear()
    deployment.answers(LOOK, generation("succeeded", images=[evil]))
    assert easel("status", BATCH, "--output", "a/b/out").exit_code == 1
    (written,) = Path().resolve().parent.rglob("*.png")
    assert written.parent == Path("a/b/out/images").resolve()


def test_a_folder_of_something_else_is_left_alone(deployment: Deployment) -> None:
    deployment.answers(BATCHES, plan(2, 0))
    deployment.answers(BATCH_LOOK, ended(deployment))
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    for words in (("batch", "rows.csv", "--yes"), ("status", BATCH)):
        done = easel(*words, "--output", "mine")
        assert (done.exit_code, "something in it" in done.stderr) == (2, True)
    assert not any("dry_run" not in one.path for one in deployment.calls(BATCHES))


def test_credits_are_told_with_what_they_are_worth(deployment: Deployment) -> None:
    usd = {"billed": money("0.091"), "possibly_billed": money("0")}
    deployment.answers(BATCH_LOOK, batch("completed", 2, cost=[money("182000", "credits")], usd=usd))
    assert "billed\t182000 credits ($0.091)" in easel("status", BATCH).stdout.splitlines()


def test_a_stopped_one_says_how_to_go_on_and_goes_on_with_other_bounds(deployment: Deployment) -> None:
    stopped = batch("stopped", 1, stop_reason={"code": "budget", "message": "The day's budget is used up."})
    deployment.answers(BATCH_LOOK, stopped, batch("completed", 2))
    assert f"Go on with it by: easel resume {BATCH}" in easel("status", BATCH).stderr
    deployment.answers(f"POST /v1/batches/{BATCH}/resume", (202, batch("running", 1)), **{"Retry-After": "0"})
    done = easel("resume", BATCH, "--max-cost", "2.50", "--tolerated-failures", "3")
    assert done.exit_code == 0, done.stderr
    assert "status\tcompleted" in done.stdout
    (call,) = deployment.calls(f"POST /v1/batches/{BATCH}/resume")
    assert json.loads(call.body) == {"max_cost_usd": "2.50", "tolerated_failures": 3}


def test_resuming_need_not_wait(deployment: Deployment) -> None:
    deployment.answers(f"POST /v1/batches/{BATCH}/resume", (202, batch("running", 1)))
    assert easel("resume", BATCH, "--no-wait").stdout == f"{BATCH}\n"
    assert not deployment.calls(BATCH_LOOK)


def test_ctrl_c_leaves_it_going_on(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.answers(BATCHES, plan(2, 0), (202, batch("preparing")))
    deployment.answers(BATCH_LOOK, batch("running", 1))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("easel_client.waiting.time.sleep", interrupt)
    done = easel("batch", "rows.csv", "--yes", "--quiet", "--output", "out")
    assert done.exit_code == 130
    assert done.stderr.splitlines()[-1].strip() == f"easel status {BATCH} --wait --output out"
