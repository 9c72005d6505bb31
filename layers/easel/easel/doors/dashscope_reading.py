"""What a DashScope door makes of a body: a request of ours, or a refusal in the vendor's words.

Sources: Alibaba's references of Qwen text-to-image and image edit (2026-02) and its error page (2025-12-26).
What models take is the catalogue's: a door takes the models of its own endpoint's routes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from easel.catalogue import Catalogue
from easel.domain.capabilities import Capabilities
from easel.domain.reading import request_of
from easel.domain.request import PROMPT_MAX, GenerationRequest
from easel.domain.sizes import Size, SizeRule, parse_size
from easel.doors.dialects import VendorBody, named_as, read_body
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError

ASYNC_MODELS = frozenset({"qwen-image-plus", "qwen-image"})  # the vendor refuses the others on that path
DEFAULT_SIZE = "1664*928"  # of text-to-image; on other vendors' routes the default may be another
SEED_MAX = 2147483647

NO_MODEL = 'Required parameter "model" missing from request.'
NO_INPUT = "Required input parameter missing from request."
NO_MESSAGES = "No messages found in input"
ONE_MESSAGE = "messages length only support 1"
INCOMPLETE = "lack of image or text"
ONE_IMAGE = "num_images_per_prompt must be 1"
BAD_ADDRESS = "The provided URL does not appear to be valid. Send https, or a data URL with base64."
UNKNOWN_MODEL = "Model not exist."
WRONG_ADDRESS = "url error, please check url\uff01"
NO_UPLOADED_FILES = (
    "oss:// is not readable here: local files cannot be uploaded. Send the image as an https URL, or as a "
    "data URL with base64."
)

# Easel's names of fields, and the vendor's.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "negative_prompt": "parameters.negative_prompt",
        "images.0": "image 1",
        "images.1": "image 2",
        "images.2": "image 3",
    }
)


class Parameters(VendorBody):
    """`parameters`. The last three are the SDK's: they say how text comes, and nothing about images."""

    negative_prompt: str | None = Field(default=None, description="500 characters count, the rest is cut")
    size: str | None = Field(default=None, description="`W*H` in pixels")
    n: int | None = Field(default=None, description="number of images; 1 except for edits")
    prompt_extend: bool | None = Field(default=None, description="let the vendor rewrite the prompt")
    watermark: bool | None = Field(default=None, description="mark the bottom-right corner")
    seed: int | None = Field(default=None, ge=0, le=SEED_MAX, description="0 to 2147483647")
    result_format: str | None = None
    stream: bool | None = None
    incremental_output: bool | None = None


class Part(VendorBody):
    """A part of a message: an image or a text."""

    image: str | None = Field(default=None, repr=False, description="a link, or a data URL")
    text: str | None = Field(default=None, repr=False, description="800 characters count, the rest is cut")


class Message(VendorBody):
    """What the user says."""

    role: Literal["user"]
    content: tuple[Part, ...]


class MessagesInput(VendorBody):
    """`input` of a synchronous call."""

    messages: tuple[Message, ...] = ()


class PromptInput(VendorBody):
    """`input` of a task."""

    prompt: str = Field(default="", repr=False, description="800 characters count, the rest is cut")
    negative_prompt: str | None = Field(default=None, description="under `parameters` it weighs more")


class CallBody(VendorBody):
    """The body of a synchronous call."""

    model: str = ""
    input: MessagesInput | None = None
    parameters: Parameters | None = None


class TaskBody(VendorBody):
    """The body of a task."""

    model: str = ""
    input: PromptInput | None = None
    parameters: Parameters | None = None


def read_call(text: str, catalogue: Catalogue, endpoint: str) -> GenerationRequest:
    """The request of a synchronous call. Raises MalformedRequestError or InvalidRequestError."""
    body = read_body(CallBody, text)
    messages = _input(body).messages
    can = _capabilities(body.model, catalogue, endpoint)
    if not messages:
        raise InvalidRequestError(NO_MESSAGES)
    if len(messages) > 1:
        raise InvalidRequestError(ONE_MESSAGE)
    prompt, images = _content(messages[0].content, can)
    return _request(body.model, prompt, body.parameters or Parameters(), can, images)


