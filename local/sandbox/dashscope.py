"""DashScope's dialect, one endpoint per region: synchronous for every model, asynchronous for two.

Too long prompts are cut in silence. Keys that begin with `bad` are refused; with `no-credits`, `free-tier`,
`overdue`, `rate-limited`, `burst` at submit.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from local.sandbox.drawing import Picture
from local.sandbox.engine import Engine, Failure, Order, Phase, Price, Task, is_censored, random_seed
from local.sandbox.fields import (
    MAX_SEED,
    FieldError,
    Rule,
    check,
    flag,
    one_of,
    parse_size,
    sides,
    text,
    whole,
)
from local.sandbox.inputs import InputImage, InputImageError, edit_size, load_inputs
from local.sandbox.wire import Answer, Request, json_answer, read_object

SYNC_PATH = "/api/v1/services/aigc/multimodal-generation/generation"
ASYNC_PATH = "/api/v1/services/aigc/text2image/image-synthesis"
TASK_PATH = "/api/v1/tasks/"

MODERATED = ("DataInspectionFailed", "Input data may contain inappropriate content.")

PRICES: Mapping[
    str, tuple[str, str]
] = {  # CNY per image: international, Beijing; longest matching name counts
    "qwen-image": ("0.256873", "0.25"),  # Beijing: our guess
    "qwen-image-plus": ("0.220177", "0.2"),
    "qwen-image-max": ("0.550443", "0.5"),
    "qwen-image-edit": ("0.33", "0.3"),  # international: "about"
    "qwen-image-edit-plus": ("0.220177", "0.2"),
    "qwen-image-edit-max": ("0.550443", "0.5"),
}
PROMPT_POINTS, NEGATIVE_POINTS = 800, 500  # code points; what is longer is cut in silence
MAX_DATA_URI = 10485760  # characters of one `image` item

TEXT_MODELS = ("qwen-turbo", "qwen-plus", "qwen-max")  # known, but not on these paths
ASYNC_MODELS = ("qwen-image-plus", "qwen-image")
IMAGE_MODELS = (*ASYNC_MODELS, "qwen-image-max", "qwen-image-max-2025-12-30", "qwen-image-plus-2026-01-09")
EDIT_MODELS = (
    "qwen-image-edit",
    "qwen-image-edit-max",
    "qwen-image-edit-max-2026-01-16",
    "qwen-image-edit-plus",
    "qwen-image-edit-plus-2025-10-30",
    "qwen-image-edit-plus-2025-12-15",
)
SIZES = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")

COMMON: Mapping[str, Rule] = {
    "negative_prompt": text(shortest=0),
    "prompt_extend": flag,
    "watermark": flag,
    "seed": whole(0, MAX_SEED),
    "n": whole(1, 6),  # how many a model makes is checked with words of its own
}
IMAGE_PARAMETERS = {**COMMON, "size": one_of(*SIZES)}
PLAIN_EDIT_PARAMETERS = COMMON
EDIT_PARAMETERS = {**COMMON, "size": sides(512, 2048)}

INPUT_FAULTS = {  # code and message, all with status 400
    "address": ("InvalidURL", "The provided URL does not appear to be valid."),
    "download": ("InvalidParameter", "download image failed"),
    "timeout": ("InvalidURL.Timeout", "Download the media resource timed out."),
    "bytes": ("BadRequest.TooLarge", "Payload Too Large."),
    "format": ("InvalidParameter", "Invalid image format or corrupted file"),
    "resolution": ("InvalidImageResolution", "The image resolution must be from 384 to 3072 on each side."),
}


class Refusal(Exception):  # noqa: N818  (the vendor's word for it is code and message)
    """The vendor's refusal of a request."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Understood:
    """A legal request after the vendor's cutting and rounding. `size` is what will be delivered, in px."""

    model: str
    prompt_received: str
    prompt: str
    size: tuple[int, int]
    seed: int | None
    images: int
    inputs: tuple[bytes, ...]
    applied: Mapping[str, Any]


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
                return self._query(request, request.path.removeprefix(TASK_PATH))
            if request.path not in (SYNC_PATH, ASYNC_PATH):
                raise Refusal(400, "InvalidParameter", "url error, please check url\uff01")
            if request.method != "POST":
                raise _wrong_method(request)
            return self._submit(request)
        except Refusal as refusal:
            body = {"request_id": str(uuid.uuid4()), "code": refusal.code, "message": refusal.message}
            return json_answer(refusal.status, body)

    def _submit(self, request: Request) -> Answer:
        for beginning, refusal in KEY_REFUSALS.items():
            if (request.key or "").startswith(beginning):
                raise Refusal(refusal.status, refusal.code, refusal.message)
        asks_async = request.headers.get("x-dashscope-async", "").lower() == "enable"
        if asks_async != (request.path == ASYNC_PATH):
            word = "asynchronous" if asks_async else "synchronous"
            raise Refusal(403, "AccessDenied", f"current user api does not support {word} calls")
        body = read_object(request)
        if body is None:
            raise Refusal(
                400, "InvalidParameter", "Required body invalid, please check the request body format."
            )
        if asks_async:
            task = self._accept(_read_async(body), body, len(request.body))
            return self._success({"task_status": "PENDING", "task_id": task.id})
        understood = _read_sync(body)
        if is_censored(understood.prompt):
            raise Refusal(400, *MODERATED)
        task = self._accept(understood, body, len(request.body))
        self._engine.wait_for(task)
        return self._delivery(request, task)

    def _accept(self, understood: Understood, body: Mapping[str, Any], body_bytes: int) -> Task:
        failure = Failure(*MODERATED) if is_censored(understood.prompt) else None
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
            body_bytes=body_bytes,
            picture=picture,
            price=_price(self._endpoint, understood.model),
            images=understood.images,
            applied=understood.applied,
            failure=failure,
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
        task = self._engine.find(self._endpoint, task_id)
        if task is None:
            return self._success({"task_id": task_id, "task_status": "UNKNOWN"})
        phase = task.phase(time.time())
        output: dict[str, object] = {"task_id": task.id, "task_status": phase.value.upper()}
        output["submit_time"] = _moment(task.accepted_at)
        if phase is not Phase.PENDING:
            output["scheduled_time"] = _moment(task.started_at)
        if phase in (Phase.SUCCEEDED, Phase.FAILED):
            output["end_time"] = _moment(task.done_at)
        if phase is Phase.FAILED and task.order.failure:
            output |= {"code": task.order.failure.code, "message": task.order.failure.message}
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
    return f"{task.link(request.base_url, index)}?{signature(task)}"


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


