"""AI/ML API's dialect: one synchronous call, three shapes of answer of which a setting chooses one.

A moderated prompt comes to a black picture, marked in `has_nsfw_concepts` (shape v2) or left out (v1, v3),
and is billed, since the request did not fail. Keys that begin with `bad`, `no-credits` or `rate-limited` are
refused.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from local.sandbox.drawing import Picture
from local.sandbox.engine import Engine, is_censored
from local.sandbox.fields import FieldError, Rule, check, flag, number, one_of, text, whole
from local.sandbox.tasks import Failure, Order, Price, Task
from local.sandbox.wire import Answer, Ask, Request, json_answer, prompt_in

PATH = "/v1/images/generations"
MODEL = "alibaba/qwen-image"
PRICE = Price(Decimal(91000), "credits")  # seen in one example; that it is per image is our reading

PRESETS = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}


def _size(value: object) -> str | None:
    fits = value in PRESETS if isinstance(value, str) else False
    if isinstance(value, dict) and set(value) == {"width", "height"}:
        fits = all(whole(512, 1536)(side) is None and side % 32 == 0 for side in value.values())
    return None if fits else f"one of {list(PRESETS)} or width and height from 512 to 1536, multiples of 32"


def _count(value: object) -> str | None:
    """The field is a "number": 2.0 is taken for 2, 1.5 is refused."""
    fits = number(1, 4)(value) is None and int(value) == value  # type: ignore[call-overload]
    return None if fits else "an integer from 1 to 4"


def _provider(value: object) -> str | None:
    return one_of("auto", "alibaba", "fal")(value.lower() if isinstance(value, str) else value)


RULES: Mapping[str, Rule] = {
    "model": one_of(MODEL),
    "prompt": text(4000),
    "output_format": one_of("jpeg", "png"),
    "num_images": _count,
    "seed": whole(1),
    "enable_safety_checker": flag,
    "guidance_scale": number(1, 20),
    "sync_mode": flag,
    "negative_prompt": text(shortest=0),
    "image_size": _size,
    "provider": _provider,
}
FAILURES: Mapping[str, Failure] = {  # code: the HTTP status; a moderated prompt does not fail, see above
    "transient": Failure("500", "Internal server error: the provider could not complete the generation"),
    "validation": Failure("400", "Body validation error! Expected a supported image size (image_size)"),
}
NO_CREDITS = "You've run out of credits. Please top up your balance or update your payment method to continue"


class AimlApi:
    """Answers the requests below one endpoint's prefix."""

    def __init__(self, endpoint: str, engine: Engine) -> None:
        self._endpoint, self._engine = endpoint, engine

    def answer(self, request: Request) -> Answer:
        """The vendor's answer to any request."""
        key = request.key or ""
        if not key or key.startswith("bad"):
            return _error(request, 401, "This request requires a valid API key.")
        if not _is_submit(request):
            return _error(request, 404, "Not Found")
        if key.startswith("no-credits"):
            return _error(request, 403, NO_CREDITS)
        if key.startswith("rate-limited"):
            return _error(request, 429, "Too Many Requests", ("Retry-After", "2"))
        body = request.json_object
        if body is None:
            return _error(request, 400, "Body validation error! Expected object, received something else")
        try:
            check(body, RULES, ("model", "prompt"))
        except FieldError as fault:
            hint = f"Expected {fault.expected}, received {fault.received} ({fault.field})"
            return _error(request, 400, f"Body validation error! {hint}")
        task = self._engine.accept(self._order(request, body))
        self._engine.wait_for(task)
        if task.failure is not None:
            return _error(request, int(task.failure.code), task.failure.message)
        shape = {"v1": _jobs, "v2": _fal, "v3": _openai}[self._engine.settings.aimlapi_shape]
        return shape(request, task, body)

    def ask(self, request: Request) -> Ask | None:
        """What a submit asks for, or None."""
        return Ask(prompt_in(request.json_object), polled=False) if _is_submit(request) else None

    def refuse(self, request: Request, status: int, message: str, *headers: tuple[str, str]) -> Answer:
        """A refusal in the vendor's own form."""
        return _error(request, status, message, *headers)

    def _order(self, request: Request, body: dict[str, Any]) -> Order:
        moderated = any(fault.kind.name == "fail-moderation" for fault in request.submission.faults)
        size = body.get("image_size", "landscape_4_3")
        width, height = PRESETS[size] if isinstance(size, str) else (size["width"], size["height"])
        picture = Picture(
            prompt=body["prompt"],
            route=f"{self._endpoint}/qwen-image",
            seed=body.get("seed", 2**31 + secrets.randbelow(2**31)),  # as seen: beyond 32 bits with a sign
            width=width,
            height=height,
            media_type=f"image/{body.get('output_format', 'jpeg')}",
            censored=moderated or is_censored(body["prompt"]),
        )
        return Order(
            endpoint=self._endpoint,
            model=MODEL,
            prompt=body["prompt"],
            body=body,
            body_bytes=len(request.body),
            picture=picture,
            price=PRICE,
            submission=request.submission,
            failures=FAILURES,
            images=int(body.get("num_images", 1)),
            applied={
                "negative_prompt": body.get("negative_prompt"),
                "provider": body.get("provider", "auto"),
            },
        )


