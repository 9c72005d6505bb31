"""The command and the Python client on the local stack, as a person uses them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from easel_client import Easel
from local.stack import LocalStack
from tests.fakes.pictures import picture
from tests.fakes.terminal import CTRL_C, EASEL, on_a_terminal

pytestmark = pytest.mark.stack

TIMEOUT_SECONDS = 60.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: LocalStack) -> Path:
    """Where a new user stands: the stack's data folder is known, no profile is."""
    for name in tuple(os.environ):
        if name.startswith("EASEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EASEL_DATA_DIR", str(stack.settings.data))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def easel(*words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a script."""
    return subprocess.run(
        [EASEL, *words], env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip


def test_a_new_user_makes_a_picture(folder: Path) -> None:
    seen = on_a_terminal("generate", "a red fox in snow", "--output", "fox.png")
    assert seen.status == 0, seen.screen
    for words in ("queued", "mulerouter/qwen-image-max", " of about "):
        assert words in seen.screen
    file, cost = seen.left
    assert file.startswith("fox.png  1664x928, ")
    assert cost.startswith("$0.075 billed · mulerouter/qwen-image-max · ")
    with Image.open(folder / "fox.png") as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (1664, 928))


def test_ctrl_c_leaves_it_going_on_and_it_is_picked_up(folder: Path) -> None:
    prompt = "a patient fox [sandbox: slow-task=2]"
    seen = on_a_terminal("generate", prompt, "--output", "late.png", types={"of about": CTRL_C})
    assert seen.status == 130, seen.screen
    program, *words = seen.left[-1].split()
    assert (program, words[0], words[2:]) == ("easel", "status", ["--wait", "--output", "late.png"])
    picked_up = easel(*words)
    assert (picked_up.returncode, picked_up.stdout) == (0, "late.png\n"), picked_up.stderr
    assert (folder / "late.png").stat().st_size > 1000


def test_each_trouble_is_one_sentence_and_an_exit_status(folder: Path) -> None:
    made = easel("keys", "create", "--tenant", "poor", "--usd-per-day", "0.01")
    assert made.returncode == 0, made.stderr
    wrong, poor = {"EASEL_API_KEY": "ezl_wrong"}, {"EASEL_API_KEY": made.stdout.strip()}
    dead = {"EASEL_URL": "http://127.0.0.1:9", **wrong}
    troubles: tuple[tuple[int, str, dict[str, str], tuple[str, ...]], ...] = (
        (4, "The API key is not known.", wrong, ("x",)),
        (4, "may spend 0.01 USD a day", poor, ("x",)),
        (5, "Nothing answers at http://127.0.0.1:9.", dead, ("x",)),
        (3, "model: is not a model of the catalogue", {}, ("x", "--model", "nope")),
        (1, "prohibited content", {}, ("x [sandbox: fail-moderation]", "--quiet")),
    )
    for status, words, environment, arguments in troubles:
        done = easel("generate", *arguments, environment=environment)
        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith("easel: "), done.stderr
        assert words in last
        assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []


def test_a_batch_is_made_and_its_gallery_is_whole(folder: Path) -> None:
    (folder / "rows.csv").write_text(
        "custom_id,model,route,prompt\n"
        "one,qwen-image,aimlapi/qwen-image,a first fox\n"
        "two,qwen-image,aimlapi/qwen-image,a second fox\n"
        "bad,nope,,no fox\n"
    )
    assert easel("batch", "rows.csv", "--dry-run").returncode == 3
    done = easel("batch", "rows.csv", "--yes", "--output", "out")
    assert done.returncode == 1, done.stderr  # a row was refused
    assert "row 3 (bad)  model: " in done.stderr
    pictures = sorted(Path("out/images").rglob("*.*"))
    assert len(pictures) == 2
    gallery = Path("out/gallery.html").read_text()
    assert all(str(file.relative_to("out")) in gallery for file in pictures)


def test_the_python_client_makes_edits_and_lists(folder: Path, stack: LocalStack) -> None:
    easel = Easel()
    assert easel.connection.url == stack.url
    seen: list[str] = []
    made = easel.generate(
        "a python fox",
        model="qwen-image",
        route="aimlapi/qwen-image",
        on_update=lambda one: seen.append(one.status),
    )
    assert made.save("fox") == (Path("fox.jpg"),)
    assert seen[-1] == "succeeded"
    large = picture("png", 900, 700)
    assert len(large) < 256 * 1024
    noise = large + os.urandom(300_000)  # what follows after an image's end is left alone; so it is uploaded
    edited = easel.edit("make it night", [Path("fox.jpg"), noise], route="dashscope-intl/qwen-image-edit-max")
    assert edited.images[0].bytes()
    assert edited.id in [one.id for one in easel.list(model="qwen-image-edit-max", limit=20)]
    assert easel.wait(edited.id).receipt.usd.billed is not None


def test_doctor_finds_the_local_stack_well(folder: Path, stack: LocalStack) -> None:
    done = easel("doctor")
    assert done.returncode == 0, done.stdout
    assert f"answers at {stack.url}" in done.stdout
    assert sys.version.split()[0] in done.stdout
