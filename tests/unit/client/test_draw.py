"""`easel generate` and `easel edit`: what they write, keep, refuse, and how they end."""

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.http_server import Exchange
from tests.unit.client.command import data, easel
from tests.unit.client.deployment import (
    CREATE,
    ID,
    IMAGE,
    LOOK,
    PNG,
    Deployment,
    failure,
    generation,
    money,
    problem,
)

COST = f"$0.075 billed · mulerouter/qwen-image-max · 4.2 s · {ID}"


def test_the_file_is_on_standard_output_and_the_cost_beside_it(deployment: Deployment) -> None:
    deployment.draws(generation("processing"))
    done = easel("generate", "a red fox in snow", "--output", "fox.png")
    assert (done.exit_code, done.stdout) == (0, "fox.png\n")
    assert done.stderr.splitlines() == [f"{ID} queued", f"{ID} processing", f"{ID} succeeded", COST]
    assert Path("fox.png").read_bytes() == PNG


def test_json_is_all_that_standard_output_has(deployment: Deployment) -> None:
    deployment.draws()
    done = easel("generate", "a red fox", "--json", "--quiet")
    told = data(done)
    assert told["mood"] == "from a newer Easel"
    assert [Path(file).read_bytes() for file in told["files"]] == [PNG]
    assert done.stderr == f"{COST}\n"


def test_each_option_is_a_field_of_the_request(deployment: Deployment) -> None:
    deployment.answers(CREATE, (202, generation("queued")))
    done = easel(
        "generate", "-", "--model", "qwen-image", "--size", "16:9", "-n", "2", "--seed", "7",
        "--negative-prompt", "dogs", "--route", "a/b", "--route", "c/d", "--strict", "--resubmit",
        "--deadline", "60", "--webhook", "https://x.example", "--metadata", "order=7=8",
        "--no-prompt-extend", "--watermark", "--format", "jpeg", "--guidance-scale", "2.5",
        "--lora", '{"weights": "o/n", "scale": 1}', "--no-wait", typed="a fox\n",
    )  # fmt: skip
    assert (done.exit_code, done.stdout) == (0, f"{ID}\n")
    assert deployment.asked[0].json() == {
        "model": "qwen-image", "prompt": "a fox", "size": "16:9", "n": 2, "seed": 7,
        "negative_prompt": "dogs", "route": ["a/b", "c/d"], "strict": True, "on_unknown": "resubmit",
        "deadline_seconds": 60, "webhook": "https://x.example", "metadata": {"order": "7=8"},
        "prompt_extend": False, "watermark": True, "output_format": "jpeg", "guidance_scale": 2.5,
        "lora": {"weights": "o/n", "scale": 1},
    }  # fmt: skip


def test_edit_takes_pictures_in_their_order(deployment: Deployment) -> None:
    deployment.draws()
    Path("a.png").write_bytes(PNG)
    done = easel("edit", "night", "-i", "https://x.example/b.png", "--image", "a.png", "-o", "night/", "-q")
    assert done.stdout == f"night/a-red-fox-in-snow-{ID}.png\n"
    asked = deployment.calls(CREATE)[0].json()
    assert asked["model"] == "qwen-image-edit-max"
    assert [link[:10] for link in asked["images"]] == ["https://x.", "data:image"]
    assert easel("edit", "night").exit_code == 2


@pytest.mark.parametrize(
    ("output", "files"),
    [
        (None, [f"a-red-fox-in-snow-{ID}.png", f"a-red-fox-in-snow-{ID}-2.png"]),
        ("new/", [f"new/a-red-fox-in-snow-{ID}.png", f"new/a-red-fox-in-snow-{ID}-2.png"]),
        ("there", [f"there/a-red-fox-in-snow-{ID}.png", f"there/a-red-fox-in-snow-{ID}-2.png"]),
        ("fox", ["fox.png", "fox-2.png"]),
        ("deep/fox.png", ["deep/fox.png", "deep/fox-2.png"]),
        ("{model}/{seed}-{n}.{ext}", ["qwen-image-max/7-1.png", "qwen-image-max/7-2.png"]),
        ("{id}-{seed}/{n}", [f"{ID}-7/1.png", f"{ID}-7/2.png"]),
        ("{slug}", ["a-red-fox-in-snow.png", "a-red-fox-in-snow-2.png"]),
    ],
)
def test_output_is_a_file_a_folder_or_a_pattern(
    deployment: Deployment, output: str | None, files: list[str]
) -> None:
    Path("there").mkdir()
    deployment.answers(CREATE, deployment.succeeded(2, seed=7))
    deployment.answers(IMAGE, PNG)
    done = easel("generate", "x", "-n", "2", "--quiet", *(("--output", output) if output else ()))
    assert done.stdout.split() == files
    assert all(Path(file).read_bytes() == PNG for file in files)


