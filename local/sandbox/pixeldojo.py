"""PixelDojo's dialect: asynchronous jobs, paid in credits; `lora_weights` leads to a path with other limits.

`generation_model` is qwen-image-plus where it is absent, whatever the path says; the ledger's `model` names
what ran. Keys that begin with `bad` are refused; with `no-credits`, `rate-limited` at submit.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from local.sandbox.drawing import Picture
from local.sandbox.engine import Engine, is_censored, random_seed
from local.sandbox.fields import MAX_SEED, FieldError, Rule, check, flag, number, one_of, text, whole
from local.sandbox.tasks import Failure, Order, Phase, Price, Task
from local.sandbox.wire import Answer, Ask, Request, json_answer, prompt_in

API = "/api/v1"
MODEL = "qwen-image-max"
CREDITS_PER_IMAGE = 2
FIRST_CREDITS = 100_000  # the account's balance at the start and after a reset

GENERATION_MODELS = (
    "qwen-image-plus",
    "qwen-image-plus-2026-01-09",
    "qwen-image-max",
    "qwen-image-max-2025-12-30",
    "qwen-image",
)
PIXELS = {
    "1:1": (1328, 1328),
    "16:9": (1664, 928),
    "9:16": (928, 1664),
    "4:3": (1472, 1104),
    "3:4": (1104, 1472),
    "21:9": (1904, 816),  # LoRA only; not documented, our guess
}
RULES: Mapping[str, Rule] = {
    "prompt": text(),
    "generation_model": one_of(*GENERATION_MODELS),
    "aspect_ratio": one_of(*PIXELS),
    "negative_prompt": text(500, shortest=0),
    "prompt_extend": flag,
    "watermark": flag,
    "seed": whole(0, MAX_SEED),
    "numberOfImages": whole(1, 4),
    "lora_weights": text(),
    "lora_scale": number(0, 2),
    "num_inference_steps": whole(28, 50),
    "guidance": number(2, 4),
    "go_fast": flag,
    "webhook_url": text(),
}
FAILURES: Mapping[str, Failure] = {  # a text alone
    "transient": Failure("", "Generation failed: the provider had an internal error, please try again"),
    "moderation": Failure("", "Generation failed: the prompt was flagged by the content filter"),
    "validation": Failure("", "Generation failed: invalid input, the aspect ratio is not supported"),
}
REFUSAL_CODES = {
    400: "invalid_request",
    429: "rate_limited",
    500: "internal_error",
    503: "internal_error",  # none is documented for it
}
LORA_DEFAULTS = {"lora_scale": 1, "num_inference_steps": 35, "guidance": 3, "go_fast": False}


class PixelDojo:
    """Answers the requests below one endpoint's prefix."""

    def __init__(self, endpoint: str, engine: Engine) -> None:
        self._endpoint, self._engine = endpoint, engine

    def answer(self, request: Request) -> Answer:
        """The vendor's answer to any request."""
        if request.key is None or request.key.startswith("bad"):
            return _error(401, "unauthorized", "Invalid or missing API key")
        parts = _parts(request)
        if _is_submit(request):
            if parts[1] != MODEL:
                return _error(404, "model_not_found", "Model ID not found")
            return self._submit(request)
        if len(parts) == 2 and parts[0] == "jobs" and request.method == "GET":
            return self._status(request, parts[1])
        return _error(404, "not_found", "No such endpoint")

    def ask(self, request: Request) -> Ask | None:
        """What a submit asks for, or None."""
        return Ask(prompt_in(request.json_object), polled=True) if _is_submit(request) else None

    def refuse(self, request: Request, status: int, message: str, *headers: tuple[str, str]) -> Answer:
        """A refusal in the vendor's own form."""
        return _error(status, REFUSAL_CODES[status], message, *headers)

    def _submit(self, request: Request) -> Answer:
        key = request.key or ""
        settings = self._engine.settings
        if key.startswith("no-credits"):
            return _error(settings.pixeldojo_credits_status, "insufficient_credits", "Not enough credits")
        if key.startswith("rate-limited"):
            return _error(429, "rate_limited", "Too many requests", ("Retry-After", "6"))
        body = request.json_object
        if body is None:
            return _error(400, "invalid_request", "The body is not a JSON object")
        try:
            check(body, RULES, ("prompt",))
            _check_path(body)
        except FieldError as fault:
            return _error(400, "invalid_request", str(fault))
        task = self._engine.accept(self._order(request, body))
        return json_answer(
            settings.pixeldojo_submit_status,
            {
                "jobId": task.id,
                "status": "pending",
                "statusUrl": f"{request.base_url}/{self._endpoint}{API}/jobs/{task.id}",
                "creditCost": CREDITS_PER_IMAGE * task.delivered,
                "creditsRemaining": self._credits(),
            },
        )

    def _credits(self) -> int:
        bill = self._engine.bills().get(self._endpoint)
        return max(0, FIRST_CREDITS - int(bill.amount)) if bill else FIRST_CREDITS

    def _order(self, request: Request, body: dict[str, Any]) -> Order:
        lora = "lora_weights" in body
        model = "qwen-image-lora" if lora else body.get("generation_model", GENERATION_MODELS[0])
        width, height = PIXELS[body.get("aspect_ratio", "1:1")]
        seed = body.get("seed", random_seed())
        route = f"{self._endpoint}/{model}"
        marked = not lora and body.get("watermark", False)
        applied = {"negative_prompt": body.get("negative_prompt")}
        applied |= (
            {name: body.get(name, default) for name, default in LORA_DEFAULTS.items()}
            if lora
            else {"prompt_extend": body.get("prompt_extend", True), "watermark": marked}
        )
        return Order(
            endpoint=self._endpoint,
            model=model,
            prompt=body["prompt"],
            body=body,
            body_bytes=len(request.body),
            picture=Picture(body["prompt"], route, seed, width, height, watermark=marked),
            price=Price(Decimal(CREDITS_PER_IMAGE), "credits", prepaid=True),
            submission=request.submission,
            failures=FAILURES,
            images=body.get("numberOfImages", 1),
            applied=applied,
            failure=FAILURES["moderation"] if is_censored(body["prompt"]) else None,
            task_id="job_" + secrets.token_hex(12),
        )

    def _status(self, request: Request, job_id: str) -> Answer:
        task = self._engine.poll(self._endpoint, job_id)
        if task is None:
            return _error(404, "not_found", "Job not found")
        phase, odd_word = task.shown(time.time())
        body: dict[str, object] = {"jobId": task.id}
        if phase is Phase.FAILED and task.failure:
            return json_answer(200, body | {"status": "failed", "error": task.failure.message})
        body["creditCost"] = CREDITS_PER_IMAGE * task.delivered
        if phase is not Phase.SUCCEEDED:
            word = "pending" if phase is Phase.PENDING else "processing"
            return json_answer(200, body | {"status": odd_word or word})
        return json_answer(200, body | {"status": "completed"} | self._output(request, task))

    def _output(self, request: Request, task: Task) -> dict[str, object]:
        links = [task.link(request.base_url, index) for index in range(task.delivered)]
        if self._engine.settings.pixeldojo_output == "assets":
            return {"assets": [{"url": link} for link in links]}
        if self._engine.settings.pixeldojo_output == "image" and len(links) == 1:
            return {"output": {"image": links[0]}}
        return {"output": {"images": links}}


def _parts(request: Request) -> list[str]:
    """The path's parts below the API's root; none elsewhere."""
    return request.path.removeprefix(API).split("/")[1:] if request.path.startswith(API + "/") else []


def _is_submit(request: Request) -> bool:
    parts = _parts(request)
    return len(parts) == 3 and parts[0] == "models" and parts[2] == "run" and request.method == "POST"


def _check_path(body: dict[str, Any]) -> None:
    """What only the LoRA path offers; its other fields are ignored without LoRA."""
    if "lora_weights" in body:
        return
    if body.get("aspect_ratio") == "21:9":
        raise FieldError("aspect_ratio", "another ratio, 21:9 needs lora_weights", "21:9")
    if body.get("numberOfImages", 1) > 1:
        raise FieldError("numberOfImages", "1, more need lora_weights", str(body["numberOfImages"]))


def _error(status: int, code: str, message: str, *headers: tuple[str, str]) -> Answer:
    return json_answer(status, {"error": {"code": code, "message": message, "status": status}}, *headers)
