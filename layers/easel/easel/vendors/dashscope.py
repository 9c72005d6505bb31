"""DashScope (Alibaba Cloud Model Studio): Qwen-Image and Qwen-Image-Edit, in either region.

Sources: Alibaba's references of Qwen text-to-image and image edit (2026-02), its error page
(2025-12-26, older table 2024-08) and docs.qwencloud.com on asynchronous tasks.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import Field

from easel.domain.ask import Ask
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
    AnswerBody,
    AsObject,
    Items,
    RequestBody,
    Text,
    image_at,
    is_success,
    nonblank,
    objects,
    post_json,
    unreadable,
)
from easel.wire import HttpRequest, HttpResponse

SYNC_PATH = "/api/v1/services/aigc/multimodal-generation/generation"
ASYNC_PATH = "/api/v1/services/aigc/text2image/image-synthesis"
TASK_PATH = "/api/v1/tasks/{task_id}"
ASYNC_HEADERS = MappingProxyType({"X-DashScope-Async": "enable"})  # without it the async path answers 403
ASYNC_MODELS = frozenset({"qwen-image-plus", "qwen-image"})  # every other model refuses the async path

CANCELED_STATUS = "CANCELED"
STATUSES: Mapping[str, type[Pending | Finished | Failed | Missing]] = MappingProxyType(
    {
        "PENDING": Pending,
        "RUNNING": Pending,
        "SUCCEEDED": Finished,
        "FAILED": Failed,
        CANCELED_STATUS: Failed,
        "UNKNOWN": Missing,
    }
)

# Error codes in lower case without underscores, so that a code and its lower-case twin are one row.
# A code is looked up whole, then by its dotted tails, then by its dotted heads (`_class_of_code`).
CODES: Mapping[str, FailureClass] = MappingProxyType(
    {
        "invalidparameter": FailureClass.VALIDATION,
        "badrequest": FailureClass.VALIDATION,
        "invalidurl": FailureClass.VALIDATION,
        "invalidimage": FailureClass.VALIDATION,
        "invalidimageresolution": FailureClass.VALIDATION,
        "invalidimageformat": FailureClass.VALIDATION,
        "unsupportedoperation": FailureClass.VALIDATION,
        "datainspectionfailed": FailureClass.MODERATION,
        "ipinfringementsuspect": FailureClass.MODERATION,
        "arrearage": FailureClass.BILLING,
        "commoditynotpurchased": FailureClass.BILLING,
        "accessdenied.unpurchased": FailureClass.BILLING,
        "freetieronly": FailureClass.BILLING,
        "invalidapikey": FailureClass.AUTH,  # also a key of the other region
        "accessdenied": FailureClass.AUTH,
        "modelnotfound": FailureClass.NOT_FOUND,
        "workspacenotfound": FailureClass.NOT_FOUND,
        "notfound": FailureClass.NOT_FOUND,
        "throttling": FailureClass.RATE_LIMIT,
        "limitrequests": FailureClass.RATE_LIMIT,
        "insufficientquota": FailureClass.RATE_LIMIT,  # the twin of Throttling.AllocationQuota
        "requesttimeout": FailureClass.TRANSIENT,
        "internalerror": FailureClass.TRANSIENT,
        "systemerror": FailureClass.TRANSIENT,
        "modelservicefailed": FailureClass.TRANSIENT,
        "modelservingerror": FailureClass.TRANSIENT,
        "modelunavailable": FailureClass.TRANSIENT,
        "rewritefailed": FailureClass.TRANSIENT,
    }
)
# One ending a family: `CustomRoleBlocked`, `FaqRuleBlocked`, `PrepaidBillOverdue`, `PostpaidBillOverdue`.
ENDINGS = (("blocked", FailureClass.MODERATION), ("overdue", FailureClass.BILLING))

# Under `AccessDenied` the text is the only sign that the path does not suit the model (ours to fix).
MODE_MISTAKE_PHRASE = "synchronous calls"
# Under an allocation quota the text is the only sign that money, not time, is what lacks.
FREE_QUOTA_PHRASE = "free allocated quota exceeded"


class Parameters(RequestBody):
    """`parameters` of a submit."""

    negative_prompt: str | None = Field(description="1 to 500 characters; here on the synchronous path only")
    size: str | None = Field(description="`W*H` in pixels")
    n: int | None = Field(description="1, for edits to 6")
    prompt_extend: bool | None = Field(description="let the vendor rewrite the prompt")
    watermark: bool | None = Field(description="mark the bottom-right corner")
    seed: int | None = Field(description="0 to 2147483647")


class GenerationBody(RequestBody):
    """The body of a submit."""

    model: str = Field(description="one of the vendor's model ids")
    input: dict[str, Any] = Field(description="`messages` on the synchronous path, else `prompt`")
    parameters: Parameters | None = Field(description="left out where nothing is in it")


class ErrorBody(AnswerBody):
    """`code` and `message` of an answer, of its `output`, or of one of its results."""

    code: Text = Field(default=None, description="see CODES; empty means no error")
    message: Text = Field(default=None, description="the vendor's words")


class Output(ErrorBody):
    """`output` of an answer."""

    task_id: Text = Field(default=None, description="opaque")
    task_status: Text = Field(default=None, description="see STATUSES; absent on the synchronous path")
    choices: Items = Field(default=(), description="synchronous: messages with image parts")
    results: Items = Field(default=(), description="asynchronous: a link or an error each")

    @property
    def images(self) -> tuple[ResultImage, ...]:
        """Every image of every part of every choice, then of the results, in the vendor's order."""
        links = [part.get("image") for part in _parts(self.choices)]
        links += [result.get("url") for result in objects(self.results)]
        return tuple(image for link in links if (image := image_at(link)) is not None)

    @property
    def sub_errors(self) -> tuple[ErrorBody, ...]:
        """The errors that stand in the place of images."""
        errors = (ErrorBody.read(result) for result in objects(self.results))
        return tuple(error for error in errors if error.code)

    @property
    def actual_prompt(self) -> str | None:
        """The prompt as the vendor rewrote it; absent where it did not, and on the synchronous path."""
        prompts = (ActualPrompt.read(result).actual_prompt for result in objects(self.results))
        return next(filter(None, prompts), None)