@pytest.mark.parametrize("output", ["fox.png", "{nope}.png", "{", "file/fox.png"])
def test_an_output_that_cannot_be_is_said_before_anything_is_bought(
    deployment: Deployment, output: str
) -> None:
    Path("fox.png").write_text("mine")
    Path("file").write_text("no folder")
    done = easel("generate", "x", "--output", output)
    assert done.exit_code == 2
    assert done.stderr.startswith("easel: ")
    assert deployment.asked == []
    assert Path("fox.png").read_text() == "mine"


@pytest.mark.parametrize("output", ["out/", "out/{id}.png", "out/{model}/{id}-{seed}", "out/{id}/{n}.{ext}"])
@pytest.mark.parametrize("evil", ["x/../../../evil", "..", "../evil", "/evil", "a\0b\\c\n", ".hidden", ""])
def test_no_name_of_the_answer_leads_out_of_the_folder(
    deployment: Deployment, output: str, evil: str
) -> None:
    ended = deployment.succeeded(id=evil, model=evil, seed=evil)
    ended["images"][0]["content_type"] = f"image/{evil}"
    deployment.answers(CREATE, ended)
    deployment.answers(IMAGE, PNG)
    done = easel("generate", "x", "--quiet", "--output", output)
    assert done.exit_code == 0, done.stderr
    (written,) = [file for file in Path().resolve().parent.rglob("*") if file.is_file()]
    inside = written.relative_to(Path("out").resolve())
    assert not any(part.startswith(".") for part in inside.parts)
    assert str(inside).replace("/", "").translate(str.maketrans("._-", "aaa")).isalnum()


def test_no_file_is_replaced_silently(deployment: Deployment) -> None:
    deployment.draws()
    Path("fox-2.png").write_text("mine")
    assert easel("generate", "x", "-n", "2", "-o", "fox.png").exit_code == 2
    assert easel("generate", "x", "-o", "fox-2.png", "--force").exit_code == 0
    assert Path("fox-2.png").read_bytes() == PNG

    def meanwhile(exchange: Exchange) -> None:
        Path("late.png").write_text("of another")
        exchange.reply(200, PNG)

    deployment.laid[IMAGE].clear()
    deployment.answers(IMAGE, meanwhile)
    assert easel("generate", "x", "-o", "late.png", "-q").stdout == "late (2).png\n"
    assert Path("late.png").read_text() == "of another"


def test_a_failed_generation_says_why_what_it_cost_and_ends_with_1(deployment: Deployment) -> None:
    said = failure(vendor_message="prohibited content")
    maybe = {**generation("queued")["receipt"], "possibly_billed": money("2", "credits")}
    maybe |= {"usd": {"possibly_billed": money("0.10")}, "attempts": [{}]}
    failed = generation("failed", error=said, receipt=maybe)
    deployment.answers(CREATE, (202, generation("queued")))
    deployment.answers(LOOK, failed)
    done = easel("generate", "x", "--quiet")
    assert (done.exit_code, done.stdout) == (1, "")
    first, last = done.stderr.splitlines()
    assert first.startswith("2 credits ($0.10) possibly billed · mulerouter/qwen-image-max")
    assert last == (
        f'easel: {ID} failed: The vendor refused the job. The vendor says: "prohibited content". '
        "Word the prompt differently."
    )
    assert data(easel("generate", "x", "--quiet", "--json"))["status"] == "failed"


