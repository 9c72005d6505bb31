"""The vendors' bodies: what each is sent, what it answers, and how the two are written and read."""

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tests.bench.yardsticks.catalogue import Route
from tests.bench.yardsticks.records import Request


class Body(BaseModel):
    """What a vendor is sent."""

    model_config = ConfigDict(extra="forbid")


class Link(BaseModel):
    """A picture behind a link."""

    url: str | None = None
    b64_json: str | None = None


class VendorTask(BaseModel):
    """A task, whichever vendor's it is: what the steps work with."""

    id: str | None = None
    status: str = "finished"
    links: list[str] = Field(default_factory=list)
    inline: list[str] = Field(default_factory=list)
    seed: int | None = None
    code: str | None = None
    message: str | None = None


class MuleRouterBody(Body):
    """MuleRouter's submit."""

    prompt: str
    images: list[str] | None = None
    negative_prompt: str | None = None
    size: str | None = None
    n: int | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    safety_filter: bool | None = None


class MuleRouterProblem(BaseModel):
    """MuleRouter's error."""

    code: int | str | None = None
    title: str | None = None
    detail: str | None = None


class MuleRouterTaskInfo(BaseModel):
    """MuleRouter's envelope."""

    id: str | None = None
    status: str | None = None
    error: MuleRouterProblem | None = None


class MuleRouterAnswer(BaseModel):
    """MuleRouter's task."""

    task_info: MuleRouterTaskInfo = MuleRouterTaskInfo()
    images: list[str] = Field(default_factory=list)


class PixelDojoBody(Body):
    """PixelDojo's run."""

    prompt: str
    generation_model: str | None = None
    aspect_ratio: str | None = None
    negative_prompt: str | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None
    seed: int | None = None
    number_of_images: int | None = Field(default=None, serialization_alias="numberOfImages")
    lora_weights: str | None = None
    lora_scale: float | None = None
    num_inference_steps: int | None = None
    guidance: float | None = None
    go_fast: bool | None = None


class PixelDojoError(BaseModel):
    """PixelDojo's error."""

    code: str | None = None
    message: str | None = None


class PixelDojoOutput(BaseModel):
    """What PixelDojo made."""

    images: list[str] = Field(default_factory=list)


class PixelDojoJob(BaseModel):
    """PixelDojo's job."""

    job_id: str | None = Field(default=None, alias="jobId")
    status: str | None = None
    output: PixelDojoOutput | None = None
    assets: list[Link] = Field(default_factory=list)
    error: PixelDojoError | None = None


class DashScopeParameters(Body):
    """DashScope's parameters."""

    negative_prompt: str | None = None
    size: str | None = None
    n: int | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None
    seed: int | None = None


class DashScopeBody(Body):
    """DashScope's submit, on either of its paths."""

    model: str
    input: dict[str, Any]
    parameters: DashScopeParameters


class DashScopeResult(BaseModel):
    """One of DashScope's results."""

    url: str | None = None
    actual_prompt: str | None = None
    code: str | None = None
    message: str | None = None


class DashScopeMessage(BaseModel):
    """The message of a choice."""

    content: list[dict[str, Any]] = Field(default_factory=list)


class DashScopeChoice(BaseModel):
    """One of DashScope's choices."""

    message: DashScopeMessage


class DashScopeOutput(BaseModel):
    """What DashScope made, or the task."""

    task_id: str | None = None
    task_status: str | None = None
    choices: list[DashScopeChoice] = Field(default_factory=list)
    results: list[DashScopeResult] = Field(default_factory=list)
    code: str | None = None
    message: str | None = None


class DashScopeAnswer(BaseModel):
    """Any answer of DashScope's."""

    request_id: str | None = None
    output: DashScopeOutput = DashScopeOutput()
    code: str | None = None
    message: str | None = None


class AimlSize(Body):
    """A size of AI/ML API's."""

    width: int
    height: int


class AimlBody(Body):
    """AI/ML API's call."""

    model: str
    prompt: str
    negative_prompt: str | None = None
    output_format: str | None = None
    image_size: AimlSize | None = None
    num_images: int | None = None
    seed: int | None = None
    enable_safety_checker: bool | None = None
    guidance_scale: float | None = None


