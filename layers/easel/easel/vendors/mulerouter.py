"""MuleRouter: Qwen-Image as asynchronous tasks, one path a model.

Sources: mulerouter.ai, pages `alibaba/qwen-image-max`, `alibaba/qwen-image-edit-max`, async-tasks and
error-codes; the vendor's client github.com/openmule/mulerouter-skills (read up to 2026-04). Where they
disagree both forms are accepted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
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
    RequestBody,
    Text,
    images_in,
    is_success,
    nonblank,
    post_json,
    unreadable,
)
from easel.wire import HttpRequest, HttpResponse

STATUSES: Mapping[str, type[Pending | Finished | Failed]] = MappingProxyType(
    {
        "pending": Pending,
        "queued": Pending,
        "running": Pending,
        "processing": Pending,
        "completed": Finished,
        "succeeded": Finished,
        "failed": Failed,
    }
)

# Numbers of `code` or `error_code`. 3001 is not here: only its text tells what it means.
NUMBERS: Mapping[str, FailureClass] = MappingProxyType(
    {
        "1000": FailureClass.AUTH,  # access denied
        "1001": FailureClass.AUTH,  # token invalid or expired
        "1002": FailureClass.BILLING,  # credits insufficient
        "2000": FailureClass.NOT_FOUND,  # model missing
        "2001": FailureClass.VALIDATION,  # model unsupported or unavailable
        "2002": FailureClass.VALIDATION,  # parameter not supported
        "3000": FailureClass.NOT_FOUND,  # task missing
        "3002": FailureClass.TRANSIENT,  # cancelled or aborted (older), upstream fault (newer)
        "3003": FailureClass.TRANSIENT,
        "3004": FailureClass.TRANSIENT,
        "3005": FailureClass.TRANSIENT,
        "4002": FailureClass.TRANSIENT,  # a fault of MuleRouter's own
        "4008": FailureClass.TRANSIENT,
    }
)
# Statuses that mean one thing. Under the others a known number says more than the status.
DECISIVE_STATUSES = frozenset({401, 402, 404, 405, 409, 423, 451})

MODERATION_OR_UPSTREAM = "3001"
# The text is the only sign that tells a refused prompt from an upstream fault under 3001.
MODERATION_PHRASES = ("prohibited", "content error", "inappropriate", "moderation", "content policy")
# The text is the only sign that a 429 is about money and may last a day.
DAILY_SPEND_PHRASE = "daily spend"

REQUEST_ID = re.compile(r"request_id: ([\w-]{8,64})")  # stands inside `detail`
WITHOUT_N = frozenset({"qwen-image-max"})  # always one image; unknown keys are rejected


class GenerationBody(RequestBody):
    """The body of a submit; the model is in the path."""

    prompt: str = Field(description="1 to 800 characters")
    images: tuple[str, ...] | None = Field(description="edit only: 1 to 3 URLs or data URIs, in order")
    negative_prompt: str | None = Field(description="1 to 500 characters")
    size: str | None = Field(description="`W*H` in pixels")
    n: int | None = Field(description="edit only: 1 to 6 images")
    seed: int | None = Field(description="0 to 2147483647")
    prompt_extend: bool | None = Field(description="let the vendor rewrite the prompt")
    safety_filter: bool | None = Field(description="moderate the result")


class Problem(AnswerBody):
    """An error: the problem document of an HTTP error, or `task_info.error` of a failed task."""

    code: Text = Field(default=None, description="the vendor's number")
    error_code: Text = Field(default=None, description="the same under its other name")
    title: Text = Field(default=None, description="a few words")
    detail: Text = Field(default=None, description="a sentence, sometimes with a request id")
    message: Text = Field(default=None, description="seen in place of the detail")

    @property
    def number(self) -> str | None:
        """The vendor's number, whichever key holds it."""
        return self.code or self.error_code

    @property
    def is_own_form(self) -> bool:
        """Whether this is the vendor's own document; a proxy's may carry a `message` alone."""
        return (self.number or self.title or self.detail) is not None

    @property
    def text(self) -> str | None:
        """Title and detail; either may hold the telling half."""
        return ": ".join(filter(None, (self.title, self.detail or self.message))) or None


class TaskInfo(AnswerBody):
    """The envelope around every task."""

    id: Text = Field(default=None, description="opaque")
    status: Text = Field(default=None, description="see STATUSES")


