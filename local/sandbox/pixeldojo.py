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
from local.sandbox.engine import Engine, Failure, Order, Phase, Price, Task, is_censored, random_seed
from local.sandbox.fields import MAX_SEED, FieldError, Rule, check, flag, number, one_of, text, whole
from local.sandbox.wire import Answer, Request, json_answer, read_object

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
LORA_DEFAULTS = {"lora_scale": 1, "num_inference_steps": 35, "guidance": 3, "go_fast": False}


class PixelDojo:
    """Answers the requests below one endpoint's prefix."""

    def __init__(self, endpoint: str, engine: Engine) -> None:
        self._endpoint, self._engine = endpoint, engine

    def answer(self, request: Request) -> Answer:
        """The vendor's answer to any request."""
        if request.key is None or request.key.startswith("bad"):
            return _error(401, "unauthorized", "Invalid or missing API key")
        parts = request.path.removeprefix(API).split("/")[1:] if request.path.startswith(API + "/") else []
        if len(parts) == 3 and parts[0] == "models" and parts[2] == "run" and request.method == "POST":
            if parts[1] != MODEL:
                return _error(404, "model_not_found", "Model ID not found")
            return self._submit(request)
        if len(parts) == 2 and parts[0] == "jobs" and request.method == "GET":
            return self._status(request, parts[1])
        return _error(404, "not_found", "No such endpoint")

    def _submit(self, request: Request) -> Answer:
        key = request.key or ""
        settings = self._engine.settings
        if key.startswith("no-credits"):
            return _error(settings.pixeldojo_credits_status, "insufficient_credits", "Not enough credits")
        if key.startswith("rate-limited"):
            return _error(429, "rate_limited", "Too many requests", ("Retry-After", "6"))
        body = read_object(request)
        if body is None:
            return _error(400, "invalid_request", "The body is not a JSON object")
        try:
            check(body, RULES, ("prompt",))
            _check_path(body)
        except FieldError as fault:
            return _error(400, "invalid_request", str(fault))
        task = self._engine.accept(self._order(body, len(request.body)))
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

    def _order(self, body: dict[str, Any], body_bytes: int) -> Order:
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
        refusal = Failure("", "Generation failed: the prompt was flagged by the content filter")
        return Order(
            endpoint=self._endpoint,
            model=model,
            prompt=body["prompt"],
            body=body,
            body_bytes=body_bytes,
            picture=Picture(body["prompt"], route, seed, width, height, watermark=marked),
            price=Price(Decimal(CREDITS_PER_IMAGE), "credits", prepaid=True),
            images=body.get("numberOfImages", 1),
            applied=applied,
            failure=refusal if is_censored(body["prompt"]) else None,
            task_id="job_" + secrets.token_hex(12),
        )

    def _status(self, request: Request, job_id: str) -> Answer:
        task = self._engine.find(self._endpoint, job_id)
        if task is None:
            return _error(404, "not_found", "Job not found")
        phase = task.phase(time.time())
        body: dict[str, object] = {"jobId": task.id}
        if phase is Phase.FAILED and task.order.failure:
            return json_answer(200, body | {"status": "failed", "error": task.order.failure.message})
        body["creditCost"] = CREDITS_PER_IMAGE * task.delivered
        if phase is not Phase.SUCCEEDED:
            word = "pending" if phase is Phase.PENDING else "processing"
            return json_answer(200, body | {"status": word})
        return json_answer(200, body | {"status": "completed"} | self._output(request, task))

    def _output(self, request: Request, task: Task) -> dict[str, object]:
        links = [task.link(request.base_url, index) for index in range(task.delivered)]
        if self._engine.settings.pixeldojo_output == "assets":
            return {"assets": [{"url": link} for link in links]}
        if self._engine.settings.pixeldojo_output == "image" and len(links) == 1:
            return {"output": {"image": links[0]}}
        return {"output": {"images": links}}


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
