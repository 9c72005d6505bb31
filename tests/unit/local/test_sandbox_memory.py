"""What the sandbox vendors still know after a stop and a start."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.sandbox import engine, keeper
from local.sandbox import submits as submit_log
from local.sandbox.server import SandboxServer
from local.sandbox.settings import Settings
from tests.unit.local.sandbox_caller import (
    PATIENCE_SECONDS,
    QUICK,
    Caller,
    change,
    fetch,
    input_image,
    ledger,
    start_command,
    wait_until,
)
from tests.unit.local.sandbox_routes import ONE_OF_EACH, POLLED, ROUTES, SYNC, Shop, control, submits

EDIT = "/vendors/alibaba/v1/qwen-image-edit-max/generation"
SLOW = replace(QUICK, latency=(0.7, 0.7))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def serve(file: Path, after: SandboxServer | None = None, settings: Settings = QUICK) -> SandboxServer:
    """A sandbox on `file`, at the port of the one that ran before it."""
    port = int(after.url.rpartition(":")[2]) if after else 0
    return SandboxServer(port, settings, keep=file)


@pytest.mark.parametrize("name", POLLED)
def test_a_task_is_found_by_its_poll_after_a_start_and_ends_at_its_time(file: Path, name: str) -> None:
    with serve(file, settings=SLOW) as first:
        shop = Shop(first, name)
        submitted = shop.submit("a boat")
        shop.poll(submitted)
        before = shop.row
    with serve(file, first) as second:
        shop = Shop(second, name)
        after = shop.row
        assert {**after, "phase": before["phase"]} == before
        assert (after["seconds"], after["polls"]) == (0.7, 1)
        done = shop.finish(submitted)
        assert time.time() >= before["accepted_at"] + 0.7
        assert all(fetch(link).status == 200 for link in shop.route.links(done))


@pytest.mark.parametrize("name", ROUTES)
def test_a_link_that_was_given_out_before_serves_the_same_bytes_after(file: Path, name: str) -> None:
    with serve(file) as first:
        links = Shop(first, name).buy("a boat")
        pictures = [fetch(link).body for link in links]
        served = Shop(first, name).row["served"]
    assert served
    with serve(file, first) as second:
        assert Shop(second, name).row["served"] == served
        assert [fetch(link).body for link in links] == pictures


@pytest.mark.parametrize("name", SYNC)
def test_a_call_that_the_stop_cut_off_is_done_and_billed_after(file: Path, name: str) -> None:
    with ThreadPoolExecutor(1) as caller:
        with serve(file, settings=SLOW) as first:
            call = caller.submit(Shop(first, name).submit, "a boat")
            wait_until(lambda: ledger(first)["tasks"])
        with pytest.raises(http.client.RemoteDisconnected):
            call.result(PATIENCE_SECONDS)
    with serve(file, first) as second:
        (submit,) = submits(second)
        assert (submit["ended"], submit["status"], submit["taken"]) == (True, None, True)
        wait_until(lambda: Shop(second, name).row["phase"] == "succeeded")
        assert Shop(second, name).billed == Shop(second, name).row["images"] > 0


def test_ledger_and_log_are_the_same_after(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "KEPT_TASKS", 12)  # the first ones are forgotten, and still in the totals
    monkeypatch.setattr(submit_log, "KEPT_SUBMITS", 12)
    with serve(file) as first:
        for name in ROUTES:
            Shop(first, name).buy("a boat")
            Shop(first, name).submit("a \ud800 boat, forbidden-content")
            Shop(first, name).submit("a boat [sandbox: fail-transient, slow-link=0.5]")
        stuck = Shop(first, "pixeldojo").submit("a boat [sandbox: stuck, short, corrupt, busy=0]")
        edit = {"prompt": "an edit", "images": [input_image()], "n": 2}
        Caller(first, "mulerouter").post(EDIT, edit)
        first.engine.wait_for(first.engine.tasks()[-1])
        book, log = ledger(first), submits(first)
        picture = first.engine.tasks()[-1].draw(1)
    json.loads(file.read_text(), parse_constant=pytest.fail)  # no Infinity, which JSON does not have
    assert book["totals"]["mulerouter"]["tasks"] > sum(
        row["endpoint"] == "mulerouter" for row in book["tasks"]
    )
    with serve(file, first) as second:
        assert (ledger(second), submits(second)) == (book, log)
        assert ledger(second)["tasks"][-1]["body"] == edit
        assert second.engine.tasks()[-1].draw(1) == picture
        shop = Shop(second, "pixeldojo")
        assert shop.route.word(shop.poll(stuck).json) in ("pending", "processing")


def test_bodies_stay_bounded_by_bytes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = ROUTES["mulerouter"].body("a boat")
    monkeypatch.setattr(engine, "KEPT_BYTES", 2 * len(json.dumps(body)))
    with serve(file) as first:
        for _ in range(3):
            Shop(first, "mulerouter").submit("a boat")
    with serve(file, first) as second:
        assert [row["body"] for row in ledger(second)["tasks"]] == [None, body, body]
        Shop(second, "mulerouter").submit("a boat")
        assert [row["body"] for row in ledger(second)["tasks"]] == [None, None, body, body]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_strikes_of_a_fault_are_not_granted_again(file: Path, name: str) -> None:
    with serve(file) as first:
        assert Shop(first, name).submit("a boat [sandbox: busy=2]").status == 429
    with serve(file, first) as second:
        statuses = [Shop(second, name).submit("a boat [sandbox: busy=2]").status for _ in range(2)]
        assert statuses[0] == 429
        assert statuses[1] < 300


@pytest.mark.parametrize("name", POLLED)
def test_faults_of_polls_and_links_go_on_where_they_were(file: Path, name: str) -> None:
    with serve(file) as first:
        shop = Shop(first, name)
        submitted = shop.submit("a boat [sandbox: poll-429=2, flaky-link=2]")
        assert shop.poll(submitted).status == 429
    with serve(file, first) as second:
        shop = Shop(second, name)
        assert shop.poll(submitted).status == 429
        link = shop.route.links(shop.finish(submitted))[0]
        with pytest.raises(http.client.IncompleteRead):
            fetch(link)
    with serve(file, second) as third:
        with pytest.raises(http.client.IncompleteRead):
            fetch(link)
        assert fetch(link).status == 200
        assert list(Shop(third, name).row["served"]) == ["0"]


def test_a_fault_that_is_no_longer_known_is_dropped(file: Path) -> None:
    with serve(file) as first:
        links = Shop(first, "aimlapi").buy("a boat [sandbox: corrupt slow-link=0.1]")
    file.write_text(file.read_text().replace('"kind": "corrupt"', '"kind": "gone"'))
    with serve(file, first) as second:
        fetch(links[0])
        row = Shop(second, "aimlapi").row
        assert (row["faults"], list(row["served"])) == (["slow-link=0.1"], ["0"])


def test_a_reset_is_kept(file: Path) -> None:
    with serve(file) as first:
        Shop(first, "pixeldojo").submit("a boat")
        Shop(first, "pixeldojo").submit("a boat [sandbox: busy=1]")
    with serve(file, first) as second:
        control(second, "POST", "reset")
    with serve(file, second) as third:
        assert ledger(third) == {"totals": {}, "tasks": [], "prompts": []}
        assert submits(third) == []
        assert Shop(third, "pixeldojo").submit("a boat [sandbox: busy=1]").status == 429


def test_settings_and_the_plan_of_faults_are_the_running_processes_own(file: Path) -> None:
    with serve(file) as first:
        change(first, aimlapi_shape="v3")
        control(first, "POST", "faults", {"share": 1, "faults": ["lost-answer"]})
    with serve(file, first, SLOW) as second:
        assert fetch(f"{second.url}/_sandbox/settings").json["aimlapi_shape"] == "v2"
        assert fetch(f"{second.url}/_sandbox/settings").json["latency"] == [0.7, 0.7]
        assert control(second, "GET", "faults").json["plan"] is None


def damage(state: Any, *path: str | int) -> bytes:
    """The state as JSON with a list in place of what lies at `path`."""
    inner = state
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = []
    return json.dumps(state).encode()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"\xff" + data,
        lambda data: b"[" * 100_000,
        lambda data: b"[]",
        lambda data: data.replace(b'"format": 1', b'"format": 999'),
        lambda data: data.replace(b'"polls"', b'"asks"'),
        lambda data: data.replace(b'"0.075"', b'"much"'),
        lambda data: damage(json.loads(data), "tasks", 0, "done_at"),
        lambda data: damage(json.loads(data), "tasks", 0, "order", "picture"),
        lambda data: damage(json.loads(data), "arrived"),
        lambda data: damage(json.loads(data), "log", 0, "faults", 0),
    ],
)
def test_a_damaged_file_is_put_aside_and_the_sandbox_starts_empty(
    file: Path, spoil: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(file) as first:
        Shop(first, "mulerouter").submit("a planted-prompt [sandbox: slow-link]")
    spoilt = spoil(file.read_bytes())
    file.write_bytes(spoilt)
    with serve(file, first) as second:
        assert ledger(second)["tasks"] == []
        Shop(second, "mulerouter").buy("another boat")
    assert file.with_name("state.json.unreadable").read_bytes() == spoilt
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "state.json.unreadable" in said
    assert "planted-prompt" not in said
    with serve(file, second) as third:
        assert len(ledger(third)["tasks"]) == 1


def test_a_file_that_cannot_be_written_is_said_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with serve(folder / "state.json") as sandbox:
        shutil.rmtree(folder)
        Shop(sandbox, "aimlapi").buy("a boat")
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"sandbox: cannot write {folder}")


def test_what_changed_is_written_while_it_serves_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(keeper, "PAUSE_PER_WRITE", 0)
    killed = file.with_name("killed.json")
    with serve(file, settings=Settings(latency=(60, 60))) as first, ThreadPoolExecutor(1) as caller:
        call = caller.submit(Shop(first, "aimlapi").submit, "a boat")  # is not answered before the end
        wait_until(file.exists)
        time.sleep(0.3)
        written = file.stat()
        shutil.copy(file, killed)
        assert len(ledger(first)["tasks"]) == 1
        time.sleep(0.3)
        assert file.stat().st_mtime_ns == written.st_mtime_ns
        assert written.st_mode & 0o777 == 0o600
        control(first, "POST", "reset")
        wait_until(lambda: not json.loads(file.read_text())["tasks"])
        first.engine.close()
        with pytest.raises(http.client.RemoteDisconnected):
            call.result(PATIENCE_SECONDS)
    with serve(killed) as second:
        assert [row["phase"] for row in ledger(second)["tasks"]] == ["pending"]
        assert [row["ended"] for row in submits(second)] == [True]


def read_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().removeprefix("sandbox ").strip()


def test_the_command_keeps_what_it_knows_across_sigterm(file: Path) -> None:
    route = ROUTES["pixeldojo"]
    headers = {"Content-Type": "application/json", "Authorization": "Bearer k"}
    first = start_command("--latency", "1", "--keep", str(file))
    url = read_url(first)
    body = json.dumps(route.body("a boat")).encode()
    job = fetch(f"{url}/pixeldojo{route.path}", "POST", body, headers).json["jobId"]
    first.send_signal(signal.SIGTERM)
    assert first.communicate(timeout=10) == ("", "")
    assert first.returncode == 0
    second = start_command("--port", url.rpartition(":")[2], "--latency", "60", "--keep", str(file))
    try:
        assert read_url(second) == url
        poll = partial(fetch, f"{url}/pixeldojo{route.poll_path}{job}", headers=headers)
        task = Caller.settle(poll, lambda answer: answer["status"] == "completed")
        assert all(fetch(link).status == 200 for link in route.links(task))
    finally:
        second.terminate()
        second.communicate(timeout=10)
