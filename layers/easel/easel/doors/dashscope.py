"""The front door that speaks as DashScope (Alibaba Cloud Model Studio) does, one for each region.

Sources: Alibaba's references of Qwen text-to-image and image edit (2026-02), its page on asynchronous tasks
(2026-03), its error page (2025-12-26; an older table 2024-08), and the official Python SDK `dashscope` 2.0.2.
A task's id is the generation's, written as a UUID.

A synchronous call is held for 25 s. Beyond, it is answered as the vendor answers what took too long
(`RequestTimeOut`), with `Retry-After`: the same call again goes on with the same generation. The vendor's
error page has 500 for it and an older one 408; clients that come again by themselves do so after a 5xx.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from easel.domain.generation import Generation, Status
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller, Quota, Scope
from easel.doors.answers import NO_HEADERS, Headers, json_answer
from easel.doors.dashscope_answers import UNKNOWN, call_view, failed, task_list, task_view
from easel.doors.dashscope_reading import NAMES, WRONG_ADDRESS, read_call, read_task
from easel.doors.dialects import id_of_uuid, in_words, lasting_links, named_as, uuid_of
from easel.doors.http_input import asking_caller, caller_of, header, idempotency_key, json_body, limit_headers
from easel.doors.problems import problem_headers
from easel.errors import (
    BudgetReachedError,
    ConflictError,
    ForbiddenError,
    InternalError,
    LimitReachedError,
    NoKeyError,
    NotFoundError,
    RequestError,
    StillWorkingError,
    UnauthorizedError,
    UnsupportedMediaError,
)
from easel.ports import ImageStore
from easel.steps.cancel import Canceler
from easel.steps.create import Creator, Row
from easel.steps.gate import Gate
from easel.steps.hold import Holder, fingerprint_of
from easel.steps.read import Reader

CALL_PATH = "/api/v1/services/aigc/multimodal-generation/generation"
TASK_SUBMIT_PATH = "/api/v1/services/aigc/text2image/image-synthesis"
TASKS_PATH = "/api/v1/tasks"
UPLOADS_PATH = "/api/v1/uploads"  # where the SDK asks how to upload a local file

NOT_ASYNC = "current user api does not support asynchronous calls"
NOT_SYNC = "current user api does not support synchronous calls"
NOT_PENDING = "Failed to cancel the task, please confirm if the task is in PENDING status."
NO_UPLOADS = (
    "Local files cannot be uploaded here. Send the image as an https URL, or as a data URL with base64."
)
BAD_BODY = "Required body invalid, please check the request body format."

# Our refusals in the vendor's words: HTTP status and code. What is not listed is the caller's fault.
REFUSALS: Mapping[type[RequestError], tuple[int, str]] = MappingProxyType(
    {
        UnauthorizedError: (401, "InvalidApiKey"),
        NoKeyError: (401, "InvalidApiKey"),
        ForbiddenError: (403, "AccessDenied"),
        BudgetReachedError: (400, "Arrearage"),
        LimitReachedError: (429, "Throttling.RateQuota"),
        StillWorkingError: (500, "RequestTimeOut"),
        ConflictError: (500, "InternalError"),
        InternalError: (500, "InternalError"),
    }
)
CALLERS_FAULT = (400, "InvalidParameter")
MISSING_PARTS: Mapping[str, str] = MappingProxyType(
    {"model": "BadRequest.EmptyModel", "input": "BadRequest.EmptyInput"}
)

KEY_WORDS: Mapping[type[RequestError], str] = MappingProxyType(
    {UnauthorizedError: "Invalid API-key provided.", NoKeyError: "No API-key provided."}
)
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DashScopeDoor:
    """Answers DashScope's clients. `endpoint` names the region's entry of the catalogue."""

    creator: Creator
    reader: Reader
    canceler: Canceler
    holder: Holder
    images: ImageStore
    gate: Gate
    prefix: str
    endpoint: str

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """Synchronous calls, tasks, and a refusal of uploads."""

        @app.post(self.prefix + CALL_PATH)
        def call() -> Response[str]:
            caller = asking_caller(app, self.gate)
            if _asks_for_task(app):
                raise ForbiddenError(NOT_ASYNC)
            request = read_call(json_body(app), self.creator.catalogue, self.endpoint)
            return self._finished(app, self._held(caller, request), caller.quota)

        @app.post(self.prefix + TASK_SUBMIT_PATH)
        def submit() -> Response[str]:
            caller = asking_caller(app, self.gate)
            if not _asks_for_task(app):
                raise ForbiddenError(NOT_SYNC)
            request = read_task(json_body(app), self.creator.catalogue, self.endpoint)
            key = idempotency_key(app)
            with named_as(NAMES):
                generation = self.creator.create(caller, request, key, prefer=(self.endpoint,))
            taken = {"task_status": "PENDING", "task_id": uuid_of(generation.id)}
            return _answer(app, {"output": taken}, limit_headers(caller.quota))

        @app.get(f"{self.prefix}{UPLOADS_PATH}/?")
        def upload_policy() -> Response[str]:
            caller_of(app, self.gate, Scope.GENERATE)
            return _refused(400, "UnsupportedOperation", NO_UPLOADS, _request_id(app))

        self._add_tasks(app)

    def _add_tasks(self, app: APIGatewayHttpResolver) -> None:
        @app.get(f"{self.prefix}{TASKS_PATH}/?")
        def tasks() -> Response[str]:
            tenant = caller_of(app, self.gate, Scope.READ).tenant
            query = app.current_event.query_string_parameters
            return _answer(app, task_list(self.reader, tenant, query, self.endpoint))

        @app.get(f"{self.prefix}{TASKS_PATH}/<task_id>/?")
        def task(task_id: str) -> Response[str]:
            tenant = caller_of(app, self.gate, Scope.READ).tenant
            try:
                generation = self.reader.get(tenant, id_of_uuid(task_id) or "")
            except NotFoundError:
                return _answer(app, {"output": {"task_id": task_id, "task_status": UNKNOWN}})
            return _answer(app, task_view(generation, lasting_links(self.images)))

        @app.post(f"{self.prefix}{TASKS_PATH}/<task_id>/cancel/?")
        def cancel(task_id: str) -> Response[str]:
            tenant = caller_of(app, self.gate, Scope.GENERATE).tenant
            try:
                self.canceler.cancel(tenant, id_of_uuid(task_id) or "")
            except (NotFoundError, ConflictError):
                return _refused(400, "UnsupportedOperation", NOT_PENDING, _request_id(app))
            return _answer(app, {})

    def _held(self, caller: Caller, request: GenerationRequest) -> Generation:
        """The ended generation. A client of this vendor does not say whether it comes again."""

        def make(generation_id: str) -> Generation:
            row = Row(generation_id, None)
            with named_as(NAMES):
                return self.creator.create(caller, request, row=row, prefer=(self.endpoint,))

        fingerprint = fingerprint_of(caller, self.prefix, request)
        return self.holder.hold(caller, fingerprint, make)

    def _finished(
        self, app: APIGatewayHttpResolver, generation: Generation, quota: Quota | None
    ) -> Response[str]:
        headers = limit_headers(quota)
        if generation.status is Status.SUCCEEDED:
            return _answer(app, call_view(generation, lasting_links(self.images)), headers)
        why = failed(generation)
        return _refused(why.status, why.code, why.message, _request_id(app), headers)

    def refusal(self, error: RequestError, request_id: str, path: str) -> Response[str]:
        """`request_id`, `code` and `message`; an unknown address is a wrong parameter at this vendor."""
        status, code = REFUSALS.get(type(error), CALLERS_FAULT)
        message = KEY_WORDS.get(type(error)) or in_words(error)
        if isinstance(error, NotFoundError):
            message = WRONG_ADDRESS
        elif isinstance(error, UnsupportedMediaError):
            message = BAD_BODY
        elif code == CALLERS_FAULT[1] and error.status == 400:
            missing = error.problems[0].field if error.problems else ""
            code = MISSING_PARTS.get(missing, code)
            message = error.detail if missing else BAD_BODY
        return _refused(status, code, message, request_id, problem_headers(error))


def _asks_for_task(app: APIGatewayHttpResolver) -> bool:
    return (header(app, "x-dashscope-async") or "").lower() == "enable"


def _request_id(app: APIGatewayHttpResolver) -> str:
    return app.current_event.request_context.request_id


def _answer(app: APIGatewayHttpResolver, body: Body, headers: Headers = NO_HEADERS) -> Response[str]:
    return json_answer(200, {**body, "request_id": _request_id(app)}, headers)


def _refused(
    status: int,
    code: str,
    message: str,
    request_id: str,
    headers: Headers = NO_HEADERS,
) -> Response[str]:
    return json_answer(status, {"request_id": request_id, "code": code, "message": message}, headers)
