"""The Python client against a deployment that answers over real HTTP."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from easel_client import (
    Batch,
    Easel,
    GenerationFailedError,
    ImageError,
    InputError,
    ServerError,
    StillWorkingError,
    UnreachableError,
)
from tests.fakes.http_server import Exchange
from tests.unit.client.deployment import (
    BATCH,
    CREATE,
    ID,
    IMAGE,
    LOOK,
    PNG,
    Deployment,
    batch,
    failure,
    generation,
    image,
)

LARGE = PNG + bytes(300_000)  # more than goes inside a request


def test_generate_waits_and_saves_the_picture(deployment: Deployment) -> None:
    deployment.draws(generation("processing"))
    made = Easel().generate("a fox", size="16:9", seed=7, negative_prompt=None)
    assert made.save("fox.png") == (Path("fox.png"),)
    assert Path("fox.png").read_bytes() == PNG
    assert (made.status, str(made.receipt.own.billed), made.seconds) == ("succeeded", "$0.075", 4.2)
    asked = deployment.calls(CREATE)[0]
    assert asked.json() == {"model": "qwen-image-max", "prompt": "a fox", "size": "16:9", "seed": 7}
    assert asked.headers["authorization"] == f"Bearer {deployment.key}"
    assert "authorization" not in deployment.calls(IMAGE)[0].headers
    assert "wait=25" in deployment.calls(LOOK)[0].path


def test_what_is_kept_to_itself_stands_in_no_repr(deployment: Deployment) -> None:
    deployment.draws()
    easel = Easel()
    made = easel.generate("a fox")
    text = f"{made!r} {easel.connection!r} {made.images[0]!r}"
    for secret in (deployment.key, "A red fox", "/kept/"):
        assert secret not in text


def test_wait_is_resumed_by_the_id_alone_and_obeys_what_easel_says(deployment: Deployment) -> None:
    deployment.draws()
    assert Easel().generate("a fox", wait=False).status == "queued"
    seen: list[str] = []
    deployment.laid[LOOK].clear()
    deployment.answers(LOOK, generation("submitting"), generation("persisting"), **{"Retry-After": "0"})
    deployment.answers(LOOK, deployment.succeeded())
    assert Easel().wait(ID, on_update=lambda one: seen.append(one.status)).succeeded
    assert seen == ["submitting", "persisting", "succeeded"]


def test_wait_ends_when_its_time_is_over_and_says_what_goes_on(deployment: Deployment) -> None:
    deployment.answers(LOOK, generation("processing"), **{"Retry-After": "0"})
    with pytest.raises(StillWorkingError) as caught:
        Easel().wait(ID, timeout_seconds=0.05)
    assert caught.value.generation_id == ID
    with pytest.raises(StillWorkingError):
        Easel().get(ID).save("never.png")


@pytest.mark.parametrize("trouble", [Exchange.reset, lambda _: None], ids=["resets", "silence"])
def test_the_time_of_a_wait_is_kept_in_an_outage(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, trouble: Any
) -> None:
    monkeypatch.setattr("easel_client.waiting.LAST_ANSWER_SECONDS", 0.1)
    deployment.answers(LOOK, trouble)
    began = time.monotonic()
    with pytest.raises(StillWorkingError, match="cannot be looked at") as caught:
        Easel().wait(ID, timeout_seconds=0.3)
    assert time.monotonic() - began < 2
    assert caught.value.generation_id == ID


def test_an_outage_while_it_waits_is_waited_out_for_a_while(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easel_client.waiting.LOOK_AGAIN_SECONDS", 0.01)
    deployment.draws()
    deployment.laid[LOOK].clear()
    deployment.answers(LOOK, *[Exchange.reset] * 6, deployment.succeeded())
    assert Easel().generate("a fox").succeeded
    monkeypatch.setattr("easel_client.waiting.OUTAGE_SECONDS", 0.02)
    deployment.answers(LOOK, Exchange.reset)
    deployment.laid[LOOK].pop(0)
    with pytest.raises(UnreachableError) as caught:
        Easel().wait(ID)
    assert caught.value.generation_id == ID


def test_a_generation_that_failed_says_why_and_keeps_its_facts(deployment: Deployment) -> None:
    said = failure(vendor_message="prohibited content")
    deployment.answers(CREATE, generation("failed", error=said))
    with pytest.raises(GenerationFailedError) as caught:
        Easel().generate("a fox")
    assert "prohibited content" in str(caught.value)
    assert "Word the prompt differently" in caught.value.advice
    assert caught.value.generation.error is not None
    assert caught.value.generation.error.code == "moderation"


def test_a_link_that_died_is_renewed(deployment: Deployment) -> None:
    deployment.answers(LOOK, generation("succeeded", images=[image(f"{deployment.url}/dead.png")]))
    deployment.answers(LOOK, deployment.succeeded())
    deployment.answers("GET /dead.png", (403, b"<Error>expired</Error>"))
    deployment.answers(IMAGE, PNG)
    assert Easel().get(ID).images[0].bytes() == PNG


def cut(exchange: Exchange) -> None:
    """Half of the picture, then nothing."""
    exchange.head(200, {"Content-Length": str(len(PNG))})
    exchange.send(PNG[: len(PNG) // 2])
    exchange.close()


def other(exchange: Exchange) -> None:
    """Another picture of the same length."""
    exchange.reply(200, PNG[:-1] + b"\0")


@pytest.mark.parametrize("wrong", [cut, other, PNG + b"more"])
def test_bytes_are_those_that_were_announced_or_there_are_none(deployment: Deployment, wrong: Any) -> None:
    deployment.answers(LOOK, deployment.succeeded())
    deployment.answers(IMAGE, wrong, PNG)
    assert Easel().get(ID).images[0].bytes() == PNG
    deployment.laid[IMAGE].clear()
    deployment.answers(IMAGE, wrong)
    with pytest.raises(ImageError):
        Easel().get(ID).save("fox.png")
    assert list(Path().iterdir()) == []


def test_several_pictures_are_numbered_and_endings_are_right(deployment: Deployment) -> None:
    deployment.answers(LOOK, deployment.succeeded(3))
    deployment.answers(IMAGE, PNG)
    names = Easel().get(ID).save("new/fox")
    assert [str(name) for name in names] == ["new/fox.png", "new/fox-2.png", "new/fox-3.png"]


@pytest.mark.parametrize("folder", ["there", "there/", "new/"])
def test_a_folder_is_no_name_for_a_picture(deployment: Deployment, folder: str) -> None:
    Path("there").mkdir()
    deployment.answers(LOOK, deployment.succeeded())
    deployment.answers(IMAGE, PNG)
    made = Easel().get(ID)
    for save in (made.save, made.images[0].save):
        with pytest.raises(InputError, match="is a folder"):
            save(folder)
    assert [one.name for one in Path().rglob("*")] == ["there"]


def test_edit_sends_small_files_inside_and_uploads_large_ones(deployment: Deployment) -> None:
    deployment.answers(CREATE, deployment.succeeded())
    offer = {"id": "upl_1", "url": f"{deployment.url}/form", "fields": {"key": "uploads/1", "policy": "p"}}
    deployment.answers("POST /v1/uploads", (201, offer))
    deployment.answers("POST /form", (204, b""))
    Path("small.png").write_bytes(PNG)
    Easel().edit(
        "night", [Path("small.png"), "small.png", LARGE, "https://example.com/a.png", "upload:upl_0"]
    )
    images = deployment.calls(CREATE)[0].json()["images"]
    assert images[0].startswith("data:image/png;base64,")
    assert images[1:] == [images[0], "upload:upl_1", "https://example.com/a.png", "upload:upl_0"]
    assert deployment.calls("POST /v1/uploads")[0].json() == {
        "content_type": "image/png",
        "bytes": len(LARGE),
    }
    form = deployment.calls("POST /form")[0].body
    assert form.index(b'name="key"') < form.index(b'name="policy"') < form.index(b'name="file"')
    assert LARGE in form


@pytest.mark.parametrize("given", ["nothing-here.png", b"no picture", Path("notes.txt")])
def test_what_is_no_picture_is_said_before_anything_is_sent(deployment: Deployment, given: Any) -> None:
    Path("notes.txt").write_text("some notes")
    with pytest.raises(InputError):
        Easel().edit("night", [LARGE, given])
    assert deployment.asked == []


def test_list_asks_for_pages_as_they_are_wanted(deployment: Deployment) -> None:
    first = {"data": [generation("succeeded", id=f"gen_{n}") for n in range(2)], "next_cursor": "gen_1"}
    last = {"data": [generation("failed", id="gen_2")], "next_cursor": None}
    deployment.answers("GET /v1/generations", first, last)
    assert [one.id for one in Easel().list(status="failed")] == ["gen_0", "gen_1", "gen_2"]
    pages = deployment.calls("GET /v1/generations")
    assert pages[0].path.endswith("?status=failed&limit=100")
    assert pages[1].path.endswith("&cursor=gen_1")
    deployment.laid.clear()
    deployment.answers("GET /v1/generations", first, last)
    assert len(list(Easel().list(limit=2))) == 2
    assert len(deployment.calls("GET /v1/generations")) == 3


@pytest.mark.parametrize(
    ("name", "content_type"), [("rows.jsonl", "application/jsonl"), ("rows.csv", "text/csv")]
)
def test_batch_sends_a_file_as_it_is(deployment: Deployment, name: str, content_type: str) -> None:
    deployment.answers("POST /v1/batches", (202, batch("preparing")))
    Path(name).write_bytes(b"the very bytes\r\n")
    assert Easel().batch(name, max_cost_usd="1.50").id == BATCH
    asked = deployment.asked[0]
    assert (asked.body, asked.headers["content-type"]) == (b"the very bytes\r\n", content_type)
    assert asked.path == "/v1/batches?max_cost_usd=1.50"
    assert asked.headers["idempotency-key"]


def test_batch_takes_rows_and_json_files_and_is_waited_for(deployment: Deployment) -> None:
    deployment.answers("POST /v1/batches", (202, batch("preparing")))
    deployment.answers(f"GET /v1/batches/{BATCH}", batch("running", 1), **{"Retry-After": "0"})
    deployment.answers(f"GET /v1/batches/{BATCH}", batch("completed", 2))
    rows = [{"prompt": "one", "model": "qwen-image"}]
    Path("rows.json").write_text(json.dumps(rows[0]))
    easel = Easel()
    for source in (rows, "rows.json"):
        made = easel.batch(source, tolerated_failures=1)
        assert deployment.asked[-1].json() == {"rows": rows, "tolerated_failures": 1}
    assert easel.wait_batch(made).whole
    for wrong in ("rows.txt", "none.csv"):
        with pytest.raises(InputError):
            easel.batch(wrong)


def test_an_answer_that_is_not_easels_is_an_error_and_no_surprise(deployment: Deployment) -> None:
    for body in (b"<html>hello</html>", ["a list"], {"id": ID}):
        deployment.laid.clear()
        deployment.answers(LOOK, body)
        with pytest.raises(ServerError, match="address right"):
            Easel().get(ID)


def test_what_easel_says_of_the_pace_is_obeyed_where_it_does_not_hold_its_answers(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("easel_client.waiting.time.sleep", slept.append)
    deployment.answers(LOOK, generation("queued"), **{"Retry-After": "4"})
    deployment.answers(LOOK, generation("processing"), **{"Retry-After": "600"})
    deployment.answers(LOOK, generation("processing"), deployment.succeeded())
    assert Easel().wait(ID).succeeded
    assert [round(seconds) for seconds in slept] == [4, 10, 1]


def test_a_file_that_is_too_large_is_an_error_and_never_cut(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.answers("GET /files/results.jsonl", b"12345")
    made = Batch.of(batch("completed", 2, files={"results.jsonl": f"{deployment.url}/files/results.jsonl"}))
    monkeypatch.setattr("easel_client.downloads.FILE_BYTES_MAX", 5)
    assert Easel().batch_file(made, "results.jsonl") == b"12345"
    monkeypatch.setattr("easel_client.downloads.FILE_BYTES_MAX", 4)
    with pytest.raises(ImageError, match=r"results\.jsonl is larger than 4 bytes"):
        Easel().batch_file(made, "results.jsonl")


def test_one_picture_needs_no_list_and_what_is_none_is_said(deployment: Deployment) -> None:
    deployment.draws()
    made = Easel().edit("night", PNG)
    assert len(deployment.calls(CREATE)[-1].json()["images"]) == 1
    Easel().edit("night", made.images[0], wait=False)
    assert deployment.calls(CREATE)[-1].json()["images"] == [made.images[0].s3_uri]
    with pytest.raises(InputError, match="Image 2 is neither"):
        Easel().edit("night", [PNG, 7])  # type: ignore[list-item]
    Path("large.png").write_bytes(PNG + bytes(10 * 2**20))
    with pytest.raises(InputError, match=r"large\.png has 10\.0 MB"):
        Easel().edit("night", "large.png")