def _read_sync(body: dict[str, Any]) -> Understood:
    """A request on the multimodal path. Raises Refusal."""
    model, content, parameters = _parts(body)
    if model not in IMAGE_MODELS and model not in EDIT_MODELS:
        raise _unknown(model)
    prompt, references = _content(_message(content), edit=model in EDIT_MODELS)
    if model in IMAGE_MODELS:
        _check_parameters(parameters, IMAGE_PARAMETERS, most=1)
        return _understood(model, prompt, parameters, parse_size(parameters.get("size", SIZES[0])))
    plain = model == "qwen-image-edit"
    _check_parameters(parameters, PLAIN_EDIT_PARAMETERS if plain else EDIT_PARAMETERS, most=1 if plain else 6)
    inputs = _load(references)
    insets = tuple(image.inset for image in inputs)
    return _understood(model, prompt, parameters, edit_size(parameters.get("size"), inputs[-1]), insets)


def _read_async(body: dict[str, Any]) -> Understood:
    """A request on the text-to-image path. Raises Refusal."""
    model, content, parameters = _parts(body)
    if model not in ASYNC_MODELS:
        known = model in IMAGE_MODELS or model in EDIT_MODELS
        raise _invalid("url error, please check url\uff01") if known else _unknown(model)
    try:
        check(content, {"prompt": text(), "negative_prompt": text(shortest=0)}, ("prompt",))
    except FieldError as fault:
        raise _invalid(f"input.{fault}") from None
    _check_parameters(parameters, IMAGE_PARAMETERS, most=1)
    size = parse_size(parameters.get("size", SIZES[0]))
    negative = {name: content[name] for name in ("negative_prompt",) if name in content}
    return _understood(model, content["prompt"], negative | parameters, size)


