"""What operators are told of generations: lines of the log by the real writer, and what they count for."""

from datetime import timedelta
from typing import Any

import pytest

from easel.domain.facts import METRICS, accepted
from easel.domain.generation import Generation, Origin, Status
from easel.errors import AnswerLostError, VersionConflictError
from easel.receipt import receipt
from easel.steps.reconcile import CARRIERS_MAX, QUIET_SECONDS
from tests.fakes.lives import queued
from tests.fakes.log_lines import Counted, all_counted, counted, lines
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene, said
from tests.unit.steps.vendor_words import (
    ASYNC,
    LINK,
    PIXELDOJO,
    SYNC,
    dashscope_finished,
    mule_completed,
    mule_error,
    mule_failed,
    mule_submitted,
)
from tests.unit.told import figures, go, named, total

MULE, DASH = ASYNC["route"], SYNC["route"]
WEBHOOK = "https://hooks.example/PLANTED-HOOK"


def delivered(**fields: Any) -> tuple[Scene, Generation]:
    """A generation that succeeded after 7 seconds at the vendor."""
    scene = Scene(mule_submitted(), mule_completed(), links={LINK: picture()})
    made = scene.create(**fields)
    scene.submitter.submit(made.id)
    scene.clock.sleep(7)
    return scene, go(scene, made)


# ── A generation's story ──────────────────────────────────────────────────────────────────────────────


def test_generation_is_one_story_that_its_id_and_the_vendors_ids_tie_together() -> None:
    scene, made = delivered()
    story = lines(scene.facts)
    assert [line["message"] for line in story] == [
        "accepted",
        "asked",
        "answered",
        "answered",
        "kept",
        "ended",
    ]
    assert {line["generation_id"] for line in story} == {made.id}
    asked, taken, finished, kept, ended = story[1:]
    assert {line["attempt"] for line in story[1:5]} == {1}
    assert {line["route"] for line in story[1:]} == {MULE}
    assert (taken["outcome"], finished["outcome"]) == ("accepted", "finished")
    assert {line["task_id"] for line in story[2:]} == {"t-1"}
    assert "task_id" not in asked
    assert (finished["seconds"], kept["bytes"], kept["images"]) == (7.0, made.images[0].bytes, 1)
    assert (ended["status"], ended["attempts"], ended["seconds"]) == ("succeeded", 1, 7.0)


def test_steps_that_run_twice_count_everything_once() -> None:
    scene, made = delivered()
    scene.canceler.reader.get(TENANT, made.id)
    told = all_counted(scene.facts)
    assert sorted((one.name, dict(one.by), one.value) for one in told) == [
        ("Accepted", {}, 1),
        ("BilledUsd", {}, 0.075),
        ("Ended", {"status": "succeeded"}, 1),
        ("Latency", {"route": MULE}, 7.0),
        ("PossiblyBilledUsd", {}, 0),
        ("QueueAge", {}, 0),
        ("Success", {"route": MULE}, 1),
    ]


def test_cost_that_is_counted_is_the_receipts() -> None:
    scene = Scene(AnswerLostError("lost"), dashscope_finished())
    made = scene.create(model="qwen-image-max", route=[MULE, DASH], on_unknown="resubmit")
    scene.submitter.submit(made.id)
    scene.submitter.submit(made.id)
    scene.canceler.cancel(TENANT, made.id)
    dollars = receipt(scene.now(made))["usd"]
    assert total(scene, "BilledUsd") == float(dollars["billed"]["amount"]) > 0
    assert total(scene, "PossiblyBilledUsd") == float(dollars["possibly_billed"]["amount"]) > 0
    assert total(scene, "PossiblyDoubleBilled") == 1


def test_one_ask_that_may_be_billed_is_no_double_bill() -> None:
    scene = Scene(AnswerLostError("lost"))
    made = go(scene, scene.create())
    assert made.error is not None
    assert made.error.code == "submission_unknown"
    assert total(scene, "PossiblyBilledUsd") == 0.075
    assert figures(scene, "PossiblyDoubleBilled") == []
    assert named(scene, "ended")[0]["code"] == "submission_unknown"


