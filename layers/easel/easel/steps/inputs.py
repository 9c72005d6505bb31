"""Input images of edits: read and checked before a generation is made, kept where its steps find them."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from easel.domain.ids import GENERATION_ID
from easel.domain.input_images import INPUT_BYTES_MAX, check_length, input_image
from easel.domain.request import GenerationRequest, is_https_link
from easel.domain.tenancy import Caller
from easel.domain.uploads import upload_key
from easel.errors import FieldProblem, ImageInvalidError, ImageUnavailableError, InvalidRequestError
from easel.ports import GenerationStore, ImageStore, Inbox, Uploads
from easel.steps.linked_images import LinkedImages

DATA_URL = re.compile(r"data:(image/[a-z.+-]+);base64,")
UPLOAD = "upload:"
FORMS = (
    'must be an https URL, a "data:image/...;base64," URL, "upload:ID" of POST /v1/uploads, '
    "or the s3:// URI of an image of yours"
)
NOT_OURS = "is no image of a generation of yours, or is not kept any more"
NO_UPLOAD = "is no upload of yours with an image in it: it expired, was never filled, or never was"


@dataclass(frozen=True, slots=True)
class InputImages:
    """Reads and keeps input images. `inbox` is where callers inside the account may let them lie."""

    images: ImageStore
    uploads: Uploads
    links: LinkedImages
    generations: GenerationStore
    inbox: Inbox | None = None

    def checked(self, caller: Caller, request: GenerationRequest) -> list[tuple[str, bytes] | None]:
        """Type and bytes of each image that Easel has; None for a link, which the vendor fetches itself.

        Raises InvalidRequestError naming the image that cannot be read or is none.
        """
        known = [self._read(caller, number, image) for number, image in enumerate(request.images)]
        links = {number: image for number, image in enumerate(request.images) if known[number] is None}
        if problems := self.links.problems(links):
            raise unreadable(*problems)
        return known

    def _read(self, caller: Caller, number: int, image: str) -> tuple[str, bytes] | None:
        if is_https_link(image):
            return None
        field = f"images.{number}"
        try:
            return input_image(self._bytes(caller, image))
        except ValueError as error:
            what = "is not base64; a large image is better uploaded (POST /v1/uploads)"
            raise unreadable(FieldProblem(field, what)) from error
        except (ImageInvalidError, ImageUnavailableError) as error:
            raise unreadable(FieldProblem(field, str(error))) from error

    def _bytes(self, caller: Caller, image: str) -> bytes:
        if image.startswith(UPLOAD):
            return self._uploaded(caller, image.removeprefix(UPLOAD))
        if self.inbox is not None and image.startswith(place := self.inbox.uri("")):
            return self.inbox.read(image.removeprefix(place), INPUT_BYTES_MAX)
        if image.startswith(place := self.images.uri("")):
            return self._own(caller, image.removeprefix(place))
        match = DATA_URL.match(image)
        if match is None:
            raise ImageInvalidError(FORMS)
        return base64.b64decode(image[match.end() :], validate=True)

    def _own(self, caller: Caller, key: str) -> bytes:
        """An image that a generation of the caller's tenant made or was made of; of another's nothing is said
        that is not said of none."""
        named = GENERATION_ID.search(key)
        generation = self.generations.get(named[0]) if named else None
        if generation is None or generation.tenant != caller.tenant:
            raise ImageUnavailableError(NOT_OURS)
        made = {image.key: image.bytes for image in generation.images}
        if key not in made and self.images.uri(key) not in generation.request.images:
            raise ImageUnavailableError(NOT_OURS)
        check_length(made.get(key, 1))  # before it is read; inputs were checked when they were kept
        try:
            return self.images.read(key)
        except ImageUnavailableError as error:
            raise ImageUnavailableError(NOT_OURS) from error

    def _uploaded(self, caller: Caller, upload_id: str) -> bytes:
        """An upload of the caller's tenant; of another's nothing is said that is not said of none."""
        try:
            return self.uploads.read(upload_key(caller.tenant, upload_id), INPUT_BYTES_MAX)
        except ImageUnavailableError as error:
            raise ImageUnavailableError(NO_UPLOAD) from error

    def kept(
        self, generation_id: str, request: GenerationRequest, inputs: Sequence[tuple[str, bytes] | None]
    ) -> GenerationRequest:
        """The request with the images that Easel has put into the bucket under the generation's own keys.

        Inline ones, because DynamoDB takes 400 KB an item; uploads, because the form may put other bytes
        there until it expires, and only the checked ones may be sent.
        """
        if not request.images:
            return request
        images = list(request.images)
        for number, decoded in enumerate(inputs):
            if decoded is not None:
                key = f"inputs/{generation_id}/{number}"
                self.images.put_bytes(key, decoded[1], decoded[0])
                images[number] = self.images.uri(key)
        return request.model_copy(update={"images": tuple(images)})


def unreadable(*problems: FieldProblem) -> InvalidRequestError:
    """The refusal that names the images."""
    return InvalidRequestError("An input image cannot be used.", problems)
