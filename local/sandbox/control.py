"""The control API below /_sandbox/, for tests and for looking; it needs no key.

GET /_sandbox/ledger (?endpoint=NAME)
    {"totals": {endpoint: {"submits", "tasks", "images", "amount", "unit"}}, "tasks": [], "prompts": []},
    oldest first. In "totals", "submits" are the POSTs that arrived, refused ones included, and "tasks" the
    jobs that were taken of them; they also count what is no longer kept.
    A task: "endpoint", "model" (that ran), "task_id", "phase" (pending, running, succeeded, failed),
    "accepted_at" (seconds since the epoch), "seconds" (its latency; null: it never ends), "prompt" and "body"
    (as received; body is null once forgotten, see engine), "prompt_used" (after the vendor's cutting),
    "applied" (other fields with their defaults), "seed", "width", "height", "images" (asked for),
    "delivered", "billed" {"images", "amount", "unit"}, "faults" (that it got, see faults.py), "polls", and
    "served": the SHA-256 of each image that was fetched or sent inline so far, whole and undamaged, by index.
    A prompt: "endpoint", "prompt", "submits", "taken"; counted over the log that is kept, see submits.py.
GET /_sandbox/submits (?endpoint=NAME)
    {"submits": []}, the log, oldest first. A submit: "endpoint", "prompt" (null: the body held none),
    "arrived_at", "ended" (false: still at work), "status" (null: none yet, or closed without an answer),
    "taken", "task_id", "faults".
GET, POST, DELETE /_sandbox/faults
    The faults that there are, and the plan of those that come by chance, see faults.py.
GET /_sandbox/settings
    The settings, see settings.py.
POST /_sandbox/settings
    A JSON object of the settings to change; answers like GET, or 400 {"error"}.
POST or DELETE /_sandbox/reset
    Forgets all tasks, totals and submits, ends the plan of faults and takes back changed settings; answers
    like GET settings.
"""

from __future__ import annotations

import math
import time
import urllib.parse
from collections import Counter
from collections.abc import Collection

from local.sandbox.engine import Engine
from local.sandbox.fault_plan import read_plan
from local.sandbox.faults import KINDS, FaultError, Kind
from local.sandbox.settings import SettingError, as_json, changed
from local.sandbox.submits import Submission
from local.sandbox.tasks import Bill, Task
from local.sandbox.wire import Answer, Request, json_answer

CALLS = "GET ledger, GET submits, GET and POST settings, GET, POST and DELETE faults, POST or DELETE reset"
NO_OBJECT = "a JSON object with Content-Type: application/json is expected"


class Control:
    """Answers the requests below /_sandbox."""

    def __init__(self, engine: Engine, endpoints: Collection[str]) -> None:
        self._engine, self._endpoints = engine, endpoints

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        match request.method, request.path:
            case "GET", "/ledger":
                return self._ledger(self._wanted(request))
            case "GET", "/submits":
                return self._submits(self._wanted(request))
            case "GET", "/settings":
                return json_answer(200, as_json(self._engine.settings))
            case "POST", "/settings" | "/faults":
                return self._change(request)
            case "GET", "/faults":
                return self._faults()
            case "DELETE", "/faults":
                self._engine.plan = None
                return self._faults()
            case "POST" | "DELETE", "/reset":
                self._engine.reset()
                return json_answer(200, as_json(self._engine.settings))
        return json_answer(404, {"error": f"there are {CALLS}"})

    def _wanted(self, request: Request) -> Collection[str]:
        return urllib.parse.parse_qs(request.query).get("endpoint") or self._endpoints

    def _change(self, request: Request) -> Answer:
        body = request.json_object
        if body is None:
            return json_answer(400, {"error": NO_OBJECT})
        try:
            if request.path == "/faults":
                self._engine.plan = read_plan(body, self._endpoints)
                return self._faults()
            self._engine.settings = changed(self._engine.settings, body)
        except (SettingError, FaultError) as fault:
            return json_answer(400, {"error": str(fault)})
        return json_answer(200, as_json(self._engine.settings))

    def _faults(self) -> Answer:
        plan = self._engine.plan
        faults = {kind.name: _kind(kind) for kind in KINDS.values()}
        return json_answer(200, {"plan": plan and plan.as_json(), "faults": faults})

    def _submits(self, wanted: Collection[str]) -> Answer:
        kept = [submit for submit in self._engine.submits.kept() if submit.endpoint in wanted]
        return json_answer(200, {"submits": [_submit_row(submit) for submit in kept]})

    def _ledger(self, wanted: Collection[str]) -> Answer:
        tasks = [task for task in self._engine.tasks() if task.order.endpoint in wanted]
        arrived, bills = self._engine.submits.arrived(), self._engine.bills()
        totals = {
            endpoint: _total(arrived.get(endpoint, 0), bills.get(endpoint, Bill()))
            for endpoint in wanted
            if endpoint in arrived
        }
        submits = [submit for submit in self._engine.submits.kept() if submit.endpoint in wanted]
        now = time.time()
        rows = [_row(task, now) for task in tasks]
        return json_answer(200, {"totals": totals, "tasks": rows, "prompts": _prompt_rows(submits)})


def _kind(kind: Kind) -> dict[str, object]:
    """A fault for the eyes: without a unit it takes no number."""
    amount = None if math.isinf(kind.amount) or not kind.unit else kind.amount
    return {"does": kind.does, "unit": kind.unit or None, "number": amount, "polled": kind.polled}


def _total(arrived: int, bill: Bill) -> dict[str, object]:
    return {
        "submits": arrived,
        "tasks": bill.tasks,
        "images": bill.images,
        "amount": str(bill.amount),
        "unit": bill.unit,
    }


def _prompt_rows(submits: list[Submission]) -> list[dict[str, object]]:
    """How often each endpoint was asked for each prompt, and how often it took the job."""
    asked: Counter[tuple[str, str | None]] = Counter()
    taken: Counter[tuple[str, str | None]] = Counter()
    for submit in submits:
        asked[submit.endpoint, submit.prompt] += 1
        taken[submit.endpoint, submit.prompt] += submit.task_id is not None
    return [
        {"endpoint": endpoint, "prompt": prompt, "submits": count, "taken": taken[endpoint, prompt]}
        for (endpoint, prompt), count in asked.items()
    ]


def _submit_row(submit: Submission) -> dict[str, object]:
    return {
        "endpoint": submit.endpoint,
        "prompt": submit.prompt,
        "arrived_at": submit.arrived_at,
        "ended": submit.ended,
        "status": submit.status,
        "taken": submit.task_id is not None,
        "task_id": submit.task_id,
        "faults": [fault.text for fault in submit.faults],
    }


def _row(task: Task, now: float) -> dict[str, object]:
    order, picture, billed = task.order, task.order.picture, task.billed_images(now)
    return {
        "endpoint": order.endpoint,
        "model": order.model,
        "task_id": task.id,
        "phase": task.phase(now).value,
        "accepted_at": task.accepted_at,
        "seconds": None if math.isinf(task.done_at) else round(task.done_at - task.accepted_at, 3),
        "prompt": order.prompt,
        "body": order.body,
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
        "faults": [fault.text for fault in order.submission.faults],
        "polls": task.polls,
        "served": {str(index): digest for index, digest in sorted(task.served.items())},
    }