def test_generation_that_a_step_of_ours_failed_counts_and_one_that_a_vendor_failed_does_not() -> None:
    scene = Scene(mule_submitted(), mule_error(500), mule_failed())
    broken = scene.create()
    scene.settler.settle(broken.id, "TypeError")
    assert total(scene, "StepsFailed") == 1
    go(scene, scene.create())
    assert total(scene, "Ended") == 2
    assert total(scene, "StepsFailed") == 1


def test_generation_whose_ask_was_never_answered_for_counts_as_a_failed_step() -> None:
    scene = Scene(RuntimeError("a fault of ours"))
    made = scene.create()
    with pytest.raises(RuntimeError):
        scene.submitter.submit(made.id)
    scene.settler.settle(made.id, "RuntimeError")
    assert scene.now(made).status is Status.FAILED
    assert total(scene, "StepsFailed") == 1


def test_what_came_back_is_no_cost() -> None:
    scene = Scene(said(202, {"jobId": "job_1", "status": "pending", "creditCost": 2}))
    made = scene.create(**PIXELDOJO)
    scene.submitter.submit(made.id)
    scene.script.answers = [said(200, {"jobId": "job_1", "status": "failed", "error": "no"})]
    go(scene, made)
    assert scene.attempt(made).refunded is not None
    assert (total(scene, "BilledUsd"), total(scene, "PossiblyBilledUsd")) == (0, 0)


def test_one_that_is_there_already_is_not_accepted_again() -> None:
    scene = Scene()
    first, second = scene.create(key="k"), scene.create(key="k")
    assert first.id == second.id
    assert total(scene, "Accepted") == 1
    assert figures(scene, "BatchRows") == []


def test_row_of_a_batch_is_counted_as_such_and_named() -> None:
    row = queued().having(origin=Origin(batch="bat_1", row=7, custom_id="PLANTED"))
    (line,) = lines([accepted(row)])
    assert (line["batch_id"], line["row"]) == ("bat_1", 7)
    assert [(one.name, one.value) for one in counted(line)] == [("Accepted", 1), ("BatchRows", 1)]


def test_whoever_loses_the_write_of_the_end_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.submitter.submit(made.id)
    before = scene.now(made)
    scene.canceler.cancel(TENANT, made.id)
    monkeypatch.setattr(scene.store, "get", lambda _: before)
    with pytest.raises(VersionConflictError):
        scene.settler.settle(made.id)
    assert [(one.by["status"], one.value) for one in figures(scene, "Ended")] == [("canceled", 1)]


# ── Care ──────────────────────────────────────────────────────────────────────────────────────────────


def test_sweep_tells_zero_where_nobody_waits() -> None:
    scene = Scene(mule_submitted())
    at_work = scene.create()
    scene.submitter.submit(at_work.id)
    scene.clock.sleep(QUIET_SECONDS + 1)
    scene.reconciler.sweep()
    assert [one["waited_seconds"] for one in named(scene, "queue")] == [0]


def test_sweep_tells_the_longest_wait() -> None:
    scene = Scene(mule_submitted())
    at_work = scene.create()
    scene.submitter.submit(at_work.id)
    scene.clock.sleep(100)
    scene.create()
    scene.clock.sleep(20)
    scene.create()
    scene.clock.sleep(QUIET_SECONDS + 1)
    scene.reconciler.sweep()
    assert [one["waited_seconds"] for one in named(scene, "queue")] == [20 + QUIET_SECONDS + 1]


def test_reconciled_is_told_by_fate_and_nothing_of_what_is_carried() -> None:
    scene = Scene(mule_submitted())
    carried, left, late = scene.create(), scene.create(), scene.create(deadline_seconds=30)
    scene.workflow.running = {(carried.id, 0)}
    scene.clock.sleep(QUIET_SECONDS + 31)
    scene.reconciler.sweep()
    told = {one.by["fate"]: one.value for one in figures(scene, "Reconciled")}
    assert told == {"restarted": 1, "settled": 1}
    assert {(one["generation_id"], one["fate"]) for one in named(scene, "mended")} == {
        (left.id, "restarted"),
        (late.id, "settled"),
    }


