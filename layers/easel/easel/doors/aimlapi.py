"""The front door that speaks as AI/ML API does: one synchronous call for Qwen-Image.

Sources: docs.aimlapi.com (github.com/aimlapi/api-docs: `qwen-image`, `errors-and-messages`; 2025-08 to
2026-08), fal's public result schema, and the official Python SDK github.com/aimlapi/api-sdk-python. Its
answer has had three shapes; here it is the second, fal's, under the status 201 that belongs to it.

A call is held for 25 s. Beyond, it is answered as the vendor answers a generation that took too long (504),
with `Retry-After`: the same call again goes on with the same generation.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from pydantic import AfterValidator, Field

from easel.domain.failure import FailureClass
from easel.domain.generation import Generation, Image, Status
from easel.domain.holding import Patience
from easel.domain.reading import request_of
from easel.domain.request import PROMPT_MAX, SEED_MAX, GenerationRequest
from easel.domain.tenancy import Caller
from easel.doors.answers import Headers, check_inline, json_answer
from easel.doors.dialects import VendorBody, in_words, lasting_links, named_as, read_body
from easel.doors.http_input import asking_caller, json_body, limit_headers
from easel.doors.openai_client import patience_of
from easel.doors.problems import problem_headers
from easel.errors import (
    BudgetReachedError,
    ForbiddenError,
    InternalError,
    InvalidRequestError,
    LimitReachedError,
    NoKeyError,
    NotFoundError,
    RequestError,
    StillWorkingError,
    UnauthorizedError,
)
from easel.plain import time_view
from easel.ports import Clock, ImageStore
from easel.steps.create import Creator, Row
from easel.steps.gate import Gate
from easel.steps.hold import Holder, fingerprint_of

ENDPOINT = "aimlapi"
CALL_PATH = "/v1/images/generations"

# The vendor's presets by ratio, so that another vendor's route may serve where this one cannot; what was
# delivered stands in the answer.
PRESETS: Mapping[str, str] = MappingProxyType(
    {
        "landscape_4_3": "4:3",
        "landscape_16_9": "16:9",
        "square_hd": "1:1",
        "square": "512*512",
        "portrait_4_3": "3:4",
        "portrait_16_9": "9:16",
    }
)
DEFAULT_PRESET = "landscape_4_3"
SIDE_MULTIPLE = 32  # px

# The official SDK, made as OpenAI's is, comes again by itself after a 5xx: that would buy another picture.
NOT_AGAIN: Mapping[str, str] = MappingProxyType({"x-should-retry": "false"})

# Our refusals: HTTP status, and the vendor's first words. What is not listed is the caller's fault.
REFUSALS: Mapping[type[RequestError], tuple[int, str]] = MappingProxyType(
    {
        UnauthorizedError: (401, "This request requires a valid API key."),
        NoKeyError: (401, "This request requires a valid API key."),
        BudgetReachedError: (403, "You've run out of credits."),
        ForbiddenError: (403, "Forbidden."),
        NotFoundError: (404, "Not Found."),
        LimitReachedError: (429, "Too Many Requests."),
        InternalError: (500, "Internal server error."),
        StillWorkingError: (504, "Generation timeout."),
    }
)
CALLERS_FAULT = (400, "Body validation error!")
OUR_CONFLICT = (500, "Internal server error.")

# Why there is no picture. The vendor's 502 leaves open whether it was made, as a lost answer does.
FAILURES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        FailureClass.VALIDATION: (400, "Body validation error! The parameters are not supported."),
        FailureClass.MODERATION: (400, "The content was refused by the safety checker."),
        FailureClass.BILLING: (403, "The provider's account of this deployment has run out of credits."),
        FailureClass.RATE_LIMIT: (429, "Too Many Requests."),
        "submission_unknown": (502, "Bad Gateway: the provider's answer was lost; it may be billed."),
        "deadline_exceeded": (504, "Generation timeout."),
    }
)
OTHER_FAILURE = (500, "Internal server error: the provider could not complete the generation.")

# Easel's names of fields, and the vendor's.
NAMES: Mapping[str, str] = MappingProxyType(
    {"size": "image_size", "n": "num_images", "safety_filter": "enable_safety_checker"}
)


def _whole(number: float) -> float:
    if not number.is_integer():
        raise ValueError("must be a whole number")
    return number


def _side(number: int) -> int:
    if number % SIDE_MULTIPLE:
        raise ValueError(f"must be a multiple of {SIDE_MULTIPLE}")
    return number


Side = Annotated[int, Field(ge=512, le=1536), AfterValidator(_side)]


class ImageSize(VendorBody):
    """A size that is no preset."""

    width: Side = Field(description="512 to 1536 px, a multiple of 32")
    height: Side = Field(description="512 to 1536 px, a multiple of 32")


class CallBody(VendorBody):
    """The body of a call."""

    model: str = Field(description="`alibaba/qwen-image`")
    prompt: str = Field(min_length=1, max_length=PROMPT_MAX, repr=False, description="1 to 4000 characters")
    output_format: Literal["jpeg", "png"] | None = Field(default=None, description="where it can be chosen")
    num_images: Annotated[float, Field(ge=1, le=4), AfterValidator(_whole)] = Field(
        default=1, description="1 to 4; a number in the schema, so 2.0 is 2"
    )
    seed: int | None = Field(default=None, ge=1, le=SEED_MAX, description="1 or more")
    enable_safety_checker: bool | None = Field(default=None, description="censor the result")
    guidance_scale: float | None = Field(default=None, ge=1, le=20, description="1 to 20")
    sync_mode: bool = Field(default=False, description="the picture itself in the answer, as a data URI")
    negative_prompt: str | None = Field(default=None, repr=False, description="what to avoid")
    image_size: str | ImageSize = Field(default=DEFAULT_PRESET, description="a preset, or pixels")
    provider: str = Field(default="auto", description="auto, alibaba or fal in any case; Easel chooses")

    def request(self, model: str) -> GenerationRequest:
        """The request in Easel's words. Raises InvalidRequestError."""
        if self.provider.lower() not in ("auto", "alibaba", "fal"):
            raise InvalidRequestError("provider: expected auto, alibaba or fal")
        given = {
            "model": model,
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "size": self._size(),
            "n": int(self.num_images),
            "seed": self.seed,
            "safety_filter": self.enable_safety_checker,
            "guidance_scale": self.guidance_scale,
            "output_format": self.output_format,
        }
        with named_as(NAMES):
            return request_of({name: value for name, value in given.items() if value is not None})

    def _size(self) -> str:
        if isinstance(self.image_size, ImageSize):
            return f"{self.image_size.width}*{self.image_size.height}"
        if self.image_size not in PRESETS:
            raise InvalidRequestError(f"image_size: expected one of {', '.join(PRESETS)}, or pixels")
        return PRESETS[self.image_size]


