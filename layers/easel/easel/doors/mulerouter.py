"""The front door that speaks as MuleRouter does: Qwen-Image as tasks, the model in the path.

Sources: mulerouter.ai, pages `alibaba/qwen-image-max`, `alibaba/qwen-image-edit-max`, async-tasks and
error-codes; the vendor's client github.com/openmule/mulerouter-skills (read up to 2026-04). Where they
disagree, what is said here is what its clients all understand. A task's id is the generation's, written as
a UUID.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from pydantic import AfterValidator, Field

from easel.domain.failure import FailureClass
from easel.domain.generation import Generation, GenerationError, Status
from easel.domain.ids import generation_bits
from easel.domain.reading import request_of
from easel.domain.sizes import Size, parse_size
from easel.domain.tenancy import Caller, Scope
from easel.doors.answers import NO_HEADERS, Headers, json_answer
from easel.doors.dialects import (
    VendorBody,
    id_of_uuid,
    in_words,
    lasting_links,
    left_out,
    read_body,
    task_of,
    uuid_of,
)
from easel.doors.http_input import asking_caller, caller_of, idempotency_key, json_body, limit_headers
from easel.doors.problems import problem_headers
from easel.errors import (
    FieldProblem,
    InvalidRequestError,
    MethodNotAllowedError,
    NoKeyError,
    NotFoundError,
    RequestError,
)
from easel.plain import time_view
from easel.ports import ImageStore
from easel.steps.create import Creator
from easel.steps.gate import Gate
from easel.steps.read import Reader

ENDPOINT = "mulerouter"
DEFAULT_SIZE = "1664*928"  # of text-to-image; on other vendors' routes the default may be another
SIDE_MIN, SIDE_MAX = 512, 2048  # px, of an edit
SEED_MAX = 2147483647

# The vendor has several words for a task that is not done; this one stands in most of its pages.
IN_PROGRESS, COMPLETED, FAILED = "processing", "completed", "failed"

# How base64 of each kind of image begins, for clients that send it bare.
BASE64_BEGINNINGS: Mapping[str, str] = MappingProxyType(
    {
        "iVBORw0KGgo": "image/png",
        "/9j/": "image/jpeg",
        "UklGR": "image/webp",
        "R0lGOD": "image/gif",
        "Qk": "image/bmp",
        "SUkqA": "image/tiff",
        "TU0AK": "image/tiff",
    }
)

# Why a task failed: the vendor's number and its words. 3001 means several things there, so the words tell.
FAULTS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        FailureClass.MODERATION: (3001, "The prompt contains prohibited content"),
        FailureClass.VALIDATION: (2002, "The parameters are not supported"),
        FailureClass.CANCELED: (3002, "The task was cancelled"),
        FailureClass.RATE_LIMIT: (3003, "The upstream provider could not finish the task"),
        FailureClass.TRANSIENT: (3003, "The upstream provider could not finish the task"),
        "deadline_exceeded": (3002, "The task was aborted: it did not end in time"),
        "submission_unknown": (3003, "The upstream provider's answer was lost"),
    }
)
FAILED_THERE = 3001  # for whatever reason the vendor gives
OWN_FAULT = (4002, "The task could not be finished")
CALLERS_FAULTS = frozenset({2002, 3001})  # have another title than those that are nobody's or ours

# The number beside an HTTP status; 0 is what the vendor says where it has no other.
NUMBERS: Mapping[int, int] = MappingProxyType({400: 2002, 402: 1002, 403: 1000, 500: 4002})
UNSUPPORTED_MODEL, NO_SUCH_TASK = 2001, 3000
AS_400 = frozenset({415, 422})  # the vendor refuses with 400 whatever is wrong with a body

NO_KEY = "Missing Authorization header. Please provide 'Authorization: Bearer <api_key>'"
WRONG_KEY = "Invalid API Key format"


def _edit_size(text: str) -> str:
    size = None if "x" in text else parse_size(text)  # the vendor's separator is `*` alone
    sides = (size.width, size.height) if isinstance(size, Size) else (0, 0)
    if not all(SIDE_MIN <= side <= SIDE_MAX for side in sides):
        raise ValueError(f"must be W*H with each side {SIDE_MIN} to {SIDE_MAX}")
    return text


class TaskBody(VendorBody):
    """What both submits have; null is taken where the type says so."""

    prompt: str = Field(min_length=1, max_length=800, description="1 to 800 characters")
    negative_prompt: str | None = Field(default=None, max_length=500, description="up to 500 characters")
    seed: int = Field(default_factory=left_out, ge=0, le=SEED_MAX, description="0 to 2147483647")
    prompt_extend: bool = Field(default_factory=left_out, description="let the vendor rewrite the prompt")
    safety_filter: bool | None = Field(default=None, description="moderate the result")


class DrawBody(TaskBody):
    """The body of a text-to-image submit."""

    size: Literal["1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664"] = Field(
        default_factory=left_out, description="`W*H` in pixels"
    )


class EditBody(TaskBody):
    """The body of an edit submit."""

    images: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, max_length=3, repr=False, description="URLs or base64, in order"
    )
    size: Annotated[str, AfterValidator(_edit_size)] = Field(
        default_factory=left_out, description="`W*H` in pixels"
    )
    n: int = Field(default_factory=left_out, ge=1, le=6, description="1 to 6 images")


BODIES: Mapping[str, type[DrawBody | EditBody]] = MappingProxyType(
    {"qwen-image-max": DrawBody, "qwen-image-edit-max": EditBody}
)


@dataclass(frozen=True, slots=True)
class MuleRouterDoor:
    """Answers MuleRouter's clients."""

    creator: Creator
    reader: Reader
    images: ImageStore
    gate: Gate
    prefix: str = "/mulerouter"

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """Submit and status, under both of the vendor's path families."""
        for calls in ("/vendors/alibaba/v1/<model>/generation", "/v1/inference/<model>"):
            self._add_model(app, self.prefix + calls)

    def _add_model(self, app: APIGatewayHttpResolver, path: str) -> None:
        # Its documents show the status as GET and, once, as POST; and addresses with a slash at the end.
        @app.post(path)
        def submit(model: str) -> Response[str]:
            caller = asking_caller(app, self.gate)
            generation = self._create(app, caller, _model(model))
            return self._task(app, generation, caller)

        @app.route(f"{path}/<task_id>/?", method=["GET", "POST"])
        def status(model: str, task_id: str) -> Response[str]:
            caller = caller_of(app, self.gate, Scope.READ)
            generation = task_of(self.reader, caller.tenant, id_of_uuid(task_id), _no_task())
            if generation.request.model != _model(model):  # tasks are asked for under their model
                raise _no_task()
            return self._task(app, generation)

        @app.route(f"{path}/?", method=["GET", "PUT", "PATCH", "DELETE"])
        def wrong_method(model: str) -> Response[str]:
            raise MethodNotAllowedError(f"Wrong method for this endpoint of {_model(model)}", ("POST",))

    def _create(self, app: APIGatewayHttpResolver, caller: Caller, model: str) -> Generation:
        body = read_body(BODIES[model], json_body(app))
        fields = {"model": model, **body.model_dump(exclude_unset=True, exclude={"images"})}
        if isinstance(body, EditBody):
            fields["images"] = [_image(number, image) for number, image in enumerate(body.images)]
        else:
            fields.setdefault("size", DEFAULT_SIZE)
        return self.creator.create(caller, request_of(fields), idempotency_key(app), prefer=(ENDPOINT,))

    def _task(
        self, app: APIGatewayHttpResolver, generation: Generation, submitted_by: Caller | None = None
    ) -> Response[str]:
        """The task as it stands; of a submit, that it is taken. A failed task is HTTP 200."""
        info: dict[str, Any] = {
            "id": uuid_of(generation.id),
            "status": IN_PROGRESS,
            "created_at": time_view(generation.created_at),
        }
        body: dict[str, Any] = {"task_info": info}
        headers = _trace(app.current_event.request_context.request_id, generation_bits(generation.id))
        if submitted_by is not None:
            return json_answer(202, body, headers | limit_headers(submitted_by.quota))
        info["updated_at"] = time_view(generation.updated_at)
        if generation.status is Status.SUCCEEDED:
            info["status"] = COMPLETED
            body["images"] = list(map(lasting_links(self.images), (image.key for image in generation.images)))
        elif generation.terminal:
            info["status"] = FAILED
            info["error"] = _fault(generation.error)
        return json_answer(200, body, headers)

    def refusal(self, error: RequestError, request_id: str, path: str) -> Response[str]:
        """A problem document; an address that is none of the vendor's has a short one there."""
        fields = {problem.field for problem in error.problems}
        headers = problem_headers(error)
        if error.status == 404 and not fields:
            body = {"status": 404, "title": HTTPStatus.NOT_FOUND.phrase}
            return json_answer(404, body, headers | _trace(request_id))
        if error.status == 401:
            title = NO_KEY if isinstance(error, NoKeyError) else WRONG_KEY
            return _problem(401, None, request_id, path, title=title, headers=headers)
        status = 400 if error.status in AS_400 else error.status
        number = NUMBERS.get(status, 0)
        if status == 404:
            number = NO_SUCH_TASK
        elif status == 400 and fields & {"model", "route"}:
            number = UNSUPPORTED_MODEL
        detail = error.detail if status == 404 else in_words(error)
        return _problem(status, detail, request_id, path, number, headers=headers)