@dataclass(frozen=True, slots=True)
class MuleRouter(Adapter):
    """Builds and reads MuleRouter's wire format.

    Prose of the vendor names `/v1/inference/...` for the same operations, no sample uses it; hence the
    path templates are settings.
    """

    submit_path: str = "/vendors/alibaba/v1/{model}/generation"
    poll_path: str = "/vendors/alibaba/v1/{model}/generation/{task_id}"

    def build_submit(self, ask: Ask) -> HttpRequest:
        """Submit a text-to-image task, or an edit where the model is an edit model."""
        body = GenerationBody(
            prompt=ask.prompt,
            images=ask.images or None,
            negative_prompt=nonblank(ask.negative_prompt),
            size=str(ask.geometry.size) if ask.geometry and ask.geometry.size else None,
            n=None if ask.model in WITHOUT_N else ask.n,
            seed=ask.seed,
            prompt_extend=ask.prompt_extend,
            safety_filter=ask.safety_filter,
        )
        return post_json(self.submit_path.format(model=quote(ask.model, safe="")), body)

    def read_submit(self, response: HttpResponse) -> SubmitAnswer:
        """A task to poll; accepts a task that ended at once."""
        answer = _read_task(response)
        if isinstance(answer, Pending) and not answer.task_id:
            return unreadable(response, request_id=answer.request_id)
        return answer

    def build_poll(self, task: VendorTask) -> HttpRequest:
        """Ask under the model that the task was submitted to."""
        model, task_id = quote(task.model, safe=""), quote(task.task_id, safe="")
        return HttpRequest("GET", self.poll_path.format(model=model, task_id=task_id))

    def read_poll(self, response: HttpResponse) -> PollAnswer:
        """How the task stands. A failed task is HTTP 200; `task_id` is empty where none is repeated."""
        if response.status == 404:
            return Missing("404", _trace_id(response))
        return _read_task(response)


def _read_task(response: HttpResponse) -> Pending | Finished | Failed:
    body = response.json_object()
    if not is_success(response):
        return Failed(_failure(response, _problem_of_http(body)))
    trace_id = _trace_id(response)
    task = TaskInfo.read(body.get("task_info"))
    meaning = STATUSES.get(task.status or "")
    if meaning is Failed:
        return Failed(_failure(response, _problem_of_task(body)), task_id=task.id)
    if meaning is Finished:
        images = _images(body)
        if not images:
            return unreadable(response, task_id=task.id, request_id=trace_id)
        return Finished(images, task_id=task.id, request_id=trace_id)
    if task.id is None and task.status is None:
        return unreadable(response, request_id=trace_id)
    return Pending(task.id or "", task.status or "", known=meaning is Pending, request_id=trace_id)


def _images(body: Mapping[str, object]) -> tuple[ResultImage, ...]:
    """The first place that holds images: documented is `images`, public clients look in the others."""
    result = body.get("result")
    places = (
        body.get("images"),
        body.get("data"),
        body.get("output"),
        result.get("images") if isinstance(result, dict) else None,
    )
    return next(filter(None, map(images_in, places)), ())


def _trace_id(response: HttpResponse) -> str | None:
    return response.headers.get("traceparent")


def _problem_of_task(body: Mapping[str, object]) -> Problem:
    task = body.get("task_info")
    return _problem(task.get("error") if isinstance(task, dict) else None)


def _problem_of_http(body: Mapping[str, object]) -> Problem:
    """The problem document, or what stands in its place: the order in which the vendor's client looks."""
    for problem in (Problem.read(body), _problem(body.get("error")), _problem_of_task(body)):
        if problem.is_own_form:
            return problem
    return Problem.read(body)


def _problem(error: object) -> Problem:
    return Problem(detail=error) if isinstance(error, str) else Problem.read(error)


def _failure(response: HttpResponse, problem: Problem) -> Failure:
    match = REQUEST_ID.search(problem.text or "")
    return Failure(
        failure_class=_class_of(response.status, problem),
        code=problem.number,
        message=problem.text,
        http_status=response.status,
        request_id=match[1] if match else _trace_id(response),
        retry_after_seconds=retry_after_seconds(response),
        vendor_body=is_success(response) or problem.is_own_form,
    )


def _class_of(status: int, problem: Problem) -> FailureClass:
    """Status, then number, then text where only the text tells."""
    number, text = problem.number or "", (problem.text or "").lower()
    if status in DECISIVE_STATUSES:
        return class_of_status(status)
    if number == MODERATION_OR_UPSTREAM:
        # Never repeated, and not blamed on the caller either: nothing says whose fault it was.
        moderated = any(phrase in text for phrase in MODERATION_PHRASES)
        return FailureClass.MODERATION if moderated else FailureClass.VENDOR_CONTRACT
    if number in NUMBERS:
        return NUMBERS[number]
    if status == 429 and DAILY_SPEND_PHRASE in text:
        return FailureClass.BILLING
    return class_of_status(status)
