"""MuleRouter's dialect: asynchronous, the model in the path, errors as problem documents.

Where its documents differ, `Settings` chooses the words; both path families lead to the same tasks; a status
may be asked by GET or POST. Keys that begin with `bad` are refused; with `no-credits`, `rate-limited`,
`daily-spend` at submit.
"""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from local.sandbox.drawing import Picture
from local.sandbox.engine import Engine, is_censored, random_seed
from local.sandbox.fields import (
    MAX_SEED,
    FieldError,
    Rule,
    check,
    flag,
    one_of,
    or_null,
    parse_size,
    sides,
    text,
    whole,
)
from local.sandbox.inputs import InputImage, InputImageError, edit_size, load_inputs
from local.sandbox.tasks import Failure, Order, Phase, Price, Task
from local.sandbox.wire import Answer, Ask, Request, json_answer, prompt_in

PATH = re.compile(
    r"(?:/vendors/alibaba/v1/(?P<vendor_model>[^/]+)/generation|/v1/inference/(?P<model>[^/]+))"
    r"(?:/(?:(?P<task_id>[^/]+)/?)?)?"
)
FAILED_IS_BILLED = False  # no document says; that a failed task is free is our reading
PRICE = Price(Decimal("0.075"), "USD", failed_too=FAILED_IS_BILLED)
SIZES = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")


def _images(value: object) -> str | None:
    fits = isinstance(value, list) and 1 <= len(value) <= 3
    fits = fits and all(isinstance(item, str) and item for item in value)  # type: ignore[attr-defined]
    return None if fits else "a list of 1 to 3 non-empty strings"


COMMON: Mapping[str, Rule] = {
    "prompt": text(800),
    "negative_prompt": or_null(text(500, shortest=0)),
    "seed": whole(0, MAX_SEED),
    "prompt_extend": flag,
    "safety_filter": or_null(flag),
}
RULES: Mapping[str, Mapping[str, Rule]] = {
    "qwen-image-max": {**COMMON, "size": one_of(*SIZES)},
    "qwen-image-edit-max": {**COMMON, "size": sides(512, 2048), "images": _images, "n": whole(1, 6)},
}
REQUIRED = {"qwen-image-max": ("prompt",), "qwen-image-edit-max": ("prompt", "images")}

KEY_REFUSALS = {  # beginning of the key: status, detail, number, headers
    "no-credits": (402, "Insufficient balance", 1002, ()),
    "rate-limited": (429, "Rate limit exceeded", 0, (("Retry-After", "2"),)),
    "daily-spend": (429, "Daily spend limit exceeded", 0, ()),
}
FAILURES: Mapping[str, Failure] = {
    "transient": Failure("3003", "The upstream provider could not finish the task"),
    "moderation": Failure("3001", "The prompt contains prohibited content"),
    "validation": Failure("2002", "The parameter size is not supported"),
}
REFUSAL_NUMBERS = {400: 2002, 500: 4002, 503: 4008}
INPUT_FAULTS = {
    "address": "The image is neither a URL nor base64 data",
    "download": "The image could not be downloaded",
    "timeout": "The image could not be downloaded in time",
    "bytes": "The image is too large, the limit is 10 MB",
    "format": "The image format is not supported",
    "resolution": "The image resolution is wrong, each side must be 384 to 3072 pixels",
}