def _model(name: str) -> str:
    if name not in BODIES:
        raise NotFoundError("There is no such model.")
    return name


def _no_task() -> NotFoundError:
    return NotFoundError("Task not found", [FieldProblem("task_id", "is not known")])


def _image(number: int, text: str) -> str:
    """An input image as Easel takes it: bare base64 becomes a data URL."""
    if text.startswith(("https://", "http://", "data:")):
        return text
    for beginning, content_type in BASE64_BEGINNINGS.items():
        if text.startswith(beginning):
            return f"data:{content_type};base64,{text}"
    problem = FieldProblem(f"images.{number}", "is neither a URL nor base64 of an image")
    raise InvalidRequestError("An input image cannot be read.", [problem])


def _fault(error: GenerationError | None) -> dict[str, Any]:
    number, words = FAULTS.get(error.code if error else "", OWN_FAULT)
    if error is not None and error.code == FailureClass.VENDOR_CONTRACT and error.vendor_message:
        number, words = FAILED_THERE, error.vendor_message
    title = "Invalid Request" if number in CALLERS_FAULTS else "Task Failed"
    return {"code": number, "title": title, "detail": words}


def _problem(
    status: int,
    detail: str | None,
    request_id: str,
    path: str,
    number: int = 0,
    *,
    title: str = "",
    headers: Headers = NO_HEADERS,
) -> Response[str]:
    body = {
        "status": status,
        "title": title or HTTPStatus(status).phrase,
        "detail": f"{detail} (request_id: {request_id})",
        "instance": path,
        "error_code": number,
    }
    return json_answer(status, body, {**headers, **_trace(request_id)})


def _trace(request_id: str, task_bits: int | None = None) -> dict[str, str | list[str]]:
    """The header by which its support finds a call (https://www.w3.org/TR/trace-context/): here the task's
    own bits where there is a task, and those of the request's id."""
    digest = hashlib.sha256(request_id.encode()).hexdigest()
    trace = digest[:32] if task_bits is None else f"{task_bits:032x}"
    return {"traceparent": f"00-{trace}-{digest[32:48]}-01"}
