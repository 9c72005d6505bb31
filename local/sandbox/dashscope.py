"""DashScope's dialect, one endpoint per region: synchronous for every model, asynchronous for two.

Too long prompts are cut in silence. Keys that begin with `bad` are refused; with `no-credits`, `free-tier`,
`overdue`, `rate-limited`, `burst` at submit.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from local.sandbox.dashscope_reading import Refusal, Understood, prompt_of, read_async, read_sync
from local.sandbox.drawing import Picture
from local.sandbox.engine import Engine, is_censored, random_seed
from local.sandbox.tasks import Failure, Order, Phase, Price, Task
from local.sandbox.wire import Answer, Ask, Request, json_answer

SYNC_PATH = "/api/v1/services/aigc/multimodal-generation/generation"
ASYNC_PATH = "/api/v1/services/aigc/text2image/image-synthesis"
TASK_PATH = "/api/v1/tasks/"

MODERATED = Failure("DataInspectionFailed", "Input data may contain inappropriate content.")
FAILURES: Mapping[str, Failure] = {
    "transient": Failure("InternalError.Algo", "An internal error has occurred during algorithm processing."),
    "moderation": MODERATED,
    "validation": Failure("InvalidParameter", "The size is not supported."),
}
FAILURE_STATUS = {"InternalError.Algo": 500}  # of a call that waits for its task; 400 for the others
REFUSAL_CODES = {
    400: "InvalidParameter",
    429: "Throttling.RateQuota",
    500: "InternalError",
    503: "ModelUnavailable",
}

PRICES: Mapping[
    str, tuple[str, str]
] = {  # CNY per image: international, Beijing; longest matching name counts
    "qwen-image": ("0.256873", "0.256873"),  # Beijing: our guess
    "qwen-image-plus": ("0.220177", "0.2"),
    "qwen-image-max": ("0.550443", "0.5"),
    "qwen-image-edit": ("0.33", "0.3"),  # international: "about"
    "qwen-image-edit-plus": ("0.220177", "0.2"),
    "qwen-image-edit-max": ("0.550443", "0.5"),
}

KEY_REFUSALS: Mapping[str, Refusal] = {
    "no-credits": Refusal(
        400, "Arrearage", "Access denied, please make sure your account is in good standing."
    ),
    "free-tier": Refusal(
        403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted."
    ),
    "overdue": Refusal(429, "PostpaidBillOverdue", "The postpaid bill is overdue."),
    "rate-limited": Refusal(
        429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
    ),
    "burst": Refusal(429, "Throttling.BurstRate", "Request rate increased too quickly."),
}


class DashScope:
    """Answers the requests below one region's prefix."""

    def __init__(self, endpoint: str, engine: Engine) -> None:
        self._endpoint, self._engine = endpoint, engine

    def answer(self, request: Request) -> Answer:
        """The vendor's answer to any request."""
        try:
            _check_key(request)
            if request.path.startswith(TASK_PATH):
                if request.method != "GET":
                    raise _wrong_method(request)
                return self._query(request, request.path.removeprefix(TASK_PATH).removesuffix("/"))
            if request.path not in (SYNC_PATH, ASYNC_PATH):
                raise Refusal(400, "InvalidParameter", "url error, please check url\uff01")
            if request.method != "POST":
                raise _wrong_method(request)
            return self._submit(request)
        except Refusal as refusal:
            return _refused(refusal)

    def ask(self, request: Request) -> Ask | None:
        """What a submit asks for, or None."""
        if request.method != "POST" or request.path not in (SYNC_PATH, ASYNC_PATH):
            return None
        return Ask(prompt_of(request.json_object), polled=request.path == ASYNC_PATH)

    def refuse(self, request: Request, status: int, message: str, *headers: tuple[str, str]) -> Answer:
        """A refusal in the vendor's own form."""
        return _refused(Refusal(status, REFUSAL_CODES[status], message), *headers)

    def _submit(self, request: Request) -> Answer:
        for beginning, refusal in KEY_REFUSALS.items():
            if (request.key or "").startswith(beginning):
                raise Refusal(refusal.status, refusal.code, refusal.message)
        asks_async = request.headers.get("x-dashscope-async", "").lower() == "enable"
        if asks_async != (request.path == ASYNC_PATH):
            word = "asynchronous" if asks_async else "synchronous"
            raise Refusal(403, "AccessDenied", f"current user api does not support {word} calls")
        body = request.json_object
        if body is None:
            raise Refusal(
                400, "InvalidParameter", "Required body invalid, please check the request body format."
            )
        if asks_async:
            task = self._accept(request, read_async(body), body)
            return self._success({"task_status": "PENDING", "task_id": task.id})
        understood = read_sync(body)
        if is_censored(understood.prompt):
            raise _failed(MODERATED)
        task = self._accept(request, understood, body)
        self._engine.wait_for(task)
        if task.failure is not None:
            raise _failed(task.failure)
        return self._delivery(request, task)

    def _accept(self, request: Request, understood: Understood, body: Mapping[str, Any]) -> Task:
        route = f"{self._endpoint}/{understood.model}"
        seed = random_seed() if understood.seed is None else understood.seed
        picture = Picture(
            understood.prompt,
            route,
            seed,
            *understood.size,
            inputs=understood.inputs,
            watermark=bool(understood.applied["watermark"]),
        )
        order = Order(
            endpoint=self._endpoint,
            model=understood.model,
            prompt=understood.prompt_received,
            body=body,
            body_bytes=len(request.body),
            picture=picture,
            price=_price(self._endpoint, understood.model),
            images=understood.images,
            applied=understood.applied,
            failure=MODERATED if is_censored(understood.prompt) else None,
            failures=FAILURES,
            submission=request.submission,
        )
        return self._engine.accept(order)

    def _delivery(self, request: Request, task: Task) -> Answer:
        parts = [{"image": _link(request, task, index)} for index in range(task.delivered)]
        choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": parts}}
        output: dict[str, object] = {"choices": [choice]}
        usage: dict[str, object] = {"image_count": task.delivered}
        if not task.order.picture.inputs:
            total, done = task.order.images, task.delivered
            output["task_metric"] = {"TOTAL": total, "SUCCEEDED": done, "FAILED": total - done}
            usage |= {"width": task.order.picture.width, "height": task.order.picture.height}
        return self._success(output, usage)

    def _query(self, request: Request, task_id: str) -> Answer:
        task = self._engine.poll(self._endpoint, task_id)
        if task is None:
            return self._success({"task_id": task_id, "task_status": "UNKNOWN"})
        phase, odd_word = task.shown(time.time())
        word = (odd_word or phase.value).upper()
        output: dict[str, object] = {"task_id": task.id, "task_status": word}
        output["submit_time"] = _moment(task.accepted_at)
        if phase is not Phase.PENDING:
            output["scheduled_time"] = _moment(task.started_at)
        if phase in (Phase.SUCCEEDED, Phase.FAILED):
            output["end_time"] = _moment(task.done_at)
        if phase is Phase.FAILED and task.failure:
            output |= {"code": task.failure.code, "message": task.failure.message}
        if phase is not Phase.SUCCEEDED:
            return self._success(output)
        output["results"] = [_result(request, task, index) for index in range(task.delivered)]
        return self._success(output, {"image_count": task.delivered})

    def _success(self, output: object, usage: object = None) -> Answer:
        body = {"output": output, "request_id": str(uuid.uuid4())}
        if usage is not None:
            body["usage"] = usage
        if self._engine.settings.dashscope_empty_code:
            body |= {"code": "", "message": ""}
        return json_answer(200, body)


