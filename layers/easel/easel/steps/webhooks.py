"""Webhooks: to whom the end of a generation is told, and what became of it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from easel.domain.generation import Generation
from easel.domain.ids import new_delivery_id
from easel.domain.request import Webhook
from easel.domain.webhooks import DELIVERIES_MAX, Delivery, event_of, message_id_of, webhook_of
from easel.errors import AlreadyExistsError, ConflictError, FieldProblem, WorkflowBusyError
from easel.ports import Clock, Tenants, Workflow
from easel.webhook_ports import DeliveryStore


@dataclass(slots=True, eq=False)
class Webhooks:
    """Makes deliveries; `workflow`, which is made when there is one to start, carries each to its end."""

    deliveries: DeliveryStore
    tenants: Tenants
    workflow: Callable[[], Workflow]
    clock: Clock

    def tell(self, generation: Generation) -> None:
        """See to it that this end is told to who wants to hear of it; done again, it is the same delivery.

        [record] ──► [execution] ──► it is delivered, however often that is tried
                 ▲ whoever dies here is made up for by the one who announces the end again, and by Reconcile:
                   the record lies among the open ones until it is over
        """
        webhook, event = self._webhook_of(generation), event_of(generation)
        if webhook is None or event not in webhook.events:
            return
        delivery_id = message_id_of(generation)
        with suppress(AlreadyExistsError):
            self.deliveries.create(Delivery.create(delivery_id, generation, webhook, self.clock.now()))
        with suppress(WorkflowBusyError):  # Reconcile starts it
            self.workflow().start(delivery_id)

    def tell_again(self, generation: Generation) -> Delivery:
        """A further delivery of the same message, whether the earlier ones came through or not.

        Raises ConflictError before the end, after too many, and where there is no webhook.
        """
        if not generation.terminal:
            raise ConflictError("The generation has not ended: there is nothing to tell yet.")
        webhook = self._webhook_of(generation)
        if webhook is None:
            problem = FieldProblem("webhook", "was not set in the request, nor for the tenant")
            raise ConflictError("The generation has no webhook.", [problem])
        if len(self.deliveries.of_generation(generation.id)) >= DELIVERIES_MAX:
            raise ConflictError(f"The generation's end has been delivered {DELIVERIES_MAX} times.")
        now = self.clock.now()
        delivery = Delivery.create(new_delivery_id(now), generation, webhook, now)
        self.deliveries.create(delivery)
        with suppress(WorkflowBusyError):
            self.workflow().start(delivery.id)
        return delivery

    def told(self, generation: Generation) -> Sequence[Delivery]:
        """The generation's deliveries, newest first."""
        return self.deliveries.of_generation(generation.id)

    def _webhook_of(self, generation: Generation) -> Webhook | None:
        return webhook_of(generation, self.tenants.get(generation.tenant))
