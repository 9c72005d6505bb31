"""The front door that speaks as PixelDojo does: Qwen-Image as jobs, paid in credits.

Sources: pixeldojo.ai api-docs and api-platform/documentation, the README of @pixeldojo/sdk, and the older
documentation at github.com/blovett80/pixeldojo-api (read up to 2026-11). A job's id is `job_` and the
generation's ULID. A credit is a count of dollars of the caller's budgets here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from pydantic import Field

from easel.catalogue import PIXELDOJO, PIXELDOJO_PRICE
from easel.domain.failure import FailureClass
from easel.domain.generation import Generation, GenerationError, Status
from easel.domain.reading import request_of
from easel.domain.request import PROMPT_MAX
from easel.domain.tenancy import Caller, Scope
from easel.doors.answers import json_answer
from easel.doors.dialects import (
    VendorBody,
    in_words,
    lasting_links,
    left_out,
    named_as,
    own_origin,
    read_body,
    task_of,
)
from easel.doors.http_input import asking_caller, caller_of, idempotency_key, json_body, limit_headers
from easel.doors.problems import problem_headers
from easel.errors import FieldProblem, InvalidRequestError, NotFoundError, RequestError
from easel.ports import Clock, ImageStore, Tenants, Usage
from easel.steps.create import Creator
from easel.steps.gate import Gate
from easel.steps.read import Reader

API = "/api/v1"
API_ID = "qwen-image-max"  # the one model of its catalogue that Easel has; `generation_model` says which runs
DEFAULT_MODEL: Final = "qwen-image-plus"  # whatever the path says
LORA_MODEL = "qwen-image-lora"
DEFAULT_RATIO: Final = "1:1"
LORA_RATIO: Final = "21:9"
SEED_MAX = 2147483647
CREDITS_WITHOUT_BUDGET = 1_000_000  # the answer to a submit names a balance; a key without a budget has none

# Its documents name `pending` alone for a job that is not done; `processing` is what sister APIs say.
PENDING, PROCESSING, COMPLETED, FAILED = "pending", "processing", "completed", "failed"
WORDS: Mapping[Status, str] = MappingProxyType(
    {
        Status.QUEUED: PENDING,
        Status.SUBMITTING: PENDING,
        Status.PROCESSING: PROCESSING,
        Status.PERSISTING: PROCESSING,
        Status.SUCCEEDED: COMPLETED,
        Status.FAILED: FAILED,
        Status.CANCELED: FAILED,
        Status.EXPIRED: FAILED,
    }
)
# Why a job failed: a text alone.
FAULTS: Mapping[str, str] = MappingProxyType(
    {
        FailureClass.MODERATION: "the prompt was flagged by content moderation",
        FailureClass.VALIDATION: "invalid input",
        FailureClass.CANCELED: "the job was canceled",
        "deadline_exceeded": "the job did not end in time",
        "submission_unknown": "the provider's answer was lost",
    }
)
OTHER_FAULT = "the provider had an error, please try again"

# The vendor's codes by HTTP status. It documents none for 403, 405 and 409.
CODES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request",
        401: "unauthorized",
        402: "insufficient_credits",
        403: "forbidden",
        404: "not_found",
        409: "conflict",
        429: "rate_limited",
        500: "internal_error",
    }
)
NO_SUCH_MODEL = "model_not_found"
AS_400 = frozenset({415, 422})

# Easel's names of fields, and the vendor's.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "model": "generation_model",
        "size": "aspect_ratio",
        "n": "numberOfImages",
        "lora": "lora_weights",
        "lora.weights": "lora_weights",
        "lora.scale": "lora_scale",
        "lora.steps": "num_inference_steps",
        "lora.guidance": "guidance",
        "lora.go_fast": "go_fast",
        "webhook": "webhook_url",
        "webhook.url": "webhook_url",
    }
)


class RunBody(VendorBody):
    """What a run takes."""

    prompt: str = Field(min_length=1, max_length=PROMPT_MAX, description="what to draw")
    generation_model: Literal[
        "qwen-image-plus",
        "qwen-image-plus-2026-01-09",
        "qwen-image-max",
        "qwen-image-max-2025-12-30",
        "qwen-image",
    ] = Field(default=DEFAULT_MODEL, description="which model draws; ignored with lora_weights")
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "21:9"] = Field(
        default=DEFAULT_RATIO, description="21:9 with lora_weights only"
    )
    negative_prompt: str = Field(default_factory=left_out, max_length=500, description="what to avoid")
    prompt_extend: bool = Field(
        default=True, description="let the prompt be rewritten; not with lora_weights"
    )
    watermark: bool = Field(default=False, description="mark the bottom-right corner; not with lora_weights")
    seed: int = Field(default_factory=left_out, ge=0, le=SEED_MAX, description="for similar results again")
    numberOfImages: int = Field(default=1, ge=1, le=4, description="more than 1 with lora_weights only")  # noqa: N815 - the vendor's spelling
    lora_weights: str = Field(
        default_factory=left_out, min_length=1, description="https URL or HuggingFace path"
    )
    lora_scale: float = Field(default=1, ge=0, le=2, description="with lora_weights")
    num_inference_steps: int = Field(default=35, ge=28, le=50, description="with lora_weights")
    guidance: float = Field(default=3, ge=2, le=4, description="with lora_weights")
    go_fast: bool = Field(default=False, description="with lora_weights")
    webhook_url: str = Field(
        default_factory=left_out, min_length=1, description="https URL that is told the end"
    )

    def fields(self) -> dict[str, Any]:
        """The request in Easel's words. Raises InvalidRequestError for what needs a LoRA."""
        fields: dict[str, Any] = {"prompt": self.prompt, "size": self.aspect_ratio}
        fields |= self._said(negative_prompt="negative_prompt", seed="seed", webhook_url="webhook")
        if "lora_weights" not in self.model_fields_set:
            self._check_without_lora()
            fields |= self._said(prompt_extend="prompt_extend", watermark="watermark")
            return fields | {"model": self.generation_model}
        lora = self._said(
            lora_weights="weights",
            lora_scale="scale",
            num_inference_steps="steps",
            guidance="guidance",
            go_fast="go_fast",
        )
        return fields | {"model": LORA_MODEL, "lora": lora} | self._said(numberOfImages="n")

    def _said(self, **names: str) -> dict[str, Any]:
        return {to: getattr(self, name) for name, to in names.items() if name in self.model_fields_set}

    def _check_without_lora(self) -> None:
        problems = []
        if self.aspect_ratio == LORA_RATIO:
            problems.append(FieldProblem("aspect_ratio", f"{LORA_RATIO} needs lora_weights"))
        if self.numberOfImages > 1:
            problems.append(FieldProblem("numberOfImages", "more than 1 need lora_weights"))
        if problems:
            raise InvalidRequestError("Invalid parameters", problems)


