"""Looking after what stands still: the step Reconcile."""

from easel.runtime import SystemClock, fact_log
from easel.steps.reconcile import BatchReconciler, DeliveryReconciler, Reconciler
from easel.wiring.batch_steps import collector
from easel.wiring.batches import batch_workflow, batches
from easel.wiring.creating import workflow
from easel.wiring.ending import deliver_workflow, deliveries, settler
from easel.wiring.records import store


def reconciler() -> Reconciler:
    """The Reconcile step."""
    batch_part = BatchReconciler(batches(), batch_workflow(), collector(), SystemClock())
    tell = fact_log().tell
    delivery_part = DeliveryReconciler(deliveries(), deliver_workflow(), tell)
    return Reconciler(store(), workflow(), settler(), batch_part, delivery_part, SystemClock(), tell)
