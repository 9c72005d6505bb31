"""PixelDojo: Qwen-Image as jobs; with a LoRA the same path runs on another backend.

Sources: pixeldojo.ai api-docs, the README of @pixeldojo/sdk, and the older documentation at
github.com/blovett80/pixeldojo-api (read up to 2026-09). The shape of an error is documented in the
older pages only, so every shape seen is accepted.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from easel.domain.ask import Ask, LoraAsk
from easel.domain.failure import Failure, FailureClass
from easel.vendors.base import (
    Adapter,
    Failed,
    Finished,
    Missing,
    Pending,
    PollAnswer,
    ResultImage,
    SubmitAnswer,
    VendorTask,
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
    images_in,
    is_success,
    nonblank,
    objects,
    post_json,
    unreadable,
)
from easel.wire import HttpRequest, HttpResponse

SUBMIT_PATH = "/api/v1/models/qwen-image-max/run"
JOB_PATH = "/api/v1/jobs/{job_id}"

# `pending`, `completed` and `failed` are documented; the others are what sister APIs say.
STATUSES: Mapping[str, type[Pending | Finished | Failed]] = MappingProxyType(
    {
        "pending": Pending,
        "queued": Pending,
        "processing": Pending,
        "running": Pending,
        "completed": Finished,
        "failed": Failed,
        "error": Failed,
        "cancelled": Failed,
        "canceled": Failed,
    }
)
CANCELED_STATUSES = frozenset({"cancelled", "canceled"})

# The code is read before the HTTP status: missing credits came as 402 and as 403.
CODES: Mapping[str, FailureClass] = MappingProxyType(
    {
        "invalid_request": FailureClass.VALIDATION,
        "unauthorized": FailureClass.AUTH,
        "invalid_api_key": FailureClass.AUTH,  # older list
        "insufficient_credits": FailureClass.BILLING,
        "quota_exceeded": FailureClass.BILLING,  # older list
        "model_not_found": FailureClass.NOT_FOUND,
        "rate_limited": FailureClass.RATE_LIMIT,
        "internal_error": FailureClass.TRANSIENT,
        "server_error": FailureClass.TRANSIENT,  # older list
    }
)

# A failed job has no code for moderation: the text is the only sign.
MODERATION_PHRASES = ("nsfw", "moderation", "inappropriate", "prohibited", "content policy", "safety")

NO_LORA = LoraAsk(weights="")


class RunBody(RequestBody):
    """The body of a submit."""

    prompt: str = Field(description="no stated limit; cut at 800 characters without a LoRA")
    generation_model: str | None = Field(description="always sent: the vendor's default is another model")
    aspect_ratio: str | None = Field(description="1:1, 16:9, 9:16, 4:3, 3:4; 21:9 with a LoRA only")
    negative_prompt: str | None = Field(description="1 to 500 characters")
    prompt_extend: bool | None = Field(description="let the vendor rewrite the prompt")
    watermark: bool | None = Field(description="mark the bottom-right corner")
    seed: int | None = Field(description="0 to 2147483647")
    numberOfImages: int | None = Field(description="1, with a LoRA to 4")  # noqa: N815 - the vendor's spelling
    lora_weights: str | None = Field(description="URL or HuggingFace path; its presence chooses the backend")
    lora_scale: float | None = Field(description="0 to 2")
    num_inference_steps: int | None = Field(description="28 to 50")
    guidance: float | None = Field(description="2 to 4")
    go_fast: bool | None = Field(description="trade quality for speed")


class ErrorBody(AnswerBody):
    """`error` of an answer, or the answer itself where it is flat."""

    code: Text = Field(default=None, description="see CODES")
    message: Text = Field(default=None, description="the vendor's words")


class Output(AnswerBody):
    """`output` of a completed job."""

    images: object = Field(default=None, description="links, or objects that hold them")
    image: object = Field(default=None, description="one link, in documentation of 2026-03")


class Job(AnswerBody):
    """The answer to a submit and to a status query. `statusUrl` is not trusted: `jobId` is enough."""

    jobId: Text = Field(default=None, description="opaque")  # noqa: N815 - the vendor's spelling
    status: Text = Field(default=None, description="see STATUSES")
    output: Annotated[Output, AsObject] = Field(default_factory=Output, description="of a completed job")
    assets: Items = Field(default=(), description="objects with a `url`, as the SDK shows them")
    creditCost: Amount = Field(default=None, description="credits")  # noqa: N815 - the vendor's spelling

    @property
    def images(self) -> tuple[ResultImage, ...]:
        """The first place that holds images."""
        places = (self.output.images, self.output.image, list(objects(self.assets)))
        return next(filter(None, map(images_in, places)), ())


class PixelDojo(Adapter):
    """Builds and reads PixelDojo's wire format."""

    def build_submit(self, ask: Ask) -> HttpRequest:
        """Run the one model path. `generation_model` goes with every ask but a LoRA's, which ignores it."""
        lora = ask.lora or NO_LORA
        body = RunBody(
            prompt=ask.prompt,
            generation_model=None if ask.lora else ask.model,
            aspect_ratio=ask.geometry.ratio if ask.geometry else None,
            negative_prompt=nonblank(ask.negative_prompt),
            prompt_extend=ask.prompt_extend,
            watermark=ask.watermark,
            seed=ask.seed,
            numberOfImages=ask.n,
            lora_weights=nonblank(lora.weights),
            lora_scale=lora.scale,
            num_inference_steps=lora.steps,
            guidance=lora.guidance,
            go_fast=lora.go_fast,
        )
        return post_json(SUBMIT_PATH, body)

    def read_submit(self, response: HttpResponse) -> SubmitAnswer:
        """A job to poll; accepts a job that ended at once."""
        answer = _read_job(response)
        if isinstance(answer, Pending) and not answer.task_id:
            return unreadable(response, cost=answer.cost)
        return answer

    def build_poll(self, task: VendorTask) -> HttpRequest:
        """Ask by the job's id."""
        return HttpRequest("GET", JOB_PATH.format(job_id=quote(task.task_id, safe="")))

    def read_poll(self, response: HttpResponse) -> PollAnswer:
        """How the job stands. `task_id` is empty where the answer does not repeat it."""
        return Missing("404") if response.status == 404 else _read_job(response)


