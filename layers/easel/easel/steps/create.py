"""Create: check the request, choose the routes, write the record, start the workflow. Buys nothing."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal

from easel.catalogue import Catalogue, Route
from easel.domain.generation import Generation, Origin, Status
from easel.domain.ids import new_generation_id
from easel.domain.input_images import INPUT_BYTES_MAX, check_input_image
from easel.domain.request import GenerationRequest
from easel.errors import (
    AlreadyExistsError,
    ConflictError,
    FieldProblem,
    IdempotencyMismatchError,
    ImageInvalidError,
    ImageUnavailableError,
    InvalidRequestError,
)
from easel.ports import Clock, GenerationStore, Hold, Idempotency, ImageStore, Inbox, VendorKeys, Workflow
from easel.routing import BY_CALLER, Choice, Policy, choose

DATA_URL = re.compile(r"data:(image/[a-z.+-]+);base64,")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a batch that becomes a generation: the id that it always has, and its hold on a cost cap."""

    generation_id: str
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class Creator:
    """Makes generations. `inbox` is where callers inside the account may let input images lie."""

    store: GenerationStore
    images: ImageStore
    workflow: Workflow
    vendor_keys: VendorKeys
    catalogue: Catalogue
    clock: Clock
    policy: Policy = Policy.BALANCED
    inbox: Inbox | None = None

    def create(
        self,
        tenant: str,
        request: GenerationRequest,
        key: str | None = None,
        *,
        origin: Origin | None = None,
        row: Row | None = None,
    ) -> Generation:
        """A queued generation, or the earlier one of the same idempotency key and body, or of the same row.

        A caller's execution that carries the generation is not started again. Raises InvalidRequestError
        naming the fields, IdempotencyMismatchError, or CostCapError. Nothing is written then.
        """
        idempotency = Idempotency(key, fingerprint(request)) if key else None
        if idempotency and (earlier := self._earlier(tenant, idempotency)):
            return earlier
        choices = self.choose(request)
        inputs = [self._decode(number, image) for number, image in enumerate(request.images)]
        generation_id = row.generation_id if row else new_generation_id(self.clock.now())
        generation = Generation.create(
            generation_id=generation_id,
            tenant=tenant,
            request=self._with_kept_inputs(generation_id, request, inputs),
            routes=tuple(choice.route.name for choice in choices),
            routed_by=self.policy.value if request.route is None else BY_CALLER,
            quoted=choices[0].route.price.times(request.n or 1),
            now=self.clock.now(),
            origin=origin,
        )
        try:
            self.store.create(generation, idempotency, row.hold if row else None)
        except AlreadyExistsError:
            if (known := self._known(generation, idempotency)) is not None:
                return known
            raise
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

    def choose(self, request: GenerationRequest) -> tuple[Choice, ...]:
        """The routes that can serve the request, best first. Raises InvalidRequestError."""
        return choose(request, self.catalogue, self.vendor_keys.get(), self.policy)

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
            self.workflow.start(generation.id)
        return generation

    def _decode(self, number: int, image: str) -> tuple[str, bytes] | None:
        """The type and bytes of an image that came along or lies in the inbox; None for a link, which the
        vendor fetches itself."""
        if image.startswith("https://"):
            return None
        field = f"images.{number}"
        try:
            data = self._bytes(field, image)
            return check_input_image(data), data
        except (binascii.Error, ImageInvalidError, ImageUnavailableError) as error:
            what = "is not base64" if isinstance(error, binascii.Error) else str(error)
            problem = FieldProblem(field, what)
            raise InvalidRequestError("An input image cannot be read.", [problem]) from error

    def _bytes(self, field: str, image: str) -> bytes:
        if self.inbox is not None and image.startswith(place := self.inbox.uri("")):
            return self.inbox.read(image.removeprefix(place), INPUT_BYTES_MAX)
        match = DATA_URL.match(image)
        if match is None:
            problem = FieldProblem(field, 'must be an https URL or a "data:image/...;base64," URL')
            raise InvalidRequestError("An input image cannot be read.", [problem])
        return base64.b64decode(image[match.end() :], validate=True)

    def _with_kept_inputs(
        self, generation_id: str, request: GenerationRequest, inputs: list[tuple[str, bytes] | None]
    ) -> GenerationRequest:
        """The request with inline images put into the bucket: DynamoDB takes 400 KB an item."""
        images = list(request.images)
        for number, decoded in enumerate(inputs):
            if decoded is not None:
                key = f"inputs/{generation_id}/{number}"
                self.images.put_bytes(key, decoded[1], decoded[0])
                images[number] = self.images.uri(key)
        return request.model_copy(update={"images": tuple(images)})


def fingerprint(request: GenerationRequest) -> str:
    """The same for two bodies that ask for the same, however they are spelled."""
    return hashlib.sha256(request.model_dump_json(exclude_defaults=True).encode()).hexdigest()


def most_usd(request: GenerationRequest, routes: list[Route]) -> Decimal:
    """What a generation may cost at most, about: on the dearest of its routes, twice where the caller opted
    into buying again."""
    dearest = max(route.estimated_usd for route in routes)
    times = 2 if request.on_unknown == "resubmit" else 1
    return dearest * (request.n or 1) * times
