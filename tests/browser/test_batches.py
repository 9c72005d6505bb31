"""Batches in the console: a file is checked, started, watched, canceled, resumed; its pictures are there."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.conftest import PHONE, Console
from tests.integration.easel_caller import EaselCaller

PATIENCE_MILLISECONDS = 60_000  # of a batch on a loaded machine
REQUEST = {"model": "qwen-image", "route": "aimlapi/qwen-image"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Six rows, of which the third and the fifth are wrong."""
    rows: list[dict[str, Any]] = [
        {**REQUEST, "custom_id": f"card-{number}", "prompt": f"a card, number {number}"}
        for number in range(1, 7)
    ]
    rows[2]["promt"] = rows[2].pop("prompt")
    rows[4]["seed"] = "seven"
    return written(tmp_path / "cards.jsonl", rows)


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as a JSONL file."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def choose(page: Page, path: Path) -> None:
    """Choose the file and wait for what its check says."""
    page.get_by_label("Choose a file").set_input_files(path)
    expect(page.locator(".check-totals")).to_be_visible()


def look_again_soon(route: Route) -> None:
    """Passes an answer on that asks for less patience than the API does: a test has little."""
    response = route.fetch()
    route.fulfill(response=response, headers={**response.headers, "retry-after": "1"})


def test_a_file_is_checked_before_anything_is_bought(
    console: Console, caller: EaselCaller, file: Path
) -> None:
    def made() -> list[str]:
        return [one["id"] for one in caller.call("GET", "/v1/generations?limit=1").body["data"]]

    before = made()
    page = console("#/batches")
    choose(page, file)
    expect(page.locator(".total").filter(has_text="Wrong")).to_contain_text("2")
    rows = page.locator(".rows-body .rows-row")
    expect(rows).to_have_count(6)
    expect(rows.first).to_contain_text("promt: is not a field of a request")
    expect(rows.nth(1)).to_contain_text("seed")
    expect(rows.nth(2)).to_contain_text("a card, number 1")
    page.get_by_role("button", name="Can run 4").click()
    expect(rows).to_have_count(4)
    page.get_by_role("button", name="All 6").click()
    page.get_by_role("searchbox", name="Find in rows").fill("card-5")
    expect(rows).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Row 5")).to_contain_text("seed")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Start 4 rows, about $0.18")).to_be_enabled()
    assert made() == before


@pytest.mark.parametrize("valid", [4, 0])
def test_a_file_that_goes_on_is_started_under_a_cap_only(console: Console, file: Path, valid: int) -> None:
    def looked_at_some(route: Route) -> None:
        plan = route.fetch().json()
        plan["rows"] |= {"valid": valid, "refused": 6 - valid}
        route.fulfill(json={**plan, "complete": False})

    page = console("#/batches")
    started: list[str] = []
    page.route("**/v1/batches?dry_run=true", looked_at_some)
    page.on("request", lambda request: started.append(request.headers.get("idempotency-key", "")))
    choose(page, file)
    what = "at least 4 rows" if valid else "the rows that can run"
    page.get_by_role("button", name=f"Start {what}, at least $0.18").click()
    expect(page.locator('[data-field="max_cost_usd"] .error')).to_contain_text("what it may cost at most")
    expect(page.get_by_label("Cost cap in dollars")).to_be_focused()
    assert not any(started)
    page.get_by_label("Cost cap in dollars").fill("5")
    expect(page.get_by_role("button", name=f"Start {what}, $5.00 at most")).to_be_enabled()


def test_a_batch_is_started_survives_a_reload_and_shows_its_pictures(console: Console, file: Path) -> None:
    page = console("#/batches")
    page.route("**/v1/batches/bat_*", look_again_soon)
    choose(page, file)
    page.get_by_label("Rows at a time").fill("2")
    page.get_by_role("button", name="Start 4 rows").click()
    page.wait_for_url("**/#/batches/bat_*")
    expect(page.locator(".batch-bar")).to_be_visible()
    page.reload()
    expect(page.locator(".batch-title .badge")).to_have_text("Completed", timeout=PATIENCE_MILLISECONDS)
    bar = page.get_by_role("img", name="Rows of 6: 4 succeeded, 2 refused")
    expect(bar).to_be_visible()
    pictures = page.locator('.batch-pictures img[data-state="here"]')
    expect(pictures).to_have_count(4)
    assert all(width > 0 for width in pictures.evaluate_all("all => all.map(image => image.naturalWidth)"))
    expect(page.locator(".rows-body .rows-row")).to_have_count(2)
    expect(page.get_by_role("link", name="results.jsonl")).to_have_attribute(
        "href", re.compile("results.jsonl")
    )
    page.get_by_role("link", name="All batches").click()
    entry = page.locator(".batch-rows li").first
    expect(entry).to_contain_text("4 of 6 succeeded, 2 without a picture")
    entry.get_by_role("link").click()
    page.get_by_role("link", name="card-1").click()
    expect(page).to_have_url(re.compile("#/gallery/gen_"))


