"""The Reconcile step: on a schedule, and when an execution ended badly."""

from typing import Any

from easel import runtime
from easel.events_in import ReconcileInput
from easel.wiring.care import reconciler

step = runtime.Provided(reconciler)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Takes an EventBridge event, gives how many generations met which fate."""
    carried_id = ReconcileInput.model_validate(event).carried_id
    care = step.get()
    fates = {care.look_after(carried_id): 1} if carried_id else care.sweep()
    runtime.logger().info("reconciled", carried_id=carried_id, fates=fates)
    return fates
