"""Create: check the request, choose the routes, write the record, start the workflow. Buys nothing."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from easel.catalogue import Catalogue
from easel.domain.generation import Generation, Status
from easel.domain.ids import new_generation_id
from easel.domain.input_images import check_input_image
from easel.domain.request import GenerationRequest
from easel.errors import (
    AlreadyExistsError,
    ConflictError,
    FieldProblem,
    IdempotencyMismatchError,
    ImageInvalidError,
    InvalidRequestError,
)
from easel.ports import Clock, GenerationStore, Idempotency, ImageStore, VendorKeys, Workflow
from easel.routing import BY_CALLER, Policy, choose

DATA_URL = re.compile(r"data:(image/[a-z.+-]+);base64,")


@dataclass(frozen=True, slots=True)
class Creator:
    """Makes generations."""

    store: GenerationStore
    images: ImageStore
    workflow: Workflow
    vendor_keys: VendorKeys
    catalogue: Catalogue
    clock: Clock
    policy: Policy = Policy.BALANCED

    def create(self, tenant: str, request: GenerationRequest, key: str | None = None) -> Generation:
        """A queued generation, or the earlier one of the same idempotency key and body.

        Raises InvalidRequestError naming the fields, or IdempotencyMismatchError. Nothing is written then.
        """
        idempotency = Idempotency(key, fingerprint(request)) if key else None
        if idempotency and (earlier := self._earlier(tenant, idempotency)):
            return earlier
        choices = choose(request, self.catalogue, self.vendor_keys.get(), self.policy)
        inputs = [decode_image(number, image) for number, image in enumerate(request.images)]
        generation_id = new_generation_id(self.clock.now())
        generation = Generation.create(
            generation_id=generation_id,
            tenant=tenant,
            request=self._with_kept_inputs(generation_id, request, inputs),
            routes=tuple(choice.route.name for choice in choices),
            routed_by=self.policy.value if request.route is None else BY_CALLER,
            quoted=choices[0].route.price.times(request.n or 1),
            now=self.clock.now(),
        )
        try:
            self.store.create(generation, idempotency)
        except AlreadyExistsError:
            if idempotency and (earlier := self._earlier(tenant, idempotency)):
                return earlier
            if idempotency:
                raise ConflictError("The Idempotency-Key is changing hands right now; try again.") from None
            raise
        self.workflow.start(generation.id)
        return generation

    def _earlier(self, tenant: str, idempotency: Idempotency) -> Generation | None:
        """The generation of an earlier use of the key. One whose start was lost is started again."""
        claim = self.store.claim(tenant, idempotency.key)
        if claim is None:
            return None
        if claim.fingerprint != idempotency.fingerprint:
            raise IdempotencyMismatchError("This Idempotency-Key came before with another body.")
        generation = self.store.get(claim.generation_id)
        if generation is not None and generation.status is Status.QUEUED:
            self.workflow.start(generation.id)
        return generation

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


def decode_image(number: int, image: str) -> tuple[str, bytes] | None:
    """The type and bytes of an inline image; None for a link, which the vendor fetches itself."""
    field = f"images.{number}"
    if image.startswith("https://"):
        return None
    match = DATA_URL.match(image)
    if match is None:
        problem = FieldProblem(field, 'must be an https URL or a "data:image/...;base64," URL')
        raise InvalidRequestError("An input image cannot be read.", [problem])
    try:
        data = base64.b64decode(image[match.end() :], validate=True)
        content_type = check_input_image(data)
    except (binascii.Error, ImageInvalidError) as error:
        what = "is not base64" if isinstance(error, binascii.Error) else str(error)
        raise InvalidRequestError("An input image cannot be read.", [FieldProblem(field, what)]) from error
    return content_type, data