REFUSALS: dict[str, tuple[int, dict[str, Any], int, str]] = {
    "wrong key": (401, problem(401, "unauthorized", "The API key is not known."), 4, "easel login"),
    "missing scope": (403, problem(403, "forbidden", "No scope 'generate'."), 4, "easel keys whoami"),
    "full budget": (402, problem(402, "budget_reached", "It may spend 5 USD a day."), 4, "in 1 h"),
    "rate limit": (429, problem(429, "limit_reached", "60 times a minute."), 3, "in 1 h"),
    "unknown model": (
        422,
        problem(422, "invalid_request", "See: model.", errors=[{"field": "model", "message": "is unknown"}]),
        3,
        "model: is unknown.",
    ),
    "out of order": (
        500,
        problem(500, "internal", "The fault is ours.", request_id="8f1c"),
        5,
        "log has it as 8f1c",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_sentence_what_to_do_and_an_exit_status(deployment: Deployment, case: str) -> None:
    status, body, code, words = REFUSALS[case]
    deployment.answers(CREATE, (status, body), **{"Retry-After": "3600"})
    done = easel("generate", "x")
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith("easel: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    told = data(easel("generate", "x", "--json"))["error"]
    assert (told["status"], told["code"]) == (status, body["code"])


def test_a_dead_server_and_no_deployment_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    done = easel("generate", "x")
    assert (done.exit_code, "easel login" in done.stderr) == (4, True)
    done = easel("generate", "x", EASEL_URL="http://127.0.0.1:9", EASEL_API_KEY="k")
    assert done.exit_code == 5
    assert done.stderr == (
        "easel: Nothing answers at http://127.0.0.1:9. Is the local stack running? `easel up` starts it, "
        "`easel doctor` looks into it.\n"
    )


def test_ctrl_c_leaves_it_going_on_and_says_how_to_pick_it_up(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.draws()

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    deployment.laid[LOOK].insert(0, lambda exchange: exchange.reply(200, generation("processing")))
    with monkeypatch.context() as patched:
        patched.setattr("easel_client.waiting.time.sleep", interrupt)
        done = easel("generate", "x", "--output", "a fox.png", "--quiet")
    assert done.exit_code == 130
    line = done.stderr.splitlines()[-1].strip()
    assert line == f"easel status {ID} --wait --output 'a fox.png'"
    assert not deployment.calls(f"POST /v1/generations/{ID}/cancel")
    picked_up = easel("status", ID, "--wait", "--output", "a fox.png", "--quiet")
    assert (picked_up.exit_code, picked_up.stdout) == (0, "a fox.png\n")


def test_ctrl_c_before_easel_has_answered_says_that_it_may_go_on(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.answers(CREATE, (503, b""))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("easel_client.transport.time.sleep", interrupt)
    done = easel("generate", "x", "--output", "fox.png")
    assert done.exit_code == 130
    assert "`easel list` shows whether it goes on" in done.stderr
    key = deployment.calls(CREATE)[0].headers["idempotency-key"].strip('"')
    assert f"--idempotency-key {key} does not buy it twice" in done.stderr


def test_what_was_sent_otherwise_than_asked_for_is_told(deployment: Deployment) -> None:
    report = {
        "applied": {}, "mapped": {"size": {"from": "16:9", "to": "1664*928"}},
        "dropped": {"seed": "no such parameter"}, "truncated": {"prompt": {"from": 900, "to": 800}},
    }  # fmt: skip
    deployment.answers(CREATE, deployment.succeeded(parameters=report, shortfall=1))
    deployment.answers(IMAGE, PNG)
    assert easel("generate", "x", "--quiet").stderr.splitlines() == [
        "size is sent as 1664*928, for 16:9",
        "seed is left out: no such parameter",
        "prompt is cut from 900 to 800 characters",
        "1 fewer than asked for: the others were broken or withheld.",
        COST,
    ]


def test_dry_run_tells_routes_and_prices_and_buys_nothing(deployment: Deployment) -> None:
    route = {
        "route": "mulerouter/qwen-image-max", "because": "first by the policy", "price": money("0.075"),
        "estimated_usd": money("0.075"), "expected_seconds": {"typical": 30, "slow": 60}, "health": "ok",
        "parameters": {},
    }  # fmt: skip
    plan = {
        "dry_run": True,
        "model": "qwen-image-max",
        "routes": [route],
        "refused": [],
        "reserves": money("0.1"),
    }
    deployment.answers(CREATE, plan)
    done = easel("generate", "x", "--dry-run")
    assert done.stdout == "1\tmulerouter/qwen-image-max\t$0.075\t30 s\tok\tfirst by the policy\n"
    assert deployment.asked[0].json()["dry_run"] is True
    assert data(easel("generate", "x", "--dry-run", "--json")) == plan


def test_wrong_usage_ends_with_2(deployment: Deployment) -> None:
    for words in (
        (),
        ("x", "--lora", "{"),
        ("x", "--metadata", "novalue"),
        ("x", "--nope"),
        ("x", "-n", "two"),
    ):
        assert easel("generate", *words).exit_code == 2, words
    assert deployment.asked == []


def test_help_tells_the_exit_statuses() -> None:
    told = " ".join(easel("--help").stdout.split())
    for words in (
        "0 it succeeded",
        "1 a generation",
        "2 wrong usage",
        "3 Easel refused",
        "4 no key",
        "130 Ctrl-C",
    ):
        assert words in told
