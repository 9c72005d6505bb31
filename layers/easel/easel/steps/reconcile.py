"""Reconcile: find generations, batches and deliveries that no execution carries; bring each to its end."""

from dataclasses import dataclass
from datetime import timedelta

from easel.domain.delivery_facts import delivery_given_up
from easel.domain.facts import Tell, queue, reconciled, waited_seconds
from easel.domain.generation import Generation
from easel.domain.ids import is_batch_id, is_delivery_id
from easel.errors import EaselError, VersionConflictError, WorkflowBusyError
from easel.ports import BatchStore, Clock, GenerationStore, Workflow
from easel.steps.collect import Collector
from easel.steps.settle import Settler
from easel.webhook_ports import DeliveryStore

QUIET_SECONDS = 60.0  # a record that moved more recently than this is being carried, or just was
GRACE_SECONDS = 30.0  # after a deadline, for the execution to settle by itself
CARRIERS_MAX = 10  # executions of one generation, before it is ended as it stands
SWEEP_SECONDS = 40.0  # of one run, below the function's own 60 s; the next run goes on
CARRIED, RESTARTED, SETTLED, TOLD, ENDED = "carried", "restarted", "settled", "told", "ended"
MENDED = frozenset({RESTARTED, SETTLED, TOLD})  # the fates of what nobody cared for


@dataclass(frozen=True, slots=True)
class BatchReconciler:
    """Takes care of batches that no execution carries."""

    store: BatchStore
    workflow: Workflow
    collector: Collector
    clock: Clock

    def look_after(self, batch_id: str) -> str:
        """Leave it, start an execution that goes on where the last one stopped, or end it as it stands.

        A batch's execution starts no row again that was started, and writes the same results again.
        """
        batch = self.store.get(batch_id)
        if batch is None or batch.announced:
            return ENDED
        if batch.over:
            self.collector.announce(batch)
            return TOLD
        carriage = self.workflow.go_on(batch.id, batch.carrier)
        if carriage != "over":
            return carriage
        if batch.carrier - batch.resumes >= CARRIERS_MAX:  # each resume has an execution of its own
            self.collector.collect(batch.id, "its executions have failed")
            return SETTLED
        try:
            self.store.save(batch.carried_by(batch.carrier + 1, self.clock.now()))
        except VersionConflictError:
            return CARRIED
        self.workflow.start(batch.id, batch.carrier + 1)
        return RESTARTED


@dataclass(frozen=True, slots=True)
class DeliveryReconciler:
    """Takes care of webhooks' deliveries that no execution carries."""

    store: DeliveryStore
    workflow: Workflow
    tell: Tell

    def look_after(self, delivery_id: str) -> str:
        """Leave it, start an execution that tries it when it is time, or give it up."""
        delivery = self.store.get(delivery_id)
        if delivery is None or delivery.over:
            return ENDED
        carriage = self.workflow.go_on(delivery.id, delivery.carrier)
        if carriage != "over":
            return carriage
        try:
            if delivery.carrier >= CARRIERS_MAX:
                given_up = delivery.given_up()
                self.store.save(given_up)
                self.tell(delivery_given_up(given_up))
                return SETTLED
            self.store.save(delivery.carried_by(delivery.carrier + 1))
        except VersionConflictError:
            return CARRIED
        self.workflow.start(delivery.id, delivery.carrier + 1)
        return RESTARTED


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Takes care of what was left lying."""

    store: GenerationStore
    workflow: Workflow
    settler: Settler
    batches: BatchReconciler
    deliveries: DeliveryReconciler
    clock: Clock
    tell: Tell

    def sweep(self) -> dict[str, int]:
        """Look after each generation that is not done and has not moved for a while; how many met which fate.

        One that cannot be looked after does not keep the others waiting: what went wrong is raised at the
        end, as an ExceptionGroup. Nor do thousands that are carried, as while they wait for a vendor's turns:
        those that were looked at longest ago come first.
        """
        now = self.clock.now()
        fates, faults, longest = [], [], 0.0
        for one in self.store.quiet(now - timedelta(seconds=QUIET_SECONDS)):
            try:
                fate, waited = self._looked_after(one)
                fates.append(fate)
                longest = max(longest, waited)
            except WorkflowBusyError:
                break  # all further ones would be refused, too; the next run goes on
            except (EaselError, ValueError) as error:  # a record that cannot be read, or not be moved
                faults.append(error)
            if (self.clock.now() - now).total_seconds() > SWEEP_SECONDS:
                break
        self.tell(queue(longest))
        if faults:
            raise ExceptionGroup("some generations could not be looked after", faults)
        return {fate: fates.count(fate) for fate in (CARRIED, RESTARTED, SETTLED, TOLD, ENDED)}

    def look_after(self, generation_id: str) -> str:
        """Leave it, start an execution that goes on where the last one stopped, or end it.

        The steps read the ledger before they do anything, so a further execution never asks a vendor twice,
        and two of them beside each other only lose each other's writes.
        """
        return self._looked_after(generation_id)[0]

    def _looked_after(self, carried_id: str) -> tuple[str, float]:
        """The fate, and for how many seconds a generation has waited to be asked for."""
        waited = 0.0
        if is_batch_id(carried_id):
            fate = self.batches.look_after(carried_id)
        elif is_delivery_id(carried_id):
            fate = self.deliveries.look_after(carried_id)
        else:
            generation = self.store.get(carried_id)
            waited = waited_seconds(generation, self.clock.now()) if generation else 0.0
            fate = self._fate(generation)
        if fate in MENDED:
            self.tell(reconciled(carried_id, fate))
        return fate, waited

    def _fate(self, generation: Generation | None) -> str:
        now = self.clock.now()
        if generation is None or generation.announced:
            return ENDED
        if generation.terminal:
            self.settler.announcer.announce(generation)
            return TOLD
        try:
            if generation.seconds_left(now) < -GRACE_SECONDS or generation.carrier >= CARRIERS_MAX:
                self.settler.settle(generation.id)
                return SETTLED
            carriage = self.workflow.go_on(generation.id, generation.carrier, generation.origin.execution)
            if carriage == CARRIED:
                self.store.note_looked_at(generation.id, now)
            if carriage != "over":
                return carriage
            self.store.save(generation.carried_by(generation.carrier + 1, now))
        except VersionConflictError:
            return CARRIED
        self.workflow.start(generation.id, generation.carrier + 1)
        return RESTARTED