class ActualPrompt(AnswerBody):
    """What a result says beside its link."""

    actual_prompt: Text = Field(default=None, description="missing where `prompt_extend` is false")


class Answer(ErrorBody):
    """Any answer. Metrics, usage and times differ by model and are not needed."""

    request_id: Text = Field(default=None, description="the vendor's trace id")
    output: Annotated[Output, AsObject] = Field(
        default_factory=Output, description="what was made, or the task"
    )


class DashScope(Adapter):
    """Builds and reads DashScope's wire format. Regions differ in base URL and key only."""

    data_uri_max: ClassVar[int | None] = 10485760  # of one `image` item (the error page)

    def build_submit(self, ask: Ask) -> HttpRequest:
        """A task for the two asynchronous models, else one synchronous call."""
        is_async = ask.model in ASYNC_MODELS
        negative = nonblank(ask.negative_prompt)
        parameters = Parameters(
            negative_prompt=None if is_async else negative,
            size=str(ask.geometry.size) if ask.geometry and ask.geometry.size else None,
            n=ask.n,
            prompt_extend=ask.prompt_extend,
            watermark=ask.watermark,
            seed=ask.seed,
        )
        body = GenerationBody(
            model=ask.model,
            input=_task_input(ask, negative) if is_async else _messages_input(ask),
            parameters=parameters if parameters.model_dump(exclude_none=True) else None,
        )
        if is_async:
            return post_json(ASYNC_PATH, body, ASYNC_HEADERS)
        return post_json(SYNC_PATH, body)

    def read_submit(self, response: HttpResponse) -> SubmitAnswer:
        """The images, or a task to poll."""
        answer = _read(response)
        if isinstance(answer, Missing):  # a fresh task that is not visible yet, if it is a task at all
            task_id = Answer.read(response.json()).output.task_id or ""
            answer = Pending(task_id, answer.status, request_id=answer.request_id)
        if isinstance(answer, Pending) and not answer.task_id:
            return unreadable(response, request_id=answer.request_id)
        return answer

    def build_poll(self, task: VendorTask) -> HttpRequest:
        """Ask by the task's id; any key of the account may."""
        return HttpRequest("GET", TASK_PATH.format(task_id=quote(task.task_id, safe="")))

    def read_poll(self, response: HttpResponse) -> PollAnswer:
        """How the task stands. A failed task is HTTP 200; `task_id` is empty where none is repeated."""
        return _read(response)


