"""Input images of edits: read and checked before a generation is made, kept where its steps find them."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from easel.domain.input_images import INPUT_BYTES_MAX, check_input_image
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.errors import FieldProblem, ImageInvalidError, ImageUnavailableError, InvalidRequestError
from easel.ports import ImageStore, Inbox

DATA_URL = re.compile(r"data:(image/[a-z.+-]+);base64,")


@dataclass(frozen=True, slots=True)
class InputImages:
    """Reads and keeps input images. `inbox` is where callers inside the account may let them lie."""

    images: ImageStore
    inbox: Inbox | None = None

    def checked(self, caller: Caller, request: GenerationRequest) -> list[tuple[str, bytes] | None]:
        """Type and bytes of each image that Easel has; None for a link, which the vendor fetches itself.

        Raises InvalidRequestError naming the image that cannot be read or is none.
        """
        return [self._decoded(number, image) for number, image in enumerate(request.images)]

    def _decoded(self, number: int, image: str) -> tuple[str, bytes] | None:
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

    def kept(
        self, generation_id: str, request: GenerationRequest, inputs: Sequence[tuple[str, bytes] | None]
    ) -> GenerationRequest:
        """The request with inline images put into the bucket: DynamoDB takes 400 KB an item."""
        images = list(request.images)
        for number, decoded in enumerate(inputs):
            if decoded is not None:
                key = f"inputs/{generation_id}/{number}"
                self.images.put_bytes(key, decoded[1], decoded[0])
                images[number] = self.images.uri(key)
        return request.model_copy(update={"images": tuple(images)})