def test_end_that_nobody_told_is_reconciled_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    made = scene.create()
    monkeypatch.setattr(scene.canceler.announcer.bus, "publish", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scene.canceler.cancel(TENANT, made.id)
    monkeypatch.undo()
    assert scene.reconciler.look_after(made.id) == "told"
    assert figures(scene, "Reconciled") == [Counted("Reconciled", {"fate": "told"}, 1)]
    assert total(scene, "Ended") == 1


# ── Webhooks ──────────────────────────────────────────────────────────────────────────────────────────


def hooked() -> tuple[Scene, Generation, str]:
    scene = Scene()
    made = scene.create(webhook=WEBHOOK)
    scene.canceler.cancel(TENANT, made.id)
    (delivery_id,) = scene.deliveries.records
    return scene, made, delivery_id


def test_delivery_is_told_try_by_try_until_it_is_given_up() -> None:
    scene, made, delivery_id = hooked()
    scene.receivers.answers = [said(500), said(410)]
    for _ in range(3):
        scene.deliverer.deliver(delivery_id)
        scene.deliverer.deliver(delivery_id)
        scene.clock.sleep(600)
    assert (total(scene, "WebhookAttemptsFailed"), total(scene, "DeliveriesGivenUp")) == (2, 1)
    tries = named(scene, "delivery tried")
    assert {(one["generation_id"], one["delivery_id"]) for one in tries} == {(made.id, delivery_id)}
    assert [(one["attempt"], one["http_status"], one["code"], one["status"]) for one in tries] == [
        (1, 500, "http_status", "pending"),
        (2, 410, "gone", "disabled"),
    ]


def test_delivery_that_arrives_counts_for_nothing_and_stands_in_the_log() -> None:
    scene, _, delivery_id = hooked()
    scene.deliverer.deliver(delivery_id)
    (line,) = named(scene, "delivery tried")
    assert line["status"] == "delivered"
    assert list(counted(line)) == []


def test_delivery_whose_executions_failed_is_given_up_once() -> None:
    scene, _, delivery_id = hooked()
    stored = scene.deliveries.records[delivery_id]
    scene.deliveries.records[delivery_id] = stored.having(carrier=CARRIERS_MAX)
    scene.deliver_workflow.start(delivery_id, CARRIERS_MAX)
    scene.deliver_workflow.stop_all()
    assert [scene.reconciler.look_after(delivery_id) for _ in range(2)] == ["settled", "ended"]
    assert total(scene, "DeliveriesGivenUp") == 1
    assert named(scene, "mended")[0]["delivery_id"] == delivery_id


# ── Lines ─────────────────────────────────────────────────────────────────────────────────────────────


def test_facts_are_written_whatever_the_level_of_other_lines_is() -> None:
    facts = [accepted(queued())]
    assert [line["message"] for line in lines(facts, level="ERROR")] == ["accepted"]


def test_nothing_secret_is_told() -> None:
    scene = Scene(mule_error(400, "PLANTED-WORDS"), mule_submitted(), mule_failed("PLANTED-DETAIL"))
    fields: dict[str, Any] = {
        "prompt": "PLANTED-PROMPT", "negative_prompt": "PLANTED-NEGATIVE", "webhook": WEBHOOK,
        "metadata": {"note": "PLANTED-NOTE"},
    }  # fmt: skip
    for _ in range(2):
        go(scene, scene.create(**fields))
    for delivery_id in scene.deliveries.records:
        scene.deliverer.deliver(delivery_id)
    _, kept = delivered(**fields)
    assert kept.status is Status.SUCCEEDED
    written = str(lines(scene.facts))
    assert len(scene.facts) > 10
    for secret in ("PLANTED", "hooks.example", "key-of-", "muleusercontent", TENANT):
        assert secret not in written


def test_vendors_code_is_cut_to_a_codes_length() -> None:
    scene = Scene(said(400, {"code": "x" * 500, "message": "no", "request_id": "r"}))
    go(scene, scene.create(**SYNC))
    (line,) = named(scene, "answered")
    assert line["vendor_code"] == "x" * 64
    assert line["vendor_request_id"] == "r"


def test_every_metric_is_counted_by_what_its_table_says() -> None:
    assert len(METRICS) == 15
    assert {metric.by for metric in METRICS.values()} == {None, "route", "status", "fate"}


def test_clock_that_goes_back_gives_no_negative_wait() -> None:
    scene = Scene(mule_submitted())
    made = scene.create()
    scene.clock.time -= timedelta(seconds=5)
    scene.submitter.submit(made.id)
    assert [one.value for one in figures(scene, "QueueAge")] == [0]
