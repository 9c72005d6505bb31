"""Webhooks: an end starts one delivery, whoever dies on the way, and each call for it another one."""

from typing import Any

import pytest

from easel.domain.generation import Generation
from easel.domain.request import Webhook
from easel.domain.tenants import Tenant
from easel.domain.webhooks import DELIVERIES_MAX, Delivery, DeliveryStatus, message_id_of
from easel.errors import ConflictError, WorkflowBusyError
from easel.steps.reconcile import CARRIERS_MAX, QUIET_SECONDS
from tests.fakes.fuse import CrashError, Fuse, before_next
from tests.fakes.memory import ScriptedTransport
from tests.fakes.scene import TENANT, Scene

URL, TENANTS_URL = "https://hooks.example/told?token=1", "https://tenant.example/told"


def tenant_with_webhook(scene: Scene, *events: str) -> None:
    webhook = Webhook(url=TENANTS_URL, **({"events": events} if events else {}))
    scene.tenants.set[TENANT] = Tenant(id=TENANT, webhook=webhook)


def canceled(scene: Scene, **fields: Any) -> Generation:
    made = scene.create(**fields)
    return scene.canceler.cancel(TENANT, made.id)


def only(scene: Scene) -> Delivery:
    (delivery,) = scene.deliveries.records.values()
    return delivery


def test_end_of_a_generation_with_a_webhook_starts_its_delivery() -> None:
    scene = Scene()
    ended = canceled(scene, webhook=URL)
    delivery = only(scene)
    assert (delivery.generation_id, delivery.tenant, delivery.url) == (ended.id, TENANT, URL)
    assert (delivery.type, delivery.status) == ("generation.canceled", "pending")
    assert scene.deliver_workflow.ids == [delivery.id]
    assert scene.now(ended).announced


def test_delivery_whose_start_is_put_off_keeps_no_end_from_being_told_and_is_started_by_reconcile() -> None:
    scene = Scene()
    start = scene.deliver_workflow.start

    def put_off(*_: object) -> None:
        raise WorkflowBusyError("ThrottlingException")

    scene.deliver_workflow.start = put_off  # type: ignore[method-assign, assignment]
    ended = canceled(scene, webhook=URL)
    assert scene.now(ended).announced
    scene.deliver_workflow.start = start  # type: ignore[method-assign]
    scene.clock.sleep(QUIET_SECONDS + 1)
    assert scene.reconciler.sweep()["restarted"] == 1
    assert scene.deliver_workflow.ids == [only(scene).id]


def test_generation_that_has_not_ended_has_no_delivery() -> None:
    scene = Scene()
    scene.create(webhook=URL)
    assert scene.deliveries.records == {}


def test_generation_without_a_webhook_is_told_to_its_tenants() -> None:
    scene = Scene()
    tenant_with_webhook(scene)
    canceled(scene)
    assert only(scene).url == TENANTS_URL


def test_requests_own_webhook_is_told_instead_of_the_tenants() -> None:
    scene = Scene()
    tenant_with_webhook(scene)
    canceled(scene, webhook=URL)
    assert only(scene).url == URL


def test_generation_without_any_webhook_is_told_to_nobody() -> None:
    scene = Scene()
    ended = canceled(scene)
    assert scene.deliveries.records == {}
    assert scene.deliver_workflow.ids == []
    assert scene.now(ended).announced


@pytest.mark.parametrize(("events", "told"), [(["generation.canceled"], 1), (["generation.succeeded"], 0)])
def test_only_the_ends_that_a_webhook_wants_are_told(events: list[str], told: int) -> None:
    scene = Scene()
    canceled(scene, webhook={"url": URL, "events": events})
    assert len(scene.deliveries.records) == told
    other = Scene()
    tenant_with_webhook(other, *events)
    canceled(other)
    assert len(other.deliveries.records) == told


def test_every_end_has_its_delivery() -> None:
    scene = Scene()
    late, wrong = scene.create(webhook=URL, deadline_seconds=10), scene.create(webhook=URL)
    scene.clock.sleep(11)
    for one in (late, wrong):
        scene.settler.settle(one.id, "States.Timeout")
    told = {one.generation_id: one.type for one in scene.deliveries.records.values()}
    assert told == {late.id: "generation.expired", wrong.id: "generation.failed"}


# ── Crashes ───────────────────────────────────────────────────────────────────────────────────────────


def ended_with_a_crash(at: int) -> bool:
    """Whether a process that ends and announces a generation dies at its effect of this number; after that
    everything is as it should be in any case."""
    scene = Scene()
    made = scene.create(webhook=URL)
    fuse = Fuse(scene, ScriptedTransport([]))
    fuse.set(at)
    try:
        scene.settler.settle(made.id, "States.Timeout")
        died = False
    except CrashError:
        died = True
    fuse.set(None)
    scene.workflow.stop_all()
    for _ in range(3):
        scene.clock.sleep(QUIET_SECONDS + 1)
        scene.reconciler.sweep()
        for execution in list(scene.workflow.running):
            scene.settler.settle(execution[0], "States.Timeout")
    assert scene.now(made).announced
    assert scene.deliver_workflow.running == {(only(scene).id, 0)}
    return died