def _parts(body: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Model, input and parameters, each of its type."""
    model, content, parameters = body.get("model"), body.get("input"), body.get("parameters", {})
    if not model:
        raise Refusal(400, "BadRequest.EmptyModel", 'Required parameter "model" missing from request.')
    if not content:
        raise Refusal(400, "BadRequest.EmptyInput", "Required input parameter missing from request.")
    if not isinstance(model, str) or not isinstance(content, dict) or not isinstance(parameters, dict):
        raise _invalid("Required body invalid, please check the request body format.")
    if unknown := set(body) - {"model", "input", "parameters"}:
        raise _invalid(f"{min(unknown)[:80]}: no such field")
    return model, content, parameters


def _message(content: dict[str, Any]) -> list[Any]:
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _invalid("No messages found in input")
    if len(messages) != 1:
        raise _invalid("messages length only support 1")
    message = messages[0]
    if set(content) != {"messages"} or not isinstance(message, dict) or set(message) != {"role", "content"}:
        raise _invalid("Required body invalid, please check the request body format.")
    if message["role"] != "user" or not isinstance(message["content"], list):
        raise _invalid("Required body invalid, please check the request body format.")
    return message["content"]


def _content(parts: list[Any], *, edit: bool) -> tuple[str, list[str]]:
    """The text and the image references of a message's parts."""
    values: dict[str, list[str]] = {"text": [], "image": []}
    for part in parts:
        if not isinstance(part, dict) or len(part) != 1 or not set(part) <= set(values):
            raise _invalid("Required body invalid, please check the request body format.")
        (kind, value), *_ = part.items()
        if not isinstance(value, str) or not value:
            raise _invalid("lack of image or text")
        values[kind].append(value)
    texts, images = values["text"], values["image"]
    if not texts or (edit and not images):
        raise _invalid("lack of image or text")
    if len(texts) > 1 or len(images) > (3 if edit else 0):
        raise _invalid(f"content length only support {4 if edit else 1}")
    return texts[0], images


def _check_parameters(parameters: dict[str, Any], rules: Mapping[str, Rule], most: int) -> None:
    count = parameters.get("n", 1)
    if most == 1 and isinstance(count, int) and not isinstance(count, bool) and count != 1:
        raise _invalid("num_images_per_prompt must be 1")
    try:
        check(parameters, rules)
    except FieldError as fault:
        raise _invalid(f"parameters.{fault}") from None


def _load(references: list[str]) -> list[InputImage]:
    if any(not item.startswith("http") and len(item) > MAX_DATA_URI for item in references):
        raise Refusal(400, *INPUT_FAULTS["bytes"])
    try:
        return load_inputs(references, bare_base64=False)
    except InputImageError as fault:
        raise Refusal(400, *INPUT_FAULTS[fault.reason]) from None


def _understood(
    model: str,
    prompt: str,
    parameters: Mapping[str, Any],
    size: tuple[int, int],
    inputs: tuple[bytes, ...] = (),
) -> Understood:
    applied = {
        "negative_prompt": parameters.get("negative_prompt", "")[:NEGATIVE_POINTS],
        "prompt_extend": parameters.get("prompt_extend", True),
        "watermark": parameters.get("watermark", False),
    }
    return Understood(
        model=model,
        prompt_received=prompt,
        prompt=prompt[:PROMPT_POINTS],
        size=size,
        seed=parameters.get("seed"),
        images=parameters.get("n", 1),
        inputs=inputs,
        applied=applied,
    )


def _unknown(model: str) -> Refusal:
    return _invalid("url error, please check url\uff01" if model in TEXT_MODELS else "Model not exist.")


def _invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidParameter", message)