@dataclass(frozen=True, slots=True)
class PixelDojoDoor:
    """Answers PixelDojo's clients."""

    creator: Creator
    reader: Reader
    images: ImageStore
    gate: Gate
    tenants: Tenants
    usage: Usage
    clock: Clock
    prefix: str = "/pixeldojo"

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """Submit, status, and the catalogue, which needs no key."""
        root = self.prefix + API

        @app.post(f"{root}/models/<api_id>/run")
        def run(api_id: str) -> Response[str]:
            caller = asking_caller(app, self.gate)
            _check_model(api_id)
            body = read_body(RunBody, json_body(app))
            credits_before = self._credits_left(caller)  # read first: what was made is not refused any more
            with named_as(NAMES):
                request = request_of(body.fields())
                generation = self.creator.create(
                    caller, request, idempotency_key(app), prefer=(PIXELDOJO.name,)
                )
            cost = _credits(generation.request.n or 1)
            job = {
                "jobId": _job_id(generation),
                "status": PENDING,
                "statusUrl": f"{own_origin(app)}{root}/jobs/{_job_id(generation)}",
                "creditCost": cost,
                "creditsRemaining": max(0, credits_before - cost),
            }
            return json_answer(202, job, limit_headers(caller.quota))

        @app.get(f"{root}/jobs/<job_id>/?")
        def job(job_id: str) -> Response[str]:
            caller = caller_of(app, self.gate, Scope.READ)
            generation_id = job_id.replace("job_", "gen_", 1) if job_id.startswith("job_") else None
            missing = NotFoundError("Job not found")
            return json_answer(200, self._job(task_of(self.reader, caller.tenant, generation_id, missing)))

        @app.get(f"{root}/models")
        def models() -> Response[str]:
            modality = app.current_event.query_string_parameters.get("modality")
            listed = [_model_view()] if modality in (None, "image") else []
            counts = {"total": len(listed), "imageCount": len(listed), "videoCount": 0}
            return json_answer(200, {"models": listed, **counts})

        @app.get(f"{root}/models/<api_id>")
        def model(api_id: str) -> Response[str]:
            _check_model(api_id)
            return json_answer(200, _model_view() | {"requestSchema": RunBody.model_json_schema()})

        @app.get(f"{root}/models/<api_id>/schema")
        def schema(api_id: str) -> Response[str]:
            _check_model(api_id)
            return json_answer(200, {"apiId": API_ID, "schema": RunBody.model_json_schema()})

    def _credits_left(self, caller: Caller) -> int:
        """What the caller's budgets still allow, the narrowest of them, in the vendor's credits."""
        left = []
        for owner in caller.owners(self.tenants.get(caller.tenant).limits):
            allowed = {
                "usd_per_day": owner.limits.usd_per_day,
                "usd_per_month": owner.limits.usd_per_month,
            }
            spent = self.usage.spent(owner.name, self.clock.now().date()) if owner.limits.on_money else {}
            left += [usd - spent[name] for name, usd in allowed.items() if usd is not None]
        return int(min(left) / PIXELDOJO.usd_per_unit) if left else CREDITS_WITHOUT_BUDGET

    def _job(self, generation: Generation) -> dict[str, Any]:
        """The job as it stands. A failed one is HTTP 200, and free."""
        word = WORDS[generation.status]
        job: dict[str, Any] = {"jobId": _job_id(generation), "status": word}
        if word == FAILED:
            return job | {"error": _fault(generation.error)}
        if word == COMPLETED:
            links = list(map(lasting_links(self.images), (image.key for image in generation.images)))
            return job | {"output": {"images": links}, "creditCost": _credits(len(links))}
        return job | {"creditCost": _credits(generation.request.n or 1)}

    def refusal(self, error: RequestError, request_id: str, path: str) -> Response[str]:
        """`error` with code, message and status, as its documents nest them."""
        status = 400 if error.status in AS_400 else error.status
        code = CODES.get(status, "internal_error")
        if status == 404 and any(problem.field == "apiId" for problem in error.problems):
            code = NO_SUCH_MODEL
        message = error.detail if status == 404 else in_words(error)
        if status == 401:
            message = "Invalid or missing API key"
        if status == 500:
            message += f" (request {request_id})"
        body = {"error": {"code": code, "message": message, "status": status}}
        return json_answer(status, body, problem_headers(error))


def _check_model(api_id: str) -> None:
    if api_id != API_ID:
        raise NotFoundError("Model ID not found", [FieldProblem("apiId", "is not a model ID")])


def _job_id(generation: Generation) -> str:
    return generation.id.replace("gen_", "job_", 1)


def _credits(images: int) -> int:
    return int(PIXELDOJO_PRICE.times(images).amount)


def _fault(error: GenerationError | None) -> str:
    return f"Generation failed: {FAULTS.get(error.code if error else '', OTHER_FAULT)}"


def _model_view() -> dict[str, Any]:
    cost = _credits(1)
    return {
        "apiId": API_ID,
        "name": "Qwen Image Max",
        "description": "Text to image with Qwen-Image models, and with LoRAs for them.",
        "modality": "image",
        "creditCost": {"default": cost, "type": "fixed", "amount": cost},
    }
