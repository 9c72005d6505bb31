"""What a person sees: the live line that goes away, pictures, tables, the question."""

import base64
import io
import json
import time
from pathlib import Path

import pytest
from PIL import Image

from easel_client.command import inline
from easel_client.command.words import bytes_words
from tests.fakes.http_server import Exchange
from tests.fakes.pictures import picture
from tests.fakes.terminal import COLUMNS, CTRL_C, on_a_terminal
from tests.unit.client.command import easel
from tests.unit.client.deployment import ID, LOOK, PNG, Deployment, batch, failure, generation, problem
from tests.unit.client.test_batch_command import plan

COST = f"$0.075 billed · mulerouter/qwen-image-max · 4.2 s · {ID}"

CONTROLS = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n", "\t"}


def held(exchange: Exchange) -> None:
    """Still at work, after a while, as a long poll is answered."""
    time.sleep(0.4)
    exchange.reply(200, generation("processing"), {"Retry-After": "0"})


def test_a_live_line_shows_states_and_the_expected_time_and_goes_away(deployment: Deployment) -> None:
    deployment.draws()
    deployment.laid[LOOK][:0] = [held, held]
    seen = on_a_terminal("generate", "a red fox", "--output", "fox.png")
    assert seen.status == 0
    for words in ("queued", "processing", "mulerouter/qwen-image-max", "of about 6 s"):
        assert words in seen.screen, words
    assert seen.left == [f"fox.png  64x48, {bytes_words(len(PNG))}", COST]
    assert Path("fox.png").read_bytes() == PNG


def test_ctrl_c_at_the_terminal_leaves_it_going_on(deployment: Deployment) -> None:
    deployment.draws()
    deployment.laid[LOOK][:] = [held]
    seen = on_a_terminal("generate", "a red fox", "--output", "fox.png", types={"processing": CTRL_C})
    assert seen.status == 130
    assert seen.left[-1].strip() == f"easel status {ID} --wait --output fox.png"
    assert "Traceback" not in seen.screen


def test_a_batch_asks_the_person(deployment: Deployment) -> None:
    deployment.answers("POST /v1/batches", plan(2, 0), (202, batch("completed", 2)))
    Path("rows.csv").write_text("model,prompt\n")
    seen = on_a_terminal("batch", "rows.csv", types={"at most? [y/N]": b"y\n"})
    assert seen.status == 0
    assert "completed" in seen.screen


@pytest.mark.parametrize(
    ("variable", "value", "start"),
    [("KITTY_WINDOW_ID", "1", "\x1b_Ga=T,f=100"), ("TERM_PROGRAM", "iTerm.app", "\x1b]1337;File=")],
)
def test_pictures_are_shown_where_the_terminal_can(
    deployment: Deployment, variable: str, value: str, start: str
) -> None:
    deployment.draws()
    seen = on_a_terminal("generate", "x", "-o", "a.png", "-q", environment={variable: value})
    assert start in seen.screen
    assert (
        start
        not in on_a_terminal(
            "generate", "x", "-o", "b.png", "-q", "--no-show", environment={variable: value}
        ).screen
    )


@pytest.mark.parametrize(
    ("environ", "spoken"),
    [
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/x"}, None),
        ({"TERM_PROGRAM": "iTerm.app", "TERM": "screen-256color"}, None),
    ],
)
def test_a_terminal_is_known_by_its_environment(environ: dict[str, str], spoken: str | None) -> None:
    assert inline.protocol(environ) == spoken


def test_protocols_carry_the_very_picture() -> None:
    data = picture("png", 400, 300)
    chunks = inline.kitty(data).split("\x1b\\")[:-1]
    heads = [chunk.removeprefix("\x1b_G").partition(";")[0] for chunk in chunks]
    assert len(chunks) > 1
    assert ["m=1" in head for head in heads] == [True] * (len(heads) - 1) + [False]
    text = "".join(chunk.partition(";")[2] for chunk in chunks)
    assert Image.open(io.BytesIO(base64.b64decode(text))).size == (400, 300)
    assert base64.b64decode(inline.iterm2(data).partition(":")[2].removesuffix("\x07")) == data


def test_nothing_is_shown_where_standard_output_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KITTY_WINDOW_ID", "1")
    assert not inline.show(PNG, "image/png")
    assert capsys.readouterr().out == ""


def test_a_table_keeps_ids_whole_and_cuts_the_last_column(deployment: Deployment) -> None:
    long = generation("succeeded", request={"prompt": "fox " * 60})
    deployment.answers("GET /v1/generations", {"data": [long], "next_cursor": None})
    head, line = on_a_terminal("list").left
    assert head.split() == ["id", "status", "cost", "ago", "prompt"]
    assert (line[:30], line[-1], len(line)) == (ID, "…", COLUMNS)


ORDERS = "\x1b]0;owned\x07\x1b[2J\x9b31mred\x7f\rfox"


def test_nothing_from_elsewhere_gives_the_terminal_orders(deployment: Deployment) -> None:
    drawn = generation("queued", request={"prompt": ORDERS}, route=ORDERS, model=ORDERS)
    failed = generation("failed", error=failure(vendor_message=ORDERS), request={"prompt": ORDERS})
    deployment.answers("GET /v1/generations", {"data": [drawn], "next_cursor": None})
    deployment.answers("GET /v1/key", {"id": ORDERS, "name": ORDERS, "tenant": ORDERS, "prefix": ORDERS})
    deployment.answers("POST /v1/generations", (422, problem(422, "invalid_request", ORDERS)))
    deployment.answers(LOOK, failed)
    deployment.answers(f"POST /v1/generations/{ID}/cancel", generation(ORDERS))
    seen = [
        easel("list"), easel("status", ID), easel("keys", "whoami"), easel("generate", "x"),
        easel("status", "x" + ORDERS), easel("cancel", ID),
    ]  # fmt: skip
    for done in seen:
        assert "fox" in done.stdout + done.stderr
        assert not set(done.stdout + done.stderr) & CONTROLS
    for done in (easel("list", "--json"), easel("status", ID, "--json")):
        assert not set(done.stdout) & CONTROLS
    assert json.loads(easel("list", "--json").stdout)["data"][0]["route"] == ORDERS


def test_a_live_line_gives_the_terminal_no_orders(deployment: Deployment) -> None:
    def evil(exchange: Exchange) -> None:
        time.sleep(0.4)
        exchange.reply(200, generation("processing", route=ORDERS), {"Retry-After": "0"})

    deployment.draws()
    deployment.laid[LOOK].insert(0, evil)
    seen = on_a_terminal("generate", "a red fox", "--output", "fox.png")
    assert seen.status == 0
    assert "]0;owned[2J31mred fox" in seen.screen
    assert not any(order in seen.screen for order in ("\x1b]0;", "\x1b[2J", "\x07", "\x9b"))
