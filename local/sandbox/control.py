"""The control API below /_sandbox/, for tests and for looking; it needs no key.

GET /_sandbox/ledger (?endpoint=NAME)
    {"totals": {endpoint: {"tasks", "images", "amount", "unit"}}, "tasks": [...]}, oldest first. A task:
    "endpoint", "model" (that ran), "task_id", "phase" (pending, running, succeeded, failed), "accepted_at"
    (seconds since the epoch), "seconds" (its latency), "prompt" and "body" (as received; body is null once
    forgotten, see engine), "prompt_used" (after the vendor's cutting), "applied" (other fields with their
    defaults), "seed", "width", "height", "images" (asked for), "delivered", "billed" {"images", "amount",
    "unit"}, and "served": the SHA-256 of each image that was fetched or sent inline so far, by index.
    The totals also count the tasks that are no longer kept.
GET /_sandbox/settings
    The settings, see settings.py.
POST /_sandbox/settings
    A JSON object of the settings to change; answers like GET, or 400 {"error"}.
POST /_sandbox/reset
    Forgets all tasks and totals and takes back changed settings; answers like GET settings.
"""

from __future__ import annotations

import time
import urllib.parse

from local.sandbox.engine import Engine, Task
from local.sandbox.settings import SettingError, as_json, changed
from local.sandbox.wire import Answer, Request, json_answer, read_object


class Control:
    """Answers the requests below /_sandbox."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        match request.method, request.path:
            case "GET", "/ledger":
                return self._ledger(request)
            case "GET", "/settings":
                return json_answer(200, as_json(self._engine.settings))
            case "POST", "/settings":
                return self._change(request)
            case "POST", "/reset":
                self._engine.reset()
                return json_answer(200, as_json(self._engine.settings))
        return json_answer(404, {"error": "there are GET ledger, GET and POST settings, POST reset"})

    def _change(self, request: Request) -> Answer:
        body = read_object(request)
        if body is None:
            return json_answer(
                400, {"error": "a JSON object with Content-Type: application/json is expected"}
            )
        try:
            self._engine.settings = changed(self._engine.settings, body)
        except SettingError as fault:
            return json_answer(400, {"error": str(fault)})
        return json_answer(200, as_json(self._engine.settings))

    def _ledger(self, request: Request) -> Answer:
        wanted = urllib.parse.parse_qs(request.query).get("endpoint")
        tasks = [task for task in self._engine.tasks() if not wanted or task.order.endpoint in wanted]
        totals = {
            endpoint: {
                "tasks": bill.tasks,
                "images": bill.images,
                "amount": str(bill.amount),
                "unit": bill.unit,
            }
            for endpoint, bill in self._engine.bills().items()
            if not wanted or endpoint in wanted
        }
        now = time.time()
        return json_answer(200, {"totals": totals, "tasks": [_row(task, now) for task in tasks]})


def _row(task: Task, now: float) -> dict[str, object]:
    order, picture, billed = task.order, task.order.picture, task.billed_images(now)
    return {
        "endpoint": order.endpoint,
        "model": order.model,
        "task_id": task.id,
        "phase": task.phase(now).value,
        "accepted_at": task.accepted_at,
        "seconds": round(task.done_at - task.accepted_at, 3),
        "prompt": order.prompt,
        "body": task.body,
        "prompt_used": picture.prompt,
        "applied": dict(order.applied),
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "images": order.images,
        "delivered": task.delivered,
        "billed": {
            "images": billed,
            "amount": str(billed * order.price.per_image),
            "unit": order.price.unit,
        },
        "served": {str(index): digest for index, digest in sorted(task.served.items())},
    }
