"""The front door that speaks as OpenAI's Images API does: a picture by one call, held until it is there.

    client = OpenAI(base_url="https://.../openai/v1", api_key="ek_...")

Sources: the official Python SDK 3.52 (parameters and answers in `types/`; what it repeats, and what it obeys,
in `_base_client.py`: 408, 409, 429 and 5xx unless `x-should-retry` says `false`, after what `Retry-After`
says, up to 120 s, twice by default, counting in `x-stainless-retry-count`). The form and words of errors are
those that others saw: github.com/mattvr/ShellGPT/issues/23 (a used-up quota) and
github.com/jeffstric/ZJT/issues/480 (moderation, 2026-07).

What is other than there: `response_format` is `url` where left out, for all models, since Lambda answers
with 6 MB at most; `easel` in the answer says what became of the request; a size that no route offers is drawn
in the nearest ratio, which `easel` and `size` say.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.domain.failure import FailureClass
from easel.domain.generation import Generation, Status
from easel.domain.request import IMAGES_MAX, GenerationRequest
from easel.domain.sizes import Size, parse_size
from easel.domain.tenancy import Caller, Scope
from easel.doors.answers import Headers, check_inline, json_answer
from easel.doors.dialects import in_words, named_as, read_body
from easel.doors.http_input import (
    asking_caller,
    caller_of,
    header,
    idempotency_key,
    json_body,
    limit_headers,
    whole_body,
)
from easel.doors.multipart import parts_of
from easel.doors.openai_body import ImagesBody, form_body, nearest_ratio
from easel.doors.openai_client import patience_of
from easel.doors.problems import problem_headers
from easel.errors import (
    FieldProblem,
    InvalidRequestError,
    NotFoundError,
    RequestError,
)
from easel.ports import ImageStore
from easel.routing import offered
from easel.steps.create import Creator, Row
from easel.steps.gate import Gate
from easel.steps.hold import Holder, fingerprint_of
from easel.view import generation_view

DRAW_MODEL, EDIT_MODEL = "qwen-image-max", "qwen-image-edit-max"
# What an edit's form calls its files.
IMAGE_NAMES: Mapping[str, str] = MappingProxyType(
    {"images": "image", **{f"images.{number}": f"image.{number}" for number in range(IMAGES_MAX)}}
)
SHOWN = ("id", "model", "route", "parameters", "seed", "shortfall", "receipt", "links")
IMAGE_FACTS = ("s3_uri", "content_type", "width", "height", "bytes", "sha256")

INVALID, SERVER = "invalid_request_error", "server_error"
# By the code of our refusal: OpenAI's status, type and code.
REFUSALS: Mapping[str, tuple[int, str, str]] = MappingProxyType(
    {
        "unauthorized": (401, INVALID, "invalid_api_key"),
        "forbidden": (403, INVALID, "insufficient_permissions"),
        "unsupported_media_type": (400, INVALID, "unsupported_media_type"),
        "invalid_request": (400, INVALID, "invalid_value"),
        "idempotency_mismatch": (400, INVALID, "idempotency_mismatch"),
        # OpenAI has no 402: clients look for this code in a 429.
        "budget_reached": (429, "insufficient_quota", "insufficient_quota"),
        "limit_reached": (429, "requests", "rate_limit_exceeded"),
        "internal": (500, SERVER, "internal"),
    }
)
NOT_TO_BE_REPEATED = frozenset({"budget_reached"})
# Why a generation failed: status, type and code. What is not here is nobody's fault but the vendors' or ours.
FAILURES: Mapping[str, tuple[int, str, str]] = MappingProxyType(
    {
        FailureClass.MODERATION: (400, "image_generation_user_error", "moderation_blocked"),
        FailureClass.VALIDATION: (400, INVALID, "invalid_value"),
        FailureClass.CANCELED: (409, INVALID, "canceled"),
        "deadline_exceeded": (504, SERVER, "deadline_exceeded"),
    }
)
NO_RETRY: Mapping[str, str] = MappingProxyType({"x-should-retry": "false"})


@dataclass(frozen=True, slots=True)
class OpenAiDoor:
    """Answers OpenAI's clients."""

    creator: Creator
    holder: Holder
    images: ImageStore
    gate: Gate
    prefix: str = "/openai"

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """Pictures and models."""

        @app.post(f"{self.prefix}/v1/images/generations")
        def generations() -> Response[str]:
            caller = asking_caller(app, self.gate)
            body = read_body(ImagesBody, json_body(app))
            return self._picture(app, caller, body, body.request(DRAW_MODEL))

        @app.post(f"{self.prefix}/v1/images/edits")
        def edits() -> Response[str]:
            caller = asking_caller(app, self.gate)
            parts = parts_of(header(app, "content-type") or "", whole_body(app))
            body, images = form_body(parts)
            with named_as(IMAGE_NAMES):
                return self._picture(app, caller, body, body.request(EDIT_MODEL, images))

        @app.get(f"{self.prefix}/v1/models")
        def models() -> Response[str]:
            served = [_model(model) for model in self._models(caller_of(app, self.gate, Scope.READ))]
            return json_answer(200, {"object": "list", "data": served}, _trace(app))

        @app.get(f"{self.prefix}/v1/models/<model>")
        def model(model: str) -> Response[str]:
            if model not in self._models(caller_of(app, self.gate, Scope.READ)):
                raise NotFoundError("There is no such model.", [FieldProblem("model", "does not exist")])
            return json_answer(200, _model(model), _trace(app))

    def _models(self, caller: Caller) -> list[str]:
        """The models that the caller can use here."""
        return list(offered(self.creator.catalogue, self.creator.vendor_keys.get(), caller.key))

    def _picture(
        self, app: APIGatewayHttpResolver, caller: Caller, body: ImagesBody, asked: GenerationRequest
    ) -> Response[str]:
        key = idempotency_key(app)
        request = self._drawable(caller, asked)
        generation = self.holder.hold(
            caller,
            fingerprint_of(caller, self.prefix, request, key or ""),
            lambda generation_id: self.creator.create(caller, request, key, row=Row(generation_id, None)),
            patience_of(app),
        )
        headers = _trace(app) | limit_headers(caller.quota)
        if generation.status is not Status.SUCCEEDED:
            return _failed(generation, headers)
        return json_answer(200, self._images(generation, body, asked), headers)

    def _drawable(self, caller: Caller, asked: GenerationRequest) -> GenerationRequest:
        """The request, in the nearest ratio where no route offers its size in pixels; not if it is strict."""
        size = parse_size(asked.size or "")
        if asked.strict or not isinstance(size, Size):
            return asked
        try:
            self.creator.choose(caller, asked)
        except InvalidRequestError as error:
            offered = [word for one in error.problems if one.field == "size" for word in one.allowed or ()]
            ratio = nearest_ratio(size, offered)
            return asked.model_copy(update={"size": ratio}) if ratio else asked
        return asked

    def _images(self, generation: Generation, body: ImagesBody, asked: GenerationRequest) -> dict[str, Any]:
        """The answer. Raises InvalidRequestError where the images are too long to stand in it."""
        inline = body.response_format == "b64_json"
        if inline:
            check_inline(generation, "response_format")
        first = generation.images[0]
        revised = {"revised_prompt": generation.actual_prompt} if generation.actual_prompt else {}
        return {
            "created": int(generation.created_at.timestamp()),
            "data": [self._image(image.key, inline) | revised for image in generation.images],
            "size": f"{first.width}x{first.height}",
            "output_format": first.content_type.removeprefix("image/"),
            "usage": None,
            "easel": self._report(generation, asked) | {"ignored": body.ignored},
        }

    def _image(self, key: str, inline: bool) -> dict[str, str]:
        if inline:
            return {"b64_json": base64.b64encode(self.images.read(key)).decode()}
        return {"url": self.images.signed_url(key)}

    def _report(self, generation: Generation, asked: GenerationRequest) -> dict[str, Any]:
        """What Easel says of the generation, the size being the one that this door was asked for."""
        view = generation_view(generation, self.images.uri)
        if asked.size != generation.request.size:
            parameters = view["parameters"]
            sent = parameters["applied"].pop("size", None) or parameters["mapped"]["size"]["to"]
            parameters["mapped"]["size"] = {"from": asked.size, "to": sent}
        images = [{name: image[name] for name in IMAGE_FACTS} for image in view["images"]]
        return {name: view[name] for name in SHOWN} | {"images": images}

    def refusal(self, error: RequestError, request_id: str, path: str) -> Response[str]:
        """OpenAI's form of errors; `param` is the first field that is wrong."""
        unlisted = (error.status, INVALID, error.code)
        status, kind, code = REFUSALS.get(error.code, unlisted)
        field = error.problems[0].field if error.problems else None
        headers = problem_headers(error) | {"x-request-id": request_id}
        if error.code in NOT_TO_BE_REPEATED:
            headers |= NO_RETRY
        return json_answer(status, _error(_words(error), kind, code, field), headers)


def _words(error: RequestError) -> str:
    """What is wrong, and what would be right."""
    allowed = error.problems[0].allowed if error.problems else None
    return in_words(error) + (f" (allowed: {', '.join(allowed)})" if allowed else "")


def _failed(generation: Generation, headers: Headers) -> Response[str]:
    """The answer of a generation that has no image. The SDK must not buy it again by itself."""
    error = generation.error
    ours = error.code if error else generation.status.value
    status, kind, code = FAILURES.get(ours, (502, SERVER, ours))
    words = f"{generation.id} {generation.status.value}: {error.message if error else ours} ({ours})"
    return json_answer(status, _error(words, kind, code), {**headers, **NO_RETRY})


def _model(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": 0, "owned_by": "qwen"}


def _error(message: str, kind: str, code: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _trace(app: APIGatewayHttpResolver) -> dict[str, str | list[str]]:
    """The header in which OpenAI's clients look for a call's id."""
    return {"x-request-id": app.current_event.request_context.request_id}