@dataclass(frozen=True, slots=True)
class AimlApiDoor:
    """Answers AI/ML API's clients."""

    creator: Creator
    holder: Holder
    images: ImageStore
    gate: Gate
    clock: Clock
    prefix: str = "/aimlapi"

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """The one call; its documents write it with a slash at the end, too."""

        @app.post(f"{self.prefix}{CALL_PATH}/?")
        def call() -> Response[str]:
            caller = asking_caller(app, self.gate)
            body = read_body(CallBody, json_body(app))
            request = body.request(self._model(body.model))
            generation = self._held(caller, request, patience_of(app))
            if generation.status is Status.SUCCEEDED:
                view = self._view(generation, inline=body.sync_mode)
                return json_answer(201, view, limit_headers(caller.quota))
            event = app.current_event
            status, message = FAILURES.get(generation.error.code if generation.error else "", OTHER_FAILURE)
            headers: Headers = {**limit_headers(caller.quota), **NOT_AGAIN}
            return self._error(status, message, event.request_context.request_id, event.path, headers)

    def _model(self, name: str) -> str:
        """The canonical name of one of the vendor's models."""
        for route in self.creator.catalogue.routes.values():
            if route.endpoint.name == ENDPOINT:
                for model, wire_name in route.models.items():
                    if wire_name == name:
                        return model
        raise InvalidRequestError("model: there is no such model")

    def _held(self, caller: Caller, request: GenerationRequest, client: Patience) -> Generation:
        """The ended generation."""

        def make(generation_id: str) -> Generation:
            row = Row(generation_id, None)
            with named_as(NAMES):
                return self.creator.create(caller, request, row=row, prefer=(ENDPOINT,))

        fingerprint = fingerprint_of(caller, self.prefix, request)
        return self.holder.hold(caller, fingerprint, make, client)

    def _view(self, generation: Generation, *, inline: bool) -> dict[str, Any]:
        """fal's shape. What the filter withheld is not among the pictures, so none of them is flagged."""
        if inline:
            check_inline(generation, "sync_mode")
        ended = generation.ended_at or generation.updated_at
        return {
            "images": [self._image(image, inline=inline) for image in generation.images],
            "timings": {"inference": round((ended - generation.created_at).total_seconds(), 2)},
            "seed": generation.seed,
            "has_nsfw_concepts": [False] * len(generation.images),
            "prompt": generation.request.prompt,
        }

    def _image(self, image: Image, *, inline: bool) -> dict[str, Any]:
        url = lasting_links(self.images)(image.key)
        if inline:
            encoded = base64.b64encode(self.images.read(image.key)).decode("ascii")
            url = f"data:{image.content_type};base64,{encoded}"
        facts = {"width": image.width, "height": image.height, "content_type": image.content_type}
        return {"url": url, **facts}

    def refusal(self, error: RequestError, request_id: str, path: str) -> Response[str]:
        """`message`, `path`, `requestId`, `statusCode`, `timestamp`; 403 is also for money."""
        otherwise = OUR_CONFLICT if error.status == 409 else CALLERS_FAULT
        status, words = REFUSALS.get(type(error), otherwise)
        message = words if status in (404, 500) else f"{words} {in_words(error)}"
        return self._error(status, message, request_id, path, problem_headers(error))

    def _error(
        self, status: int, message: str, request_id: str, path: str, headers: Headers
    ) -> Response[str]:
        body = {
            "message": message,
            "path": path.removeprefix(self.prefix),
            "requestId": request_id,
            "statusCode": status,
            "timestamp": time_view(self.clock.now()),
        }
        return json_answer(status, body, headers)
