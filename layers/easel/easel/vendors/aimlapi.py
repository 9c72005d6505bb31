"""AI/ML API: one synchronous call, whose answer comes in one of three shapes.

Sources: docs.aimlapi.com (github.com/aimlapi/api-docs, `qwen-image`, `errors-and-messages`, history
from 2025-08 to 2026-08), and fal's public result schema for the second shape.
"""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from easel.domain.ask import Ask
from easel.domain.failure import Failure, FailureClass
from easel.domain.sizes import Geometry
from easel.vendors.base import (
    Adapter,
    Failed,
    Finished,
    ResultImage,
    SubmitAnswer,
    class_of_status,
    retry_after_seconds,
)
from easel.vendors.bodies import (
    Amount,
    AnswerBody,
    AsObject,
    Items,
    RequestBody,
    Text,
    Whole,
    images_in,
    is_success,
    nonblank,
    objects,
    post_json,
    unreadable,
)
from easel.wire import HttpRequest, HttpResponse

SUBMIT_PATH = "/v1/images/generations"

# 403 means missing credits or an exhausted plan before it means a missing right: only the text tells.
BILLING_PHRASES = re.compile(
    r"\b(credits?|balance|subscription|plan|top up|payment|billing)\b", re.IGNORECASE
)


class ImageSize(RequestBody):
    """`image_size` in pixels."""

    width: int = Field(description="512 to 1536, a multiple of 32")
    height: int = Field(description="512 to 1536, a multiple of 32")


class GenerationBody(RequestBody):
    """The body of a call. `sync_mode` and `provider` are never sent: their absence is the default wanted."""

    model: str = Field(description="`alibaba/qwen-image`")
    prompt: str = Field(description="1 to 4000 characters")
    negative_prompt: str | None = Field(description="length not stated")
    output_format: str | None = Field(description="`jpeg` or `png`")
    image_size: ImageSize | None = Field(description="in the schema since 2025-11-25")
    num_images: int | None = Field(description="1 to 4; a number in the schema, a whole one here")
    seed: int | None = Field(description="1 or more")
    enable_safety_checker: bool | None = Field(description="censor the result")
    guidance_scale: float | None = Field(description="1 to 20")


class OutputBody(AnswerBody):
    """`output` of the first shape."""

    choices: Items = Field(default=(), description="objects with `image_base64`")


class Usage(AnswerBody):
    """`meta.usage` of the third shape."""

    credits_used: Amount = Field(default=None, description="credits")


class Meta(AnswerBody):
    """`meta` of the third shape."""

    usage: Annotated[Usage, AsObject] = Field(default_factory=Usage, description="what the call cost")


class Generation(AnswerBody):
    """An answer in any of the three shapes. `created` is in seconds or milliseconds, so it is not read."""

    data: Items = Field(default=(), description="third shape: objects with `url` or `b64_json`")
    images: Items = Field(default=(), description="second shape: objects with `url`")
    output: Annotated[OutputBody, AsObject] = Field(default_factory=OutputBody, description="first shape")
    has_nsfw_concepts: Items = Field(default=(), description="an image each: true where it was blackened")
    seed: Whole = Field(default=None, description="may exceed 32 bits")
    meta: Annotated[Meta, AsObject] = Field(default_factory=Meta, description="third shape")
    requestId: Text = Field(default=None, description="the vendor's trace id")  # noqa: N815 - the vendor's spelling

    @property
    def images_by_item(self) -> tuple[tuple[ResultImage, ...], ...]:
        """The images of each item of the first shape that holds any; none where an item has no image."""
        shapes = (self.data, self.images, self.output.choices)
        return next(filter(any, (tuple(map(images_in, items)) for items in shapes)), ())

    @property
    def revised_prompt(self) -> str | None:
        """The prompt as the vendor rewrote it."""
        return next((RevisedPrompt.read(item).revised_prompt for item in objects(self.data)), None)


class RevisedPrompt(AnswerBody):
    """What an item of `data` says beside its image."""

    revised_prompt: Text = Field(default=None, description="null where it was not rewritten")


class ErrorBody(AnswerBody):
    """The envelope of an error, or `error` in it."""

    message: Text = Field(default=None, description="the vendor's words")
    statusCode: Text = Field(default=None, description="the HTTP status, a number or a string")  # noqa: N815
    requestId: Text = Field(default=None, description="the vendor's trace id")  # noqa: N815 - the vendor's spelling


class AimlApi(Adapter):
    """Builds and reads AI/ML API's wire format. There are no tasks: an ask answers with its images."""

    def build_submit(self, ask: Ask) -> HttpRequest:
        """The one call. A seed of 0 is never sent: the vendor refuses it."""
        body = GenerationBody(
            model=ask.model,
            prompt=ask.prompt,
            negative_prompt=nonblank(ask.negative_prompt),
            output_format=ask.output_format,
            image_size=_image_size(ask.geometry),
            num_images=ask.n,
            seed=ask.seed or None,
            enable_safety_checker=ask.safety_filter,
            guidance_scale=ask.guidance_scale,
        )
        return post_json(SUBMIT_PATH, body)

    def read_submit(self, response: HttpResponse) -> SubmitAnswer:
        """The images, under any 2xx status. Blackened ones are left out and counted."""
        body = response.json_object()
        if not is_success(response):
            return Failed(_failure(response, body))
        answer = Generation.read(body)
        cost = answer.meta.usage.credits_used
        kept, filtered = _kept_and_filtered(answer)
        if not kept and not filtered:
            return unreadable(response, request_id=answer.requestId, cost=cost)
        if not kept:
            failure = Failure(
                failure_class=FailureClass.MODERATION,
                http_status=response.status,
                request_id=answer.requestId,
            )
            return Failed(failure, cost=cost)
        return Finished(
            kept,
            request_id=answer.requestId,
            seed=answer.seed,
            actual_prompt=answer.revised_prompt,
            cost=cost,
            filtered=filtered,
        )


def _image_size(geometry: Geometry | None) -> ImageSize | None:
    if geometry is None or geometry.size is None:
        return None
    return ImageSize(width=geometry.size.width, height=geometry.size.height)


def _kept_and_filtered(answer: Generation) -> tuple[tuple[ResultImage, ...], int]:
    """The images to keep, and how many were censored instead."""
    flags = answer.has_nsfw_concepts
    kept: list[ResultImage] = []
    filtered = 0
    for index, images in enumerate(answer.images_by_item):
        if index < len(flags) and flags[index] is True:
            filtered += len(images)
        else:
            kept.extend(images)
    return tuple(kept), filtered


def _failure(response: HttpResponse, body: Mapping[str, object]) -> Failure:
    envelope = ErrorBody.read(body)
    error = body.get("error")
    inner = ErrorBody(message=error) if isinstance(error, str) else ErrorBody.read(error)
    message = inner.message or envelope.message
    own_form = inner.message or envelope.requestId or envelope.statusCode
    return Failure(
        failure_class=_class_of(response.status, message),
        message=message,
        http_status=response.status,
        request_id=envelope.requestId or inner.requestId,
        retry_after_seconds=retry_after_seconds(response),
        vendor_body=own_form is not None,
    )


def _class_of(status: int, message: str | None) -> FailureClass:
    if status == 403 and BILLING_PHRASES.search(message or ""):
        return FailureClass.BILLING
    return class_of_status(status)