class MuleRouter:
    """Answers the requests below one endpoint's prefix."""

    def __init__(self, endpoint: str, engine: Engine) -> None:
        self._endpoint, self._engine = endpoint, engine

    def answer(self, request: Request) -> Answer:
        """The vendor's answer to any request."""
        if (refusal := _refuse_key(request)) is not None:
            return refusal
        model, task_id = _place(request)
        if model not in RULES:
            return json_answer(404, {"status": 404, "title": "Not Found"}, _trace())
        if task_id and request.method in ("GET", "POST"):
            return self._status(request, model, task_id)
        if _is_submit(request):
            return self._submit(request, model)
        return _problem(request, 405, "Wrong method for this endpoint")

    def ask(self, request: Request) -> Ask | None:
        """What a submit asks for, or None."""
        return Ask(prompt_in(request.json_object), polled=True) if _is_submit(request) else None

    def refuse(self, request: Request, status: int, message: str, *headers: tuple[str, str]) -> Answer:
        """A refusal in the vendor's own form."""
        return _problem(request, status, message, REFUSAL_NUMBERS.get(status, 0), *headers)

    def _submit(self, request: Request, model: str) -> Answer:
        for beginning, (status, detail, number, headers) in KEY_REFUSALS.items():
            if (request.key or "").startswith(beginning):
                return _problem(request, status, detail, number, *headers)
        body = request.json_object
        if body is None:
            return _problem(request, 400, "The body is not a JSON object", 2002)
        try:
            check(body, RULES[model], REQUIRED[model])
        except FieldError as fault:
            return _problem(request, 400, str(fault), 2002)
        task = self._engine.accept(self._order(request, model, body))
        info = {
            "id": task.id,
            "status": self._engine.settings.mulerouter_submit_word,
            "created_at": _moment(task.accepted_at),
        }
        return json_answer(202, {"task_info": info}, _trace())

    def _order(self, request: Request, model: str, body: dict[str, Any]) -> Order:
        """Faults of input images end the task, as the vendor documents it; they do not refuse the request."""
        failure = FAILURES["moderation"] if is_censored(body["prompt"]) else None
        inputs: list[InputImage] = []
        try:
            inputs = load_inputs(body.get("images", []), bare_base64=True)
        except InputImageError as fault:
            failure = failure or Failure("3001", INPUT_FAULTS[fault.reason])
        if model == "qwen-image-max":
            width, height = parse_size(body.get("size", SIZES[0]))
        else:
            width, height = edit_size(body.get("size"), inputs[-1] if inputs else None)
        seed = body.get("seed", random_seed())
        images = body.get("n", 1)
        route = f"{self._endpoint}/{model}"
        picture = Picture(
            body["prompt"], route, seed, width, height, inputs=tuple(image.inset for image in inputs)
        )
        return Order(
            endpoint=self._endpoint,
            model=model,
            prompt=body["prompt"],
            body=body,
            body_bytes=len(request.body),
            picture=picture,
            price=PRICE,
            submission=request.submission,
            failures=FAILURES,
            images=images,
            applied={
                "negative_prompt": body.get("negative_prompt"),
                "prompt_extend": body.get("prompt_extend", True),
            },
            failure=failure,
        )

    def _status(self, request: Request, model: str, task_id: str) -> Answer:
        task = self._engine.poll(self._endpoint, task_id)
        if task is None or task.order.model != model:  # the status path is per model
            return _problem(request, 404, "Task not found", 3000)
        now = time.time()
        phase, odd_word = task.shown(now)
        info: dict[str, object] = {
            "id": task.id,
            "status": odd_word or self._word(phase),
            "created_at": _moment(task.accepted_at),
            "updated_at": _moment(_last_change(task, phase)),
        }
        if phase is Phase.FAILED and task.failure:
            code = int(task.failure.code)
            title = "Task Failed" if code == 3003 else "Invalid Request"
            info["error"] = {"code": code, "title": title, "detail": task.failure.message}
        body: dict[str, object] = {"task_info": info}
        if phase is Phase.SUCCEEDED:
            body["images"] = [task.link(request.base_url, index) for index in range(task.delivered)]
        return json_answer(200, body, _trace())

    def _word(self, phase: Phase) -> str:
        """One document's words together: processing alone; pending, processing; or queued, running."""
        settings = self._engine.settings
        return {
            Phase.PENDING: settings.mulerouter_submit_word,
            Phase.RUNNING: "running" if settings.mulerouter_submit_word == "queued" else "processing",
            Phase.SUCCEEDED: settings.mulerouter_success_word,
            Phase.FAILED: "failed",
        }[phase]


def _place(request: Request) -> tuple[str, str]:
    """The model and the task's id that a path names; each is empty where it names none."""
    path = PATH.fullmatch(request.path)
    return (path["vendor_model"] or path["model"], path["task_id"] or "") if path else ("", "")


def _is_submit(request: Request) -> bool:
    model, task_id = _place(request)
    named = model in RULES and not task_id and not request.path.endswith("/")
    return named and request.method == "POST"


def _refuse_key(request: Request) -> Answer | None:
    if request.key is None:
        title = "Missing Authorization header. Please provide 'Authorization: Bearer <api_key>'"
    elif request.key.startswith("bad"):
        title = "Invalid API Key format"
    else:
        return None
    return _problem(request, 401, None, title=title)


def _problem(
    request: Request,
    status: int,
    detail: str | None,
    number: int = 0,
    *headers: tuple[str, str],
    title: str = "",
) -> Answer:
    body = {
        "status": status,
        "title": title or HTTPStatus(status).phrase,
        "detail": f"{detail} (request_id: {uuid.uuid4()})",
        "instance": request.path,
        "error_code": number,
    }
    return json_answer(status, body, _trace(), *headers)


def _trace() -> tuple[str, str]:
    return "traceparent", f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _last_change(task: Task, phase: Phase) -> float:
    if phase in (Phase.SUCCEEDED, Phase.FAILED):
        return task.done_at
    return task.started_at if phase is Phase.RUNNING else task.accepted_at


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