def _is_submit(request: Request) -> bool:
    return request.path.removesuffix("/") == PATH and request.method == "POST"


def _fal(request: Request, task: Task, body: dict[str, Any]) -> Answer:
    picture, images = task.order.picture, []
    for index in range(task.delivered):
        if body.get("sync_mode"):
            url = f"data:{picture.media_type};base64,{_encoded(task, index)}"
        else:
            url = task.link(request.base_url, index)
        facts = {"width": picture.width, "height": picture.height, "content_type": picture.media_type}
        images.append({"url": url, **facts})
    answer = {
        "images": images,
        "timings": {"inference": round(task.done_at - task.accepted_at, 2)},
        "seed": picture.seed,
        "has_nsfw_concepts": [picture.censored] * task.delivered,
        "prompt": task.order.prompt,
    }
    return json_answer(201, answer)


def _jobs(request: Request, task: Task, body: dict[str, Any]) -> Answer:
    picture, prompt = task.order.picture, task.order.prompt
    size = f"{picture.width}x{picture.height}"
    choices = [{"image_base64": _encoded(task, index)} for index in _shown(task)]
    answer = {
        "status": "finished",
        "prompt": [prompt],
        "model": MODEL,
        "model_owner": "alibaba",
        "tags": {},
        "num_returns": len(choices),
        "args": {"model": MODEL, "prompt": prompt, "n": task.order.images, "steps": 30, "size": size},
        "subjobs": [],
        "output": {"choices": choices},
    }
    return json_answer(201, answer)


def _openai(request: Request, task: Task, body: dict[str, Any]) -> Answer:
    data: list[dict[str, str | None]] = []
    for index in _shown(task):
        inline = bool(body.get("sync_mode"))
        url = None if inline else task.link(request.base_url, index)
        data.append(
            {"url": url, "b64_json": _encoded(task, index) if inline else None, "revised_prompt": None}
        )
    nothing = dict.fromkeys(("background", "output_format", "quality", "size", "usage"))
    used = int(task.order.price.per_image) * task.delivered
    answer = {"created": int(task.done_at), "data": data, "meta": {"usage": {"credits_used": used}}}
    return json_answer(200, nothing | answer)


def _shown(task: Task) -> range:
    return range(0 if task.order.picture.censored else task.delivered)


def _encoded(task: Task, index: int) -> str:
    return base64.b64encode(task.image(index)).decode("ascii")


def _error(request: Request, status: int, message: str, *headers: tuple[str, str]) -> Answer:
    body = {
        "message": message,
        "path": request.path,
        "requestId": str(uuid.uuid4()),
        "statusCode": status,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return json_answer(status, body, *headers)