def _read_job(response: HttpResponse) -> Pending | Finished | Failed:
    body = response.json_object()
    if not is_success(response):
        return Failed(_failure(response, _error_in(body)))
    job = Job.read(body)
    cost = job.creditCost
    meaning = STATUSES.get(job.status or "")
    if meaning is Failed:
        return Failed(_job_failure(response, job, _error_in(body)), task_id=job.jobId, cost=cost)
    if meaning is Finished:
        images = job.images
        if not images:
            return unreadable(response, task_id=job.jobId, cost=cost)
        return Finished(images, task_id=job.jobId, cost=cost)
    if job.jobId is None and job.status is None:
        return unreadable(response, cost=cost)
    return Pending(job.jobId or "", job.status or "", known=meaning is Pending, cost=cost)


def _error_in(body: Mapping[str, object]) -> ErrorBody:
    """The error in whichever shape: `error` as object, as code, as text, flat, or none at all."""
    flat = ErrorBody.read(body)
    error = body.get("error")
    if isinstance(error, dict):
        return ErrorBody.read(error)
    if isinstance(error, str):
        if error in CODES:
            return ErrorBody(code=error, message=flat.message)
        return ErrorBody(code=flat.code, message=error)
    return flat


def _job_failure(response: HttpResponse, job: Job, error: ErrorBody) -> Failure:
    failure = _failure(response, error)
    if job.status in CANCELED_STATUSES:
        return failure.model_copy(update={"failure_class": FailureClass.CANCELED})
    text = (error.message or "").lower()
    if error.code not in CODES and any(phrase in text for phrase in MODERATION_PHRASES):
        return failure.model_copy(update={"failure_class": FailureClass.MODERATION})
    return failure


def _failure(response: HttpResponse, error: ErrorBody) -> Failure:
    """Code first, then HTTP status; a failed job without a known code is not worth a repeat."""
    return Failure(
        failure_class=CODES.get(error.code or "") or class_of_status(response.status),
        code=error.code,
        message=error.message,
        http_status=response.status,
        retry_after_seconds=retry_after_seconds(response),
        vendor_body=is_success(response) or (error.code or error.message) is not None,
    )