def _refused(refusal: Refusal, *headers: tuple[str, str]) -> Answer:
    body = {"request_id": str(uuid.uuid4()), "code": refusal.code, "message": refusal.message}
    return json_answer(refusal.status, body, *headers)


def _failed(failure: Failure) -> Refusal:
    return Refusal(FAILURE_STATUS.get(failure.code, 400), failure.code, failure.message)


def _check_key(request: Request) -> None:
    if request.key is None:
        raise Refusal(401, "InvalidApiKey", "No API-key provided.")
    if request.key.startswith("bad"):
        raise Refusal(401, "InvalidApiKey", "Invalid API-key provided.")


def _wrong_method(request: Request) -> Refusal:
    return Refusal(400, "InvalidParameter", f"Request method '{request.method}' is not supported.")


def _price(endpoint: str, model: str) -> Price:
    name = max((name for name in PRICES if model.startswith(name)), key=len)
    international, beijing = PRICES[name]
    return Price(Decimal(beijing if endpoint == "dashscope-cn" else international), "CNY")


def _link(request: Request, task: Task, index: int) -> str:
    """Signed like a link of the vendor's storage; the signature is checked when the picture is fetched."""
    link = task.link(request.base_url, index)
    return link if task.inline else f"{link}?{signature(task)}"


def signature(task: Task) -> str:
    """The query that a link to this task's pictures must carry."""
    return f"Expires={int(task.done_at) + 86400}&OSSAccessKeyId=SANDBOX&Signature={task.token[::-1]}%3D"


def _result(request: Request, task: Task, index: int) -> dict[str, str]:
    used = task.order.picture.prompt
    result = {"orig_prompt": used, "url": _link(request, task, index)}
    if task.order.applied["prompt_extend"]:
        result["actual_prompt"] = f"{used}, finely detailed, in soft natural light"
    return result


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