class AimlUsage(BaseModel):
    """What the call cost."""

    credits_used: Decimal | None = None


class AimlMeta(BaseModel):
    """What is told beside the pictures."""

    usage: AimlUsage | None = None


class AimlAnswer(BaseModel):
    """AI/ML API's answer."""

    data: list[Link] = Field(default_factory=list)
    seed: int | None = None
    meta: AimlMeta | None = None
    message: str | None = None


def submit_of(route: Route, request: Request) -> tuple[str, Body]:
    """The path and the body that buy what is asked."""
    given = request.model_dump(
        include={"prompt", "negative_prompt", "seed", "prompt_extend", "watermark", "size", "n"}
    )
    model = route.models[request.model]
    images = [str(url) for url in request.image_urls]
    match route.vendor:
        case "mulerouter":
            given.pop("watermark")
            body: Body = MuleRouterBody(**given, images=images or None, safety_filter=request.safety_filter)
            return f"/vendors/alibaba/v1/{model}/generation", body
        case "pixeldojo":
            ratio, count = given.pop("size"), given.pop("n")
            lora = request.lora.model_dump() if request.lora else {}
            body = PixelDojoBody(
                **given, **lora, generation_model=model, aspect_ratio=ratio, number_of_images=count
            )
            return "/api/v1/models/qwen-image-max/run", body
        case "dashscope":
            prompt = given.pop("prompt")
            content = [*({"image": url} for url in images), {"text": prompt}]
            messages = {"messages": [{"role": "user", "content": content}]}
            parameters = DashScopeParameters(**given)
            if route.sync:
                path = "/api/v1/services/aigc/multimodal-generation/generation"
                return path, DashScopeBody(model=model, input=messages, parameters=parameters)
            path = "/api/v1/services/aigc/text2image/image-synthesis"
            return path, DashScopeBody(model=model, input={"prompt": prompt}, parameters=parameters)
        case _:
            size = route.capabilities.sizes.get(request.size or "")
            image_size = AimlSize(width=size.width, height=size.height) if size else None
            body = AimlBody(
                model=model,
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                output_format=request.output_format,
                image_size=image_size,
                num_images=request.n,
                seed=request.seed,
                enable_safety_checker=request.safety_filter,
                guidance_scale=request.guidance,
            )
            return "/v1/images/generations", body


def poll_path(route: Route, model: str, task_id: str) -> str:
    """Where to ask how a task stands."""
    paths = {
        "mulerouter": f"/vendors/alibaba/v1/{route.models[model]}/generation/{task_id}",
        "pixeldojo": f"/api/v1/jobs/{task_id}",
        "dashscope": f"/api/v1/tasks/{task_id}",
    }
    return paths[route.vendor]


def task_of(route: Route, data: bytes) -> VendorTask:
    """What a vendor says of a task."""
    match route.vendor:
        case "mulerouter":
            mule = MuleRouterAnswer.model_validate_json(data)
            info, problem = mule.task_info, mule.task_info.error or MuleRouterProblem()
            code = None if problem.code is None else str(problem.code)
            return VendorTask(
                id=info.id, status=info.status or "", links=mule.images, code=code, message=problem.detail
            )
        case "pixeldojo":
            job = PixelDojoJob.model_validate_json(data)
            error, output = job.error or PixelDojoError(), job.output or PixelDojoOutput()
            return VendorTask(
                id=job.job_id,
                status=job.status or "",
                links=output.images or [one.url for one in job.assets if one.url],
                code=error.code,
                message=error.message,
            )
        case "dashscope":
            answer = DashScopeAnswer.model_validate_json(data)
            out = answer.output
            links = [part["image"] for one in out.choices for part in one.message.content if "image" in part]
            return VendorTask(
                id=out.task_id,
                status=out.task_status or "finished",
                links=links + [one.url for one in out.results if one.url],
                code=answer.code or out.code,
                message=answer.message or out.message,
            )
        case _:
            made = AimlAnswer.model_validate_json(data)
            return VendorTask(
                links=[one.url for one in made.data if one.url],
                inline=[one.b64_json for one in made.data if one.b64_json],
                seed=made.seed,
                message=made.message,
            )
