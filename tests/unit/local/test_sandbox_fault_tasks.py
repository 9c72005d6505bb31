"""Faults of the sandbox vendors that strike a task and its polls."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import replace

import pytest

from local.sandbox import engine, mulerouter
from local.sandbox.server import SandboxServer
from tests.unit.local.sandbox_caller import QUICK, change, fetch
from tests.unit.local.sandbox_routes import ONE_OF_EACH, POLLED, ROUTES, SYNC, Shop

FAILURES = {  # as a poll shows them: MuleRouter's number, DashScope's code, PixelDojo's text
    "fail-transient": (3003, "InternalError.Algo", "internal error"),
    "fail-moderation": (3001, "DataInspectionFailed", "content filter"),
    "fail-validation": (2002, "InvalidParameter", "invalid input"),
}
SYNC_FAILURES = [  # DashScope's code and AI/ML's text, and their HTTP status
    ("dashscope-sync", "fail-transient", 500, "InternalError.Algo"),
    ("dashscope-sync", "fail-moderation", 400, "DataInspectionFailed"),
    ("dashscope-sync", "fail-validation", 400, "InvalidParameter"),
    ("aimlapi", "fail-transient", 500, "Internal server error"),
    ("aimlapi", "fail-validation", 400, "Body validation error!"),
]
POLL_STATUS = {"poll-429": 429, "poll-500": 500, "poll-502": 502, "poll-503": 503, "poll-504": 504}
TESTED = {
    *FAILURES,
    *POLL_STATUS,
    *("stuck", "slow-task", "unknown-word", "vanish", "lost-poll", "short", "no-images"),
}


@pytest.mark.parametrize("name", POLLED)
def test_a_stuck_task_runs_on(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    job = shop.submit("a boat [sandbox: stuck]")
    time.sleep(0.1)
    assert shop.route.word(shop.poll(job).json).lower() in ("processing", "running")
    row = shop.row
    assert (row["phase"], row["seconds"]) == ("running", None)
    # Nothing is charged before the end, except at PixelDojo, where one pays at the door.
    assert row["billed"]["images"] == (2 if name == "pixeldojo" else 0)


@pytest.mark.parametrize("name", SYNC)
def test_a_stuck_call_is_held_and_closed_in_the_end(
    sandbox: SandboxServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LONGEST_WAIT_SECONDS", 0.3)
    shop = Shop(sandbox, name)
    began = time.monotonic()
    with pytest.raises(http.client.RemoteDisconnected):
        shop.submit("a boat [sandbox: stuck]")
    assert time.monotonic() - began > 0.25
    assert shop.billed == 0


def test_a_closing_server_lets_stuck_calls_go() -> None:
    with SandboxServer(settings=QUICK) as sandbox:
        shop = Shop(sandbox, "aimlapi")
        ends: list[object] = []

        def call() -> None:
            with pytest.raises(http.client.RemoteDisconnected) as end:
                shop.submit("a boat [sandbox: stuck]")
            ends.append(end.type)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        deadline = time.monotonic() + 5
        while not sandbox.engine.tasks() and time.monotonic() < deadline:
            time.sleep(0.01)
    thread.join(5)
    assert ends == [http.client.RemoteDisconnected]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_slow_task_takes_its_time(sandbox: SandboxServer, name: str) -> None:
    began = time.monotonic()
    shop = Shop(sandbox, name)
    assert len(shop.buy("a boat [sandbox: slow-task=0.5]")) == 2
    assert time.monotonic() - began > 0.5
    assert shop.row["seconds"] == 0.5


@pytest.mark.parametrize("name", POLLED)
@pytest.mark.parametrize(("fault", "shown"), FAILURES.items())
def test_a_failed_task_is_failed_in_the_vendors_words_and_free(
    sandbox: SandboxServer, name: str, fault: str, shown: tuple[int, str, str]
) -> None:
    shop = Shop(sandbox, name)
    body = shop.finish(shop.submit(f"a boat [sandbox: {fault}]"))
    assert shop.route.word(body).lower() == "failed"
    failure = shop.route.failure(body)
    assert failure in shown or shown[2] in str(failure)
    assert (shop.row["phase"], shop.billed) == ("failed", 0)


@pytest.mark.parametrize(("name", "fault", "status", "shown"), SYNC_FAILURES)
def test_a_failed_call_is_refused_in_the_vendors_words_and_free(
    sandbox: SandboxServer, name: str, fault: str, status: int, shown: str
) -> None:
    shop = Shop(sandbox, name)
    reply = shop.submit(f"a boat [sandbox: {fault}]")
    assert reply.status == status
    assert shown in reply.json.get("code", reply.json["message"])
    assert (shop.row["phase"], shop.billed) == ("failed", 0)


def test_a_moderated_call_at_aimlapi_is_a_billed_black_picture(sandbox: SandboxServer) -> None:
    shop = Shop(sandbox, "aimlapi")
    reply = shop.submit("a boat [sandbox: fail-moderation]")
    assert reply.json["has_nsfw_concepts"] == [True, True]
    assert (shop.row["phase"], shop.billed) == ("succeeded", 2)


def test_whether_mulerouter_bills_failed_tasks_is_one_constant(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mulerouter.PRICE.failed_too is mulerouter.FAILED_IS_BILLED is False
    monkeypatch.setattr(mulerouter, "PRICE", replace(mulerouter.PRICE, failed_too=True))
    shop = Shop(sandbox, "mulerouter")
    shop.finish(shop.submit("a boat [sandbox: fail-transient]"))
    assert shop.billed == 1


@pytest.mark.parametrize("name", POLLED)
def test_an_unknown_word_is_said_for_some_polls(sandbox: SandboxServer, name: str) -> None:
    change(sandbox, latency=0)
    shop = Shop(sandbox, name)
    job = shop.submit("a boat [sandbox: unknown-word=2]")
    words = [shop.route.word(shop.poll(job).json).lower() for _ in range(3)]
    assert words[:2] == ["reticulating"] * 2
    assert words[2] in ("completed", "succeeded")


@pytest.mark.parametrize("name", POLLED)
def test_a_vanished_task_is_unknown_and_billed(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    job = shop.submit("a boat [sandbox: vanish=1]")
    assert shop.poll(job).status == 200
    for _ in range(2):
        reply = shop.poll(job)
        assert reply.status == 404 or shop.route.word(reply.json) == "UNKNOWN"
    sandbox.engine.wait_for(sandbox.engine.tasks()[0])
    assert shop.billed == shop.row["images"]


@pytest.mark.parametrize("name", POLLED)
@pytest.mark.parametrize(("fault", "status"), POLL_STATUS.items())
def test_polls_are_refused_at_first_and_then_go_well(
    sandbox: SandboxServer, name: str, fault: str, status: int
) -> None:
    shop = Shop(sandbox, name)
    job = shop.submit(f"a boat [sandbox: {fault}=2]")
    replies = [shop.poll(job) for _ in range(3)]
    assert [reply.status for reply in replies] == [status, status, 200]
    if status in (502, 504):
        assert replies[0].body.startswith(b"<html>")
    else:
        assert shop.route.error(replies[0].json)
    assert shop.route.links(shop.finish(job))


@pytest.mark.parametrize("name", POLLED)
def test_lost_polls_end_in_a_closed_connection(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    job = shop.submit("a boat [sandbox: lost-poll=1]")
    with pytest.raises(http.client.RemoteDisconnected):
        shop.poll(job)
    assert shop.route.links(shop.finish(job))
    assert shop.row["polls"] >= 2


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_short_delivery_bills_what_is_delivered(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    links = shop.buy("a boat [sandbox: short]")
    assert [fetch(link).status for link in links] == [200]
    assert (shop.row["images"], shop.row["delivered"], shop.billed) == (2, 1, 1)


@pytest.mark.parametrize("name", ROUTES)
def test_a_success_can_come_without_images(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    assert shop.buy("a boat [sandbox: no-images]") == []
    assert (shop.row["phase"], shop.billed) == ("succeeded", 0)