def _task_input(ask: Ask, negative: str | None) -> dict[str, Any]:
    """The vendor's field table has the negative prompt here, its sample under `parameters`."""
    return {"prompt": ask.prompt} | ({"negative_prompt": negative} if negative else {})


def _messages_input(ask: Ask) -> dict[str, Any]:
    content = [*({"image": image} for image in ask.images), {"text": ask.prompt}]
    return {"messages": [{"role": "user", "content": content}]}


def _parts(choices: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """The content parts of all choices: several images come as parts of one, or as a choice each."""
    for choice in objects(choices):
        message = choice.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        yield from objects(tuple(content) if isinstance(content, list) else ())


def _read(response: HttpResponse) -> Pending | Finished | Failed | Missing:
    """Body first: an error code under HTTP 200 is an error."""
    answer = Answer.read(response.json())
    output, request_id = answer.output, answer.request_id
    if answer.code or not is_success(response):
        return Failed(_failure(response, answer, request_id), task_id=output.task_id)
    status = output.task_status
    meaning = STATUSES.get(status or "")
    if meaning is Missing:
        return Missing(status or "", request_id)
    if meaning is Failed:
        failure = _failure(response, output, request_id)
        if status == CANCELED_STATUS:
            failure = failure.model_copy(update={"failure_class": FailureClass.CANCELED})
        return Failed(failure, task_id=output.task_id)
    if meaning is Finished or (status is None and output.images):
        return _read_end(response, answer)
    if status is None and output.task_id is None:
        return unreadable(response, request_id=request_id)
    return Pending(output.task_id or "", status or "", known=meaning is Pending, request_id=request_id)


def _read_end(response: HttpResponse, answer: Answer) -> Finished | Failed:
    """One image is a success; results in error beside it are a shortfall, and the reason without any."""
    output, request_id = answer.output, answer.request_id
    images, errors = output.images, output.sub_errors
    if images:
        classes = [_class_of_error(error, response.status) for error in errors]
        return Finished(
            images,
            task_id=output.task_id,
            request_id=request_id,
            actual_prompt=output.actual_prompt,
            filtered=classes.count(FailureClass.MODERATION),
        )
    if errors:
        return Failed(_failure(response, errors[0], request_id), task_id=output.task_id)
    return unreadable(response, task_id=output.task_id, request_id=request_id)


def _failure(response: HttpResponse, error: ErrorBody, request_id: str | None) -> Failure:
    return Failure(
        failure_class=_class_of_error(error, response.status),
        code=error.code,
        message=error.message,
        http_status=response.status,
        request_id=request_id,
        retry_after_seconds=retry_after_seconds(response),
        vendor_body=is_success(response) or error.code is not None,
    )


def _class_of_error(error: ErrorBody, status: int) -> FailureClass:
    """By code; the HTTP status only where no table knows the code, for billing hides under 400, 403, 429."""
    found = _class_of_code(error.code or "")
    text = (error.message or "").lower()
    if found is FailureClass.AUTH and MODE_MISTAKE_PHRASE in text:
        return FailureClass.CONFIG
    if found is FailureClass.RATE_LIMIT and FREE_QUOTA_PHRASE in text:
        return FailureClass.BILLING
    return found or class_of_status(status)


def _class_of_code(code: str) -> FailureClass | None:
    """The tail before the head: `InternalError.Algo.DataInspectionFailed` is moderation, not a fault."""
    key = code.lower().replace("_", "")
    parts = key.split(".")
    tails = [".".join(parts[start:]) for start in range(len(parts))]
    heads = [".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]
    for name in (*tails, *heads):
        if name in CODES:
            return CODES[name]
    return next((found for ending, found in ENDINGS if key.endswith(ending)), None)