def test_a_batch_is_canceled_and_resumed_with_other_bounds(console: Console, tmp_path: Path) -> None:
    rows = [{**REQUEST, "prompt": f"a slow card {number} [sandbox: slow-task=3]"} for number in range(4)]
    page = console("#/batches", size=PHONE, theme="dark")
    page.route("**/v1/batches/bat_*", look_again_soon)
    choose(page, written(tmp_path / "slow.jsonl", rows))
    page.get_by_label("Rows at a time").fill("1")
    page.get_by_role("button", name="Start 4 rows").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the batch").click()
    badge = page.locator(".batch-title .badge")
    expect(badge).to_have_text("Canceled", timeout=PATIENCE_MILLISECONDS)
    expect(page.get_by_text("Its caller canceled it.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    dialog = page.get_by_role("dialog", name="Resume this batch")
    dialog.get_by_label("Cost cap in dollars").fill("-1")
    dialog.get_by_role("button", name="Resume").click()
    expect(dialog.locator('[data-field="max_cost_usd"] .error')).to_contain_text("must be dollars")
    dialog.get_by_label("Cost cap in dollars").fill("5")
    dialog.get_by_label("Rows at a time").fill("4")
    dialog.get_by_role("button", name="Resume").click()
    expect(badge).to_have_text("Completed", timeout=PATIENCE_MILLISECONDS)
    expect(page.get_by_role("img", name="Rows of 4: 4 succeeded")).to_be_visible()
    expect(page.get_by_text("capped at $5.00")).to_be_visible()


def test_thousands_of_rows_are_a_few_elements(console: Console, tmp_path: Path) -> None:
    rows = [{**REQUEST, "custom_id": f"row-{number}", "prompt": "a card"} for number in range(1, 4001)]
    page = console("#/batches")
    choose(page, written(tmp_path / "many.jsonl", rows))
    drawn = page.locator(".rows-body .rows-row")
    assert drawn.count() < 60
    page.locator(".rows").evaluate("table => { table.scrollTop = table.scrollHeight; }")
    expect(drawn.last).to_contain_text("row-4000")
    expect(drawn.last).to_have_attribute("aria-rowindex", "4001")
    assert drawn.count() < 60


def test_files_of_another_form_or_size_are_refused_in_words(console: Console, tmp_path: Path) -> None:
    page = console("#/batches")
    chooser, alert = page.get_by_label("Choose a file"), page.get_by_role("alert")
    for name, content, words in (
        ("cards.txt", "a card", "ends with none of .jsonl, .csv and .json"),
        ("cards.json", "[{", "It is not JSON"),
        ("empty.csv", "model,prompt\n", "holds no rows"),
    ):
        (tmp_path / name).write_text(content)
        chooser.set_input_files(tmp_path / name)
        expect(page.locator("#main")).to_contain_text(words)
        if page.get_by_role("button", name="Choose another file").is_visible():
            page.get_by_role("button", name="Choose another file").click()
    for name, most in (("huge.csv", 5_500_000), ("huge.jsonl", 4_400_000)):
        (tmp_path / name).write_bytes(b"x" * (most + 1))
        chooser.set_input_files(tmp_path / name)
        expect(alert).to_contain_text(f"{name} is larger than {most / 1e6} MB")
        expect(alert).to_contain_text(f"aws s3 cp ./{name} s3://INBOX/requests/{name}")


def test_a_files_name_is_no_code_in_the_command_to_paste(console: Console, tmp_path: Path) -> None:
    page = console("#/batches")
    name = "-a $(touch run) `touch run` \"b\" 'c'.jsonl"
    huge: FilePayload = {"name": name, "mimeType": "", "buffer": b"x" * 4_400_001}
    page.get_by_label("Choose a file").set_input_files(huge)
    code = page.get_by_role("alert").locator("pre").inner_text()
    pasted = "aws() { printf '%s\\n' \"$@\"; }\n" + code
    done = subprocess.run(
        ["sh", "-c", pasted], cwd=tmp_path, capture_output=True, text=True, timeout=10, check=True
    )
    assert done.stdout.splitlines()[2:4] == [f"./{name}", f"s3://INBOX/requests/{name}"]
    assert list(tmp_path.iterdir()) == []


def test_files_are_read_as_their_endings_say_chosen_or_dropped(console: Console, tmp_path: Path) -> None:
    page = console("#/batches")
    csv = "model,prompt\nqwen-image,a card\nqwen-image,another\n"
    (tmp_path / "cards.csv").write_text(csv)
    rows = page.locator(".rows-body .rows-row")
    choose(page, tmp_path / "cards.csv")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("another")
    drop(page, "cards.json", json.dumps([{**REQUEST, "prompt": f"a card, {number}"} for number in range(3)]))
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("a card, 2")


def drop(page: Page, name: str, content: str) -> None:
    """Drop a file onto the page, next to everything."""
    page.evaluate(
        "([name, content]) => { const data = new DataTransfer(); data.items.add(new File([content], name));"
        " for (const type of ['dragover', 'drop']) document.body.dispatchEvent("
        "new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true})); }",
        [name, content],
    )


def test_looks_come_when_the_api_said_and_never_in_a_hidden_tab(
    console: Console, caller: EaselCaller
) -> None:
    made = caller.call("POST", "/v1/batches", {"rows": [{**REQUEST, "prompt": "a card"}]})
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        body = {**made.body, "status": "running", "ended_at": None, "files": {}}
        route.fulfill(json=body, headers={"Retry-After": "1"})

    page = console("#/create")
    page.clock.install()
    page.route("**/v1/batches/*", answer)
    page.goto(f"{page.url.split('#')[0]}#/batches/{made.body['id']}")
    expect(page.locator(".batch-title .badge")).to_have_text("Running")
    assert len(asked) == 1
    with page.expect_response("**/v1/batches/*"):
        page.clock.run_for(1100)
    expect(page.locator(".batch-title .badge")).to_have_text("Running")
    hide(page, hidden=True)
    page.clock.run_for(60_000)
    assert len(asked) == 2
    with page.expect_response("**/v1/batches/*"):
        hide(page, hidden=False)
    assert len(asked) == 3


def hide(page: Page, *, hidden: bool) -> None:
    """As if the tab was left, or came back."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_a_batch_that_is_not_there_is_said_so(console: Console) -> None:
    page = console("#/batches/bat_01J00000000000000000000000")
    expect(page.get_by_text("There is no such batch")).to_be_visible()
