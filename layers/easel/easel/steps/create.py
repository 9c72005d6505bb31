"""Create: check the request, choose the routes, write the record, start the workflow. Buys nothing."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from easel.catalogue import Catalogue, Route
from easel.domain.addresses import refuse_closed_links
from easel.domain.facts import Tell, accepted
from easel.domain.generation import Generation, Origin, Reservation, Status
from easel.domain.ids import new_generation_id
from easel.domain.ledger import Reserving, reservings
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.errors import AlreadyExistsError, ConflictError, IdempotencyMismatchError, WorkflowBusyError
from easel.ports import Clock, GenerationStore, Hold, Idempotency, Tenants, VendorKeys, Workflow
from easel.routing import BY_CALLER, Choice, Policy, choose
from easel.steps.forecast import Forecast
from easel.steps.inputs import InputImages


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a batch that becomes a generation: the id that it always has, and its hold on a cost cap."""

    generation_id: str
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class Creator:
    """Makes generations."""

    store: GenerationStore
    inputs: InputImages
    workflow: Workflow
    vendor_keys: VendorKeys
    catalogue: Catalogue
    clock: Clock
    tenants: Tenants
    forecast: Forecast
    tell: Tell
    policy: Policy = Policy.BALANCED
    loopback_webhooks: bool = False  # may go to this machine, without TLS, too: on the local stack

    def create(
        self,
        caller: Caller,
        request: GenerationRequest,
        key: str | None = None,
        *,
        origin: Origin | None = None,
        row: Row | None = None,
        prefer: Sequence[str] = (),
    ) -> Generation:
        """A queued generation, or the earlier one of the same idempotency key and body, or of the same row.

        A front door prefers the routes of its own endpoints. An execution that carries it is not started.
        Raises InvalidRequestError naming the fields, IdempotencyMismatchError, ForbiddenError,
        BudgetReachedError, LimitReachedError, or CostCapError; then input images may have been written.
        """
        tenant = caller.tenant
        idempotency = Idempotency(key, fingerprint(request)) if key else None
        if idempotency and (earlier := self._earlier(tenant, idempotency)):
            return earlier
        choices = self.choose(caller, request, prefer)
        usd = most_usd(request, [choice.route for choice in choices])
        reserving = reservings(caller.owners(self.tenants.get(tenant).limits), usd)
        inputs = self.inputs.checked(caller, request)
        generation_id = row.generation_id if row else new_generation_id(self.clock.now())
        first = choices[0].route
        generation = Generation.create(
            generation_id=generation_id,
            tenant=tenant,
            request=self.inputs.kept(generation_id, request, inputs),
            routes=tuple(choice.route.name for choice in choices),
            routed_by=self.policy.value if request.route is None else BY_CALLER,
            quoted=first.price.times(request.n or 1),
            now=self.clock.now(),
            origin=origin,
            quoted_usd=first.estimated_usd * (request.n or 1),
            reservation=reservation_of(usd, reserving),
            expected=self.forecast.of(first),
        )
        return self._written(generation, idempotency, row.hold if row else None, reserving)

    def _written(
        self,
        generation: Generation,
        idempotency: Idempotency | None,
        hold: Hold | None,
        reserving: Sequence[Reserving],
    ) -> Generation:
        """Written down and started; or the one that was there before."""
        try:
            self.store.create(generation, idempotency, hold, reserving)
        except AlreadyExistsError:
            if (known := self._known(generation, idempotency)) is not None:
                return known
            raise
        self.tell(accepted(generation))
        return self._started(generation)

    def _known(self, generation: Generation, idempotency: Idempotency | None) -> Generation | None:
        """The one whose id or key is there already. Raises ConflictError where a key's is not seen yet."""
        if idempotency and (earlier := self._earlier(generation.tenant, idempotency)):
            return earlier
        if known := self.store.get(generation.id):
            return self._started(known)
        if idempotency:
            raise ConflictError("The Idempotency-Key is changing hands right now; try again.")
        return None

    def choose(
        self, caller: Caller, request: GenerationRequest, prefer: Sequence[str] = ()
    ) -> tuple[Choice, ...]:
        """The routes that can serve the request, best first. Raises InvalidRequestError or ForbiddenError."""
        refuse_closed_links(request, loopback_webhooks=self.loopback_webhooks)
        ready = self.vendor_keys.get()
        return choose(request, self.catalogue, ready, self.policy, key=caller.key, prefer=prefer)

    def _earlier(self, tenant: str, idempotency: Idempotency) -> Generation | None:
        """The generation of an earlier use of the key. One whose start was lost is started again."""
        claim = self.store.claim(tenant, idempotency.key)
        if claim is None:
            return None
        if claim.fingerprint != idempotency.fingerprint:
            raise IdempotencyMismatchError("This Idempotency-Key came before with another body.")
        generation = self.store.get(claim.generation_id)
        return generation and self._started(generation)

    def _started(self, generation: Generation) -> Generation:
        if generation.status is Status.QUEUED and generation.origin.execution is None:
            # It is accepted: were it refused now, its caller would ask for another. Reconcile starts it.
            with suppress(WorkflowBusyError):
                self.workflow.start(generation.id)
        return generation


def fingerprint(request: GenerationRequest) -> str:
    """The same for two bodies that ask for the same, however they are spelled."""
    return hashlib.sha256(request.model_dump_json(exclude_defaults=True).encode()).hexdigest()


def most_usd(request: GenerationRequest, routes: list[Route]) -> Decimal:
    """What a generation may cost at most, about: on the dearest of its routes, twice where the caller opted
    into buying again."""
    dearest = max(route.estimated_usd for route in routes)
    times = 2 if request.on_unknown == "resubmit" else 1
    return dearest * (request.n or 1) * times


def reservation_of(usd: Decimal, reserving: Sequence[Reserving]) -> Reservation:
    """What the record says of it: how much, and whose limits count it."""
    return Reservation(
        usd=usd,
        budgets=tuple(one.owner.name for one in reserving if one.takes_money),
        places=tuple(one.owner.name for one in reserving if one.takes_place),
    )