def read_task(text: str, catalogue: Catalogue, endpoint: str) -> GenerationRequest:
    """The request of a task. Raises MalformedRequestError or InvalidRequestError."""
    body = read_body(TaskBody, text)
    content = _input(body)
    can = _capabilities(body.model, catalogue, endpoint)
    if body.model not in ASYNC_MODELS:
        raise InvalidRequestError(WRONG_ADDRESS)
    parameters = body.parameters or Parameters()
    if parameters.negative_prompt is None:
        parameters = parameters.model_copy(update={"negative_prompt": content.negative_prompt})
    return _request(body.model, content.prompt, parameters, can)


def _input(body: CallBody | TaskBody) -> Any:
    if not body.model:
        raise MalformedRequestError(NO_MODEL, [FieldProblem("model", "is required")])
    if body.input is None or not body.input.model_fields_set:
        raise MalformedRequestError(NO_INPUT, [FieldProblem("input", "is required")])
    return body.input


def _capabilities(model: str, catalogue: Catalogue, endpoint: str) -> Capabilities:
    """What the vendor's own route of the model can do."""
    for route in catalogue.serving(model):
        if route.endpoint.name == endpoint:
            return route.capabilities
    raise InvalidRequestError(UNKNOWN_MODEL)


def _content(parts: tuple[Part, ...], can: Capabilities) -> tuple[str, list[str]]:
    """The text and the images of a message, as many as the model takes."""
    texts = [part.text for part in parts if part.text]
    images = [part.image for part in parts if part.image]
    least, most = can.images
    if len(texts) + len(images) != len(parts) or not texts or len(images) < least:
        raise InvalidRequestError(INCOMPLETE)
    if len(texts) > 1 or len(images) > most:
        raise InvalidRequestError(f"content length only support {most + 1}")
    if any(image.startswith("oss://") for image in images):
        raise InvalidRequestError(NO_UPLOADED_FILES)
    if not all(image.startswith(("https://", "http://", "data:")) for image in images):
        raise InvalidRequestError(BAD_ADDRESS)
    return texts[0], images


def _request(
    model: str, prompt: str, parameters: Parameters, can: Capabilities, images: list[str] | None = None
) -> GenerationRequest:
    """Texts over the vendor's limits are cut by the route, which reports it; here only those over ours."""
    _check_count(parameters.n, can.n_max)
    given = {
        "negative_prompt": parameters.negative_prompt and parameters.negative_prompt[:PROMPT_MAX],
        "size": _size(parameters.size, can.sizes) or (None if images else DEFAULT_SIZE),
        "n": parameters.n,
        "seed": parameters.seed,
        "prompt_extend": parameters.prompt_extend,
        "watermark": parameters.watermark,
        "images": images,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    with named_as(NAMES):
        return request_of({"model": model, "prompt": prompt[:PROMPT_MAX], **chosen})


def _check_count(n: int | None, most: int) -> None:
    if n is None or 1 <= n <= most:
        return
    if most == 1:
        raise InvalidRequestError(ONE_IMAGE)
    raise InvalidRequestError(f"parameters.n: must be 1 to {most}")


def _size(text: str | None, rule: SizeRule | None) -> str | None:
    """The size, where the model has it; the vendor's separator is `*` alone."""
    if text is None:
        return None
    size = parse_size(text.replace("x", ":"))
    if rule is None or not isinstance(size, Size) or rule.resolve(size) is None:
        allowed = [one for one in rule.allowed() if "*" in one] if rule else []
        what = f"must be one of: {', '.join(allowed)}" if allowed else "cannot be chosen for this model"
        raise InvalidRequestError(f"parameters.size: {what}")
    return text
