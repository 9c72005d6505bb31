"""The pictures, by unguessable links, until they expire; the faults of links strike here."""

from __future__ import annotations

import re
import time

from local.sandbox.dashscope import signature
from local.sandbox.engine import Engine
from local.sandbox.fault_acts import Fetch, expired
from local.sandbox.tasks import Phase, Task
from local.sandbox.wire import Answer, Request, text_answer

FILE_PATH = re.compile(
    r"/(?P<endpoint>[^/]+)/(?P<token>[^/]+)/(?P<moved>moved/)?(?P<name>result_(?P<index>[0-9]{2})\.[a-z]+)"
)


class Files:
    """Answers the requests below /files."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, request: Request) -> Answer:
        """A picture, or a short reason why not."""
        path = FILE_PATH.fullmatch(request.path)
        task = self._engine.find_by_token(path["token"]) if path else None
        if request.method not in ("GET", "HEAD"):
            return text_answer(405, "only GET and HEAD")
        if path is None or task is None or path["endpoint"] != task.order.endpoint:
            return text_answer(404, "no such file")
        index = int(path["index"])
        now = time.time()
        if (
            index >= task.delivered
            or path["name"] != task.name(index)
            or task.phase(now) is not Phase.SUCCEEDED
        ):
            return text_answer(404, "no such file")
        if "authorization" in request.headers:
            return text_answer(400, "a link is its own credential: no Authorization header may be sent here")
        if task.order.endpoint.startswith("dashscope") and request.query != signature(task):
            return text_answer(403, "SignatureDoesNotMatch")
        if now > task.done_at + self._engine.settings.link_seconds:
            return expired(task)
        return _serve(request, task, index, moved=bool(path["moved"]))


def _serve(request: Request, task: Task, index: int, *, moved: bool) -> Answer:
    """The picture, or what the task's faults make of it; only a whole and sound one counts as served."""
    if request.method == "GET":
        task.fetches[index] += 1
    picture = task.draw(index)
    answer = Answer(200, task.damaged(index, picture), task.order.picture.media_type)
    for fault in task.order.submission.faults:
        act = fault.kind.on_fetch
        if act is not None and (fault.kind.unit != "images" or index < fault.amount):
            answer = act(Fetch(request, task, answer, fault.amount, task.fetches[index], moved))
    spoiled = answer.manner is not None and (answer.manner.missing_bytes or answer.manner.filler_bytes)
    if answer.body is picture and not spoiled:
        task.note_served(index, picture)
    return answer