def test_wherever_the_process_dies_an_end_has_one_delivery_and_it_is_carried() -> None:
    at = 0
    while ended_with_a_crash(at):
        at += 1
        assert at < 50
    assert at >= 10, "before and after: end, event, delivery, its execution, note"


def test_end_that_is_announced_twice_is_one_delivery() -> None:
    scene = Scene()
    ended = canceled(scene, webhook=URL)
    scene.deliverer.deliver(only(scene).id)
    scene.settler.announcer.announce(ended.having(announced=False))
    assert only(scene).status is DeliveryStatus.DELIVERED
    assert len(scene.deliver_workflow.running) == 1


# ── Reconcile ─────────────────────────────────────────────────────────────────────────────────────────


def sweep(scene: Scene) -> dict[str, int]:
    scene.clock.sleep(QUIET_SECONDS + 1)
    return {fate: count for fate, count in scene.reconciler.sweep().items() if count}


def test_delivery_that_is_carried_or_over_is_left_alone() -> None:
    scene = Scene()
    canceled(scene, webhook=URL)
    assert sweep(scene) == {"carried": 1}
    scene.deliverer.deliver(only(scene).id)
    assert sweep(scene) == {}
    assert scene.reconciler.look_after(only(scene).id) == "ended"


def test_delivery_that_waits_for_its_next_attempt_is_not_looked_at() -> None:
    scene = Scene()
    canceled(scene, webhook=URL)
    scene.receivers.answers = [ConnectionError("the function died")]
    with pytest.raises(ConnectionError):
        scene.deliverer.deliver(only(scene).id)
    waiting = only(scene).having(next_attempt_at=scene.clock.now().replace(hour=23), version=1)
    scene.deliveries.save(waiting)
    scene.deliver_workflow.stop_all()
    assert sweep(scene) == {}


def test_delivery_whose_execution_died_goes_on_with_the_next_and_at_its_own_time() -> None:
    scene = Scene()
    canceled(scene, webhook=URL)
    scene.deliver_workflow.stop_all()
    assert sweep(scene) == {"restarted": 1}
    assert scene.deliver_workflow.running == {(only(scene).id, 1)}
    assert only(scene).carrier == 1


def test_executions_of_one_delivery_are_bounded_and_then_it_is_given_up() -> None:
    scene = Scene()
    canceled(scene, webhook=URL)
    for carrier in range(1, CARRIERS_MAX + 1):
        scene.deliver_workflow.stop_all()
        assert scene.reconciler.look_after(only(scene).id) == "restarted"
        assert only(scene).carrier == carrier
    scene.deliver_workflow.stop_all()
    assert scene.reconciler.look_after(only(scene).id) == "settled"
    assert only(scene).status is DeliveryStatus.FAILED
    assert sweep(scene) == {}


def test_two_that_run_beside_each_other_start_one_execution() -> None:
    scene, fates = Scene(), list[str]()
    canceled(scene, webhook=URL)
    scene.deliver_workflow.stop_all()
    before_next(scene.deliveries, "save", lambda: fates.append(scene.reconciler.look_after(only(scene).id)))
    fates.append(scene.reconciler.look_after(only(scene).id))
    assert fates == ["restarted", "carried"]


# ── Again, by a call ──────────────────────────────────────────────────────────────────────────────────


def test_redelivery_is_a_further_delivery_of_the_same_end() -> None:
    scene = Scene()
    ended = canceled(scene, webhook=URL)
    first = only(scene)
    scene.deliverer.deliver(first.id)
    scene.clock.sleep(60)
    again = scene.webhooks.tell_again(ended)
    assert again.id != first.id
    assert [one.id for one in scene.webhooks.told(ended)] == [again.id, first.id]
    assert (again.type, again.url, again.status) == (first.type, first.url, "pending")
    assert (again.id, 0) in scene.deliver_workflow.running


def test_end_that_a_webhook_does_not_want_is_told_by_a_call() -> None:
    scene = Scene()
    ended = canceled(scene, webhook={"url": URL, "events": ["generation.succeeded"]})
    assert scene.webhooks.tell_again(ended).type == "generation.canceled"


def test_receivers_know_a_message_that_is_delivered_again_by_its_id() -> None:
    scene = Scene()
    ended = canceled(scene, webhook=URL)
    again = [scene.webhooks.tell_again(ended) for _ in range(2)]
    assert {one.message_id for one in again} == {message_id_of(ended)}
    assert len({one.id for one in scene.deliveries.records.values()}) == 3


def test_redelivery_before_the_end_and_without_a_webhook_is_a_conflict() -> None:
    scene = Scene()
    with pytest.raises(ConflictError):
        scene.webhooks.tell_again(scene.create(webhook=URL))
    with pytest.raises(ConflictError) as refused:
        scene.webhooks.tell_again(canceled(scene))
    assert [problem.field for problem in refused.value.problems] == ["webhook"]
    assert scene.deliveries.records == {}


def test_redeliveries_of_one_generation_are_bounded() -> None:
    scene = Scene()
    ended = canceled(scene, webhook=URL)
    for _ in range(DELIVERIES_MAX - 1):
        scene.webhooks.tell_again(ended)
    with pytest.raises(ConflictError, match=str(DELIVERIES_MAX)):
        scene.webhooks.tell_again(ended)
