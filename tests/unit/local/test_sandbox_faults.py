"""Faults of the sandbox vendors: how they are ordered, and those that strike a submit."""

from __future__ import annotations

import http.client
import time
from typing import Any

import pytest

from local.sandbox import submits as submit_log
from local.sandbox.fault_plan import FaultPlan
from local.sandbox.faults import KINDS, read_fault
from local.sandbox.server import SandboxServer
from tests.unit.local import test_sandbox_fault_links, test_sandbox_fault_tasks
from tests.unit.local.sandbox_caller import Caller, fetch, ledger, size_of
from tests.unit.local.sandbox_routes import ONE_OF_EACH, ROUTES, SYNC, Shop, control, submits

OWN_REFUSALS = {"submit-429": 429, "submit-429-wait": 429, "busy": 429, "submit-500": 500, "submit-503": 503}
FOREIGN_REFUSALS = {"submit-500-bare": 500, "submit-502": 502, "submit-504": 504}
HIDDEN_BEHIND_PAGES = {"submit-502-taken": 502, "submit-504-taken": 504, "submit-html": 200}
CLOSED_CONNECTIONS = ["reset-before", "lost-answer"]


@pytest.mark.parametrize("name", ROUTES)
def test_a_lost_answer_closes_the_connection_and_the_job_is_billed(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    with pytest.raises(http.client.RemoteDisconnected):
        shop.submit("a boat [sandbox: lost-answer]")
    row = shop.row
    sandbox.engine.wait_for(sandbox.engine.tasks()[0])
    assert shop.billed == row["images"] > 0
    assert row["faults"] == ["lost-answer"]
    (submit,) = submits(sandbox)
    assert (submit["status"], submit["taken"], submit["ended"]) == (None, True, True)
    assert submit["task_id"] == row["task_id"]


@pytest.mark.parametrize("name", ROUTES)
def test_a_reset_before_the_job_is_taken_bills_nothing(sandbox: SandboxServer, name: str) -> None:
    with pytest.raises(ConnectionResetError) as end:
        Shop(sandbox, name).submit("a boat [sandbox: reset-before]")
    assert end.type is ConnectionResetError  # a connection that is closed in order has a class below it
    assert ledger(sandbox)["tasks"] == []
    (submit,) = submits(sandbox)
    assert (submit["status"], submit["taken"]) == (None, False)


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize(("fault", "status"), OWN_REFUSALS.items())
def test_a_refusal_has_the_vendors_own_body(
    sandbox: SandboxServer, name: str, fault: str, status: int
) -> None:
    shop = Shop(sandbox, name)
    reply = shop.submit(f"a boat [sandbox: {fault}]")
    assert reply.status == status
    assert shop.route.error(reply.json)
    assert reply.headers["Retry-After"] == ("2" if fault == "submit-429-wait" else None)
    assert ledger(sandbox)["tasks"] == []


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize(("fault", "status"), FOREIGN_REFUSALS.items())
def test_a_refusal_from_elsewhere_is_no_json_and_takes_no_job(
    sandbox: SandboxServer, name: str, fault: str, status: int
) -> None:
    reply = Shop(sandbox, name).submit(f"a boat [sandbox: {fault}]")
    assert reply.status == status
    assert reply.headers.get_content_type() in ("text/html", "text/plain")
    assert ledger(sandbox)["tasks"] == []


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize(("fault", "status"), HIDDEN_BEHIND_PAGES.items())
def test_a_page_can_hide_a_job_that_is_billed(
    sandbox: SandboxServer, name: str, fault: str, status: int
) -> None:
    shop = Shop(sandbox, name)
    reply = shop.submit(f"a boat [sandbox: {fault}]")
    assert reply.status == status
    assert reply.body.startswith(b"<html>")
    sandbox.engine.wait_for(sandbox.engine.tasks()[0])
    assert shop.billed == 2


@pytest.mark.parametrize("name", ROUTES)
def test_a_success_without_anything_in_it_is_billed(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    honest = shop.submit("a boat")
    reply = shop.submit("a boat [sandbox: submit-no-id]")
    assert (reply.status, reply.json) == (honest.status, {})
    assert len(ledger(sandbox)["tasks"]) == 2


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_slow_submit_is_taken_at_once_and_answered_late(sandbox: SandboxServer, name: str) -> None:
    began = time.time()
    shop = Shop(sandbox, name)
    reply = shop.submit("a boat [sandbox: slow-submit=0.4]")
    assert reply.status < 300
    assert time.time() - began > 0.4
    assert shop.row["accepted_at"] - began < 0.3


@pytest.mark.parametrize("name", ROUTES)
def test_a_burst_ends_after_its_number_of_submits(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    statuses = [shop.submit("a boat [sandbox: busy=2]").status for _ in range(3)]
    assert statuses[:2] == [429, 429]
    assert statuses[2] < 300
    assert shop.submit("another boat [sandbox: busy=1]").status == 429  # each prompt has its own burst
    assert [row["taken"] for row in submits(sandbox)] == [False, False, True, False]


def test_faults_of_one_prompt_strike_one_after_the_other(sandbox: SandboxServer) -> None:
    shop = Shop(sandbox, "mulerouter")
    prompt = "a boat [sandbox: submit-503=1 lost-answer=1]"
    assert shop.submit(prompt).status == 503
    with pytest.raises(http.client.RemoteDisconnected):
        shop.submit(prompt)
    assert shop.submit(prompt).status == 202


def test_a_directive_can_be_limited_to_an_endpoint(sandbox: SandboxServer) -> None:
    prompt = "a boat [sandbox: submit-500 at=mulerouter] by the sea [SANDBOX: busy at=aimlapi]"
    assert Shop(sandbox, "mulerouter").submit(prompt).status == 500
    assert Shop(sandbox, "aimlapi").submit(prompt).status == 429
    assert Shop(sandbox, "pixeldojo").submit(prompt).status == 202


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize(
    ("directive", "named"),
    [
        ("[sandbox: lost-anwser]", "'lost-anwser'"),
        ("[sandbox: stuck at=mulesrouter]", "'mulesrouter'"),
        ("[sandbox: busy=soon]", "busy takes a number of submits"),
        ("[sandbox: slow-task=4000]", "slow-task takes a number of seconds"),
        ("[sandbox: stuck=1]", "stuck takes no number"),
        ("[sandbox lost-answer]", "is written"),
        ("[sandbox: lost-answer", "is written"),
        ("[sandbox: ]", "at least one fault"),
    ],
)
def test_a_directive_that_cannot_be_met_is_refused_in_the_vendors_form(
    sandbox: SandboxServer, name: str, directive: str, named: str
) -> None:
    shop = Shop(sandbox, name)
    reply = shop.submit(f"a boat {directive}")
    assert reply.status == 400
    assert named in shop.route.error(reply.json)
    assert ledger(sandbox)["tasks"] == []


@pytest.mark.parametrize("name", SYNC)
def test_a_fault_of_polling_is_refused_where_nothing_is_polled(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    for kind in KINDS.values():
        if kind.polled:
            reply = shop.submit(f"a boat [sandbox: {kind.name}]")
            assert reply.status == 400
            assert kind.name in shop.route.error(reply.json)


def test_a_refusal_of_the_vendor_is_not_hidden_by_a_fault_of_taken_jobs(sandbox: SandboxServer) -> None:
    body = {"model": "alibaba/qwen-image", "prompt": "a boat [sandbox: lost-answer]", "num_images": 9}
    reply = Caller(sandbox, "aimlapi").post(ROUTES["aimlapi"].path, body)
    assert reply.status == 400
    assert "num_images" in reply.json["message"]


def test_every_submit_is_logged_whatever_becomes_of_it(sandbox: SandboxServer) -> None:
    shop = Shop(sandbox, "pixeldojo")
    shop.submit("a boat")
    shop.submit("a boat [sandbox: busy]")
    Caller(sandbox, "pixeldojo", "bad-key").post(shop.route.path, {"prompt": "a boat"})
    shop.caller.send("POST", shop.route.path, b"no json")
    shop.poll(shop.submit("a boat"))
    rows = [(row["prompt"], row["status"], row["taken"]) for row in submits(sandbox)]
    assert rows == [
        ("a boat", 202, True),
        ("a boat [sandbox: busy]", 429, False),
        ("a boat", 401, False),
        (None, 400, False),
        ("a boat", 202, True),
    ]
    book = ledger(sandbox)
    counts = {row["prompt"]: (row["submits"], row["taken"]) for row in book["prompts"]}
    assert counts == {"a boat": (3, 2), "a boat [sandbox: busy]": (1, 0), None: (1, 0)}
    assert (book["totals"]["pixeldojo"]["submits"], book["totals"]["pixeldojo"]["tasks"]) == (5, 2)
    assert fetch(f"{sandbox.url}/_sandbox/submits?endpoint=aimlapi").json == {"submits": []}


def test_the_log_of_submits_is_bounded_and_still_counted(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(sandbox, "mulerouter")
    monkeypatch.setattr(submit_log, "KEPT_SUBMITS", 3)
    for number in range(5):
        shop.submit(f"boat {number} [sandbox: busy=1]")
    assert [row["prompt"][:6] for row in submits(sandbox)] == ["boat 2", "boat 3", "boat 4"]
    assert ledger(sandbox)["totals"]["mulerouter"]["submits"] == 5
    monkeypatch.setattr(submit_log, "KEPT_CHARACTERS", 50)
    shop.submit("boat 5" + "!" * 40)
    assert [row["prompt"][:6] for row in submits(sandbox)] == ["boat 5"]


def plan(sandbox: SandboxServer, **fields: object) -> Any:
    reply = control(sandbox, "POST", "faults", fields)
    assert reply.status == 200, reply.body
    return reply.json["plan"]


def drawn(sandbox: SandboxServer, name: str, count: int) -> list[list[str]]:
    """The faults that the next submits get."""
    before = len(submits(sandbox))
    for number in range(count):
        Shop(sandbox, name).submit(f"boat {number}")
    return [row["faults"] for row in submits(sandbox)[before:]]


def test_a_plan_gives_its_share_of_submits_the_same_faults_for_the_same_seed(sandbox: SandboxServer) -> None:
    names = ["submit-429", "submit-503", "submit-502=4"]
    plan(sandbox, share=0.3, faults=names, seed=1)
    first = drawn(sandbox, "mulerouter", 100)
    struck = [faults[0] for faults in first if faults]
    assert 20 <= len(struck) <= 40
    assert {struck.count(name) for name in names} <= {len(struck) // 3, len(struck) // 3 + 1}
    assert control(sandbox, "GET", "faults").json["plan"]["struck"] == len(struck)
    plan(sandbox, share=0.3, faults=names, seed=1)
    assert drawn(sandbox, "mulerouter", 100) == first
    plan(sandbox, share=0.3, faults=names, seed=2)
    assert drawn(sandbox, "mulerouter", 100) != first


def test_a_plan_keeps_no_more_faults_ready_than_it_was_given() -> None:
    faults = tuple(read_fault(name) for name in ("lost-poll", "submit-503", "stuck"))
    chances = FaultPlan(1, faults, seed=1)
    for number in range(300):
        assert len(chances.draw("aimlapi", polled=number % 7 == 0)) == 1
        assert len(chances._deck) <= len(faults)


def test_a_fault_by_chance_strikes_and_stands_in_the_ledger(sandbox: SandboxServer) -> None:
    plan(sandbox, share=1, faults=["slow-task=7"])
    shop = Shop(sandbox, "mulerouter")
    shop.submit("a boat")
    assert (shop.row["seconds"], shop.row["faults"]) == (7, ["slow-task=7"])
    plan(sandbox, share=1, faults=["busy=1"])
    assert [shop.submit("a boat").status for _ in range(2)] == [429, 429]  # each draws anew


def test_what_a_prompt_orders_goes_before_chance(sandbox: SandboxServer) -> None:
    plan(sandbox, share=1, faults=["submit-500"])
    assert Shop(sandbox, "mulerouter").submit("a boat [sandbox: busy]").status == 429


def test_a_plan_gives_no_fault_of_polling_to_a_synchronous_call(sandbox: SandboxServer) -> None:
    plan(sandbox, share=1, faults=["lost-poll", "submit-503"])
    assert drawn(sandbox, "aimlapi", 4) == [["submit-503"]] * 4
    assert ["lost-poll"] in drawn(sandbox, "mulerouter", 2)
    plan(sandbox, share=1, faults=["lost-poll"])
    assert drawn(sandbox, "aimlapi", 2) == [[], []]


def test_a_plan_can_be_limited_to_endpoints(sandbox: SandboxServer) -> None:
    plan(sandbox, share=1, faults=["submit-500"], endpoints=["mulerouter"])
    assert Shop(sandbox, "pixeldojo").submit("a boat").status == 202
    assert Shop(sandbox, "mulerouter").submit("a boat").status == 500


@pytest.mark.parametrize(("method", "call"), [("DELETE", "faults"), ("DELETE", "reset"), ("POST", "reset")])
def test_a_plan_ends_when_it_is_deleted_or_all_is_reset(
    sandbox: SandboxServer, method: str, call: str
) -> None:
    plan(sandbox, share=1, faults=["submit-500"])
    shop = Shop(sandbox, "mulerouter")
    assert shop.submit("a boat [sandbox: busy=1]").status == 429
    assert control(sandbox, method, call).status == 200
    assert control(sandbox, "GET", "faults").json["plan"] is None
    assert shop.submit("a boat").status == 202
    forgotten = call == "reset"
    assert len(submits(sandbox)) == (1 if forgotten else 2)
    assert (shop.submit("a boat [sandbox: busy=1]").status == 429) is forgotten


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"share": 0.2, "faults": ["lost-anwser"]}, "lost-answer, submit-502-taken"),
        ({"share": 0.2, "faults": ["stuck=1"]}, "stuck takes no number"),
        ({"share": 2, "faults": ["stuck"]}, "share"),
        ({"faults": ["stuck"]}, "share"),
        ({"share": 0.2, "faults": []}, "faults"),
        ({"share": 0.2, "faults": "stuck"}, "faults"),
        ({"share": 0.2, "faults": ["stuck"], "seed": "1"}, "seed"),
        ({"share": 0.2, "faults": ["stuck"], "endpoints": ["x"]}, "mulerouter"),
        ({"share": 0.2, "faults": ["stuck"], "part": 1}, "'part'"),
        ([], "JSON object"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_met_is_refused(sandbox: SandboxServer, fields: object, named: str) -> None:
    reply = control(sandbox, "POST", "faults", fields)
    assert reply.status == 400
    assert named in reply.json["error"]
    assert sandbox.engine.plan is None


def test_the_control_call_shows_every_fault(sandbox: SandboxServer) -> None:
    shown = control(sandbox, "GET", "faults").json["faults"]
    assert list(shown) == list(KINDS)
    assert shown["slow-task"] == {
        "does": "the task takes this long",
        "unit": "seconds",
        "number": 10,
        "polled": False,
    }
    assert shown["lost-answer"]["number"] is None


@pytest.mark.parametrize("name", ROUTES)
def test_a_prompt_without_a_directive_gets_no_fault(sandbox: SandboxServer, name: str) -> None:
    shop = Shop(sandbox, name)
    links = shop.buy("a sandbox: lost-answer [sandboxes] boat")
    assert all(size_of(fetch(link).body) for link in links)
    assert (shop.row["faults"], shop.billed) == ([], len(links))


def test_every_fault_has_a_test() -> None:
    here = {*OWN_REFUSALS, *FOREIGN_REFUSALS, *HIDDEN_BEHIND_PAGES, *CLOSED_CONNECTIONS}
    here |= {"submit-no-id", "slow-submit"}
    assert here | test_sandbox_fault_tasks.TESTED | test_sandbox_fault_links.TESTED == set(KINDS)
