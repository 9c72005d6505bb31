"""What costs money and gets no answer: it is said that it may be bought, and how to repeat it safely."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from easel_client import Easel, EaselError, RateLimitError, UnreachableError
from tests.fakes.http_server import Exchange
from tests.unit.client.command import data, easel
from tests.unit.client.deployment import CREATE, ID, LOOK, PNG, Deployment, batch, generation, problem
from tests.unit.client.test_batch_command import BATCHES, plan

LARGE = PNG + bytes(300_000)  # more than goes inside a request
LOST = [Exchange.reset, Exchange.close, (503, b""), (500, problem(500, "internal", "The fault is ours."))]


def key_of(exchange: Exchange) -> str:
    """The Idempotency-Key that came."""
    return exchange.headers["idempotency-key"].strip('"')


@pytest.mark.parametrize("trouble", LOST)
def test_a_lost_answer_is_said_with_the_key_that_repeats_it(deployment: Deployment, trouble: Any) -> None:
    deployment.answers(CREATE, trouble)
    done = easel("generate", "x", "--no-wait", "--json")
    key = key_of(deployment.calls(CREATE)[0])
    assert done.exit_code == 5
    assert "It may have been accepted; `easel list` shows whether it goes on." in done.stderr
    assert f"The same command with --idempotency-key {key} does not buy it twice." in done.stderr
    assert data(done)["error"]["idempotency_key"] == key
    deployment.laid[CREATE][:] = []
    deployment.answers(CREATE, (202, generation("queued")))
    assert easel("generate", "x", "--no-wait", "--idempotency-key", key).stdout == f"{ID}\n"
    assert {(key_of(one), one.body) for one in deployment.calls(CREATE)} == {
        (key, deployment.calls(CREATE)[0].body)
    }


def test_what_was_refused_or_never_left_is_not_said_to_be_open(deployment: Deployment) -> None:
    deployment.answers(CREATE, (422, problem(422, "invalid_request", "No.")), (404, b"<html>"))
    deployment.answers("POST /v1/uploads", (503, b""))
    deployment.answers(LOOK, (503, b""))
    Path("large.png").write_bytes(LARGE)
    for words in (
        ("generate", "x"),
        ("generate", "x"),
        ("edit", "x", "--image", "large.png"),
        ("status", ID),
    ):
        done = easel(*words)
        assert done.exit_code != 0
        assert "accepted" not in done.stderr
    deployment.laid[CREATE][:] = []
    deployment.answers(CREATE, (503, b""))
    assert "idempotency_key" not in data(easel("generate", "x", "--dry-run", "--json"))["error"]
    nowhere = easel("generate", "x", EASEL_URL="http://127.0.0.1:9")
    assert (nowhere.exit_code, "accepted" in nowhere.stderr) == (5, False)


def test_a_first_try_that_was_lost_counts_whatever_the_last_one_says(deployment: Deployment) -> None:
    limited = (429, problem(429, "limit_reached", "60 times a minute."))
    deployment.answers(CREATE, Exchange.reset, limited)
    with pytest.raises(RateLimitError) as caught:
        Easel().generate("a fox", idempotency_key="order-7")
    assert caught.value.idempotency_key == "order-7"
    with pytest.raises(RateLimitError) as caught:
        Easel().generate("a fox", idempotency_key="order-7")
    assert caught.value.idempotency_key is None


def test_a_lost_edit_is_repeated_by_the_uploads_that_it_named(deployment: Deployment) -> None:
    deployment.answers("POST /form", (204, b""))
    for number in (1, 2, 3):
        offer = {"id": f"upl_{number}", "url": f"{deployment.url}/form", "fields": {}}
        deployment.answers("POST /v1/uploads", (201, offer))
    deployment.answers(CREATE, Exchange.reset)
    Path("large.png").write_bytes(LARGE)
    Path("small.png").write_bytes(PNG)
    done = easel("edit", "night", "-i", "large.png", "-i", "small.png", "-i", "large.png", "--no-wait")
    assert "--image upload:upl_1 for large.png and --image upload:upl_2 for large.png does" in done.stderr
    asked = deployment.calls(CREATE)[0]
    deployment.laid[CREATE][:] = []
    deployment.answers(CREATE, (202, generation("queued")))
    words = "edit night -i upload:upl_1 -i small.png -i upload:upl_2 --no-wait --idempotency-key"
    assert easel(*words.split(), key_of(asked)).exit_code == 0
    again = deployment.calls(CREATE)[-1]
    assert (key_of(again), again.body) == (key_of(asked), asked.body)


def test_an_edit_in_python_is_the_same_request_by_what_upload_gave(deployment: Deployment) -> None:
    deployment.answers("POST /form", (204, b""))
    offer = {"id": "upl_1", "url": f"{deployment.url}/form", "fields": {}}
    deployment.answers("POST /v1/uploads", (201, offer))
    deployment.answers(CREATE, Exchange.reset)
    easel_, links = Easel(), Easel().upload([LARGE])
    for _ in range(2):
        with pytest.raises(UnreachableError):
            easel_.edit("night", links, idempotency_key="order-7")
    assert len({one.body for one in deployment.calls(CREATE)}) == 1
    mismatch = problem(422, "idempotency_mismatch", "This Idempotency-Key came before with another body.")
    deployment.laid[CREATE][:] = []
    deployment.answers(CREATE, (422, mismatch))
    with pytest.raises(EaselError, match="name its upload:ID"):
        easel_.edit("night", [LARGE], idempotency_key="order-7")


def test_a_lost_batch_is_said_with_the_key_that_repeats_it(deployment: Deployment) -> None:
    Path("rows.csv").write_text("model,prompt\n")
    deployment.answers(BATCHES, plan(2, 0), *[Exchange.reset] * 4, plan(2, 0), (202, batch("preparing")))
    done = easel("batch", "rows.csv", "--yes", "--no-wait")
    assert done.exit_code == 5
    assert "`easel list --batches` shows whether it goes on" in done.stderr
    lost = deployment.calls(BATCHES)[1]
    option = f"--idempotency-key {key_of(lost)}"
    assert option in done.stderr
    assert easel("batch", "rows.csv", "--yes", "--no-wait", *shlex.split(option)).exit_code == 0
    again = deployment.calls(BATCHES)[-1]
    assert (key_of(again), again.body) == (key_of(lost), lost.body)


def test_ctrl_c_before_a_batch_is_answered_says_that_it_may_go_on(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rows.csv").write_text("model,prompt\n")
    deployment.answers(BATCHES, plan(2, 0), (503, b""))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("easel_client.transport.time.sleep", interrupt)
    done = easel("batch", "rows.csv", "--yes", "--idempotency-key", "my order")
    assert done.exit_code == 130
    assert "with --idempotency-key 'my order' does not buy it twice" in done.stderr


@pytest.mark.parametrize("key", ["", 'a"b', "a\nb", "\u00fc", "x" * 256])
def test_a_key_that_cannot_be_one_is_wrong_usage(deployment: Deployment, key: str) -> None:
    assert easel("generate", "x", "--idempotency-key", key).exit_code == 2
    assert deployment.asked == []
