"""The attempt log: every turn, ask, answer and bill of a generation, in order."""

from datetime import timedelta

from easel.attempt_log import attempt_log
from easel.domain.limits import LATE_SECONDS, RouteLimits
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.unit.steps.vendor_words import LINK, mule_completed, mule_error, mule_submitted

MULE, PIXEL = "mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"


def test_log_of_a_failover_tells_each_ask_and_what_it_cost() -> None:
    scene = Scene(mule_error(503), mule_error(401))
    made = scene.create(route=[MULE, PIXEL])
    scene.submitter.submit(made.id)
    scene.script.answers = [mule_error(401)]
    scene.submitter.submit(made.id)
    scene.script.answers = [mule_submitted()]
    scene.submitter.submit(made.id)
    scene.script.answers, scene.script.links = [mule_completed()], {LINK: picture()}
    scene.poller.poll(made.id)
    scene.persister.persist(made.id)
    scene.settler.settle(made.id)
    log = attempt_log(scene.now(made))
    assert [(one["type"], one["attempt"]) for one in log] == [
        ("created", None),
        ("asked", 1), ("rejected", 1),
        ("asked", 2), ("rejected", 2),
        ("asked", 3), ("accepted", 3), ("succeeded", 3),
        ("ended", None),
    ]  # fmt: skip
    created, first, refused, second = log[:4]
    assert (created["routes"], created["by"]) == ([MULE, PIXEL], "caller")
    assert (first["route"], first["because"]) == (MULE, "first in the caller's order")
    assert first["quoted"] == {"amount": "0.075", "currency": "USD"}
    assert refused["error"]["code"] == "transient"
    assert (refused["billed"], refused["possibly_billed"]) == (None, None)
    assert (second["route"], second["because"]) == (PIXEL, f"next after {MULE} ended as rejected (transient)")
    assert log[6]["task_id"]
    assert log[7]["billed"] == {"amount": "0.075", "currency": "USD"}
    assert (log[8]["status"], log[8]["error"]) == ("succeeded", None)
    assert [one["at"] for one in log] == sorted(one["at"] for one in log)


def test_wait_for_a_turn_is_told_while_it_lasts_and_afterwards() -> None:
    scene = Scene(limits={MULE: RouteLimits(per_minute=2)})
    scene.script.answers = [mule_submitted()]
    scene.submitter.submit(scene.create().id)
    made = scene.create()
    begun = scene.clock.now()
    scene.submitter.submit(made.id)
    (waiting,) = attempt_log(scene.now(made))[1:]
    assert (waiting["type"], waiting["route"]) == ("waiting", MULE)
    due = begun + timedelta(seconds=30 + LATE_SECONDS)
    assert waiting["until"] == due.strftime("%Y-%m-%dT%H:%M:%S.100Z")
    assert "is at its rate limit" in waiting["because"]
    scene.clock.sleep(30 + LATE_SECONDS)
    scene.script.answers = [mule_submitted()]
    scene.submitter.submit(made.id)
    log = attempt_log(scene.now(made))
    assert [one["type"] for one in log] == ["created", "waiting", "asked", "accepted"]
    assert (log[1]["at"], log[1]["until"]) == (waiting["at"], waiting["until"])
