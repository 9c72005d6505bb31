"""The sandbox route's wire contract: a vendor's in all, but that Easel itself answers (`easel.sandbox`).

`POST /pictures` gives a task's id; `GET /pictures/ID` says how it stands, and then where the picture is.
"""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from pydantic import Field

from easel.domain.ask import Ask
from easel.domain.failure import Failure
from easel.vendors.base import (
    Adapter,
    Failed,
    Finished,
    Missing,
    Pending,
    PollAnswer,
    SubmitAnswer,
    VendorTask,
    class_of_status,
)
from easel.vendors.bodies import (
    AnswerBody,
    RequestBody,
    Text,
    Whole,
    image_at,
    is_success,
    nonblank,
    post_json,
    unreadable,
)
from easel.wire import HttpRequest, HttpResponse

PATH = "/pictures"
STATUSES: Mapping[str, type[Pending | Finished]] = MappingProxyType({"drawing": Pending, "drawn": Finished})


class PictureBody(RequestBody):
    """The body of a submit."""

    prompt: str = Field(description="chooses the colours where there is no seed")
    negative_prompt: str | None = Field(description="taken, and not looked at")
    size: str | None = Field(description="W*H, one of the route's")
    seed: int | None = Field(description="0 to 2147483647; chooses the colours")


class Task(AnswerBody):
    """The answer to a submit and to a status query."""

    id: Text = Field(default=None, description="opaque")
    status: Text = Field(default=None, description="see STATUSES")
    picture: object = Field(default=None, description="the link, of one that is drawn")
    seed: Whole = Field(default=None, description="of one that is drawn")
    message: Text = Field(default=None, description="of an error")


class Sandbox(Adapter):
    """Builds and reads the sandbox route's wire format."""

    def build_submit(self, ask: Ask) -> HttpRequest:
        """Ask for a picture."""
        size = ask.geometry.size if ask.geometry else None
        body = PictureBody(
            prompt=ask.prompt,
            negative_prompt=nonblank(ask.negative_prompt),
            size=str(size) if size else None,
            seed=ask.seed,
        )
        return post_json(PATH, body)

    def read_submit(self, response: HttpResponse) -> SubmitAnswer:
        """A task to poll."""
        return _read(response)

    def build_poll(self, task: VendorTask) -> HttpRequest:
        """Ask by the task's id."""
        return HttpRequest("GET", f"{PATH}/{quote(task.task_id, safe='')}")

    def read_poll(self, response: HttpResponse) -> PollAnswer:
        """How the task stands."""
        return Missing("404") if response.status == 404 else _read(response)


def _read(response: HttpResponse) -> Pending | Finished | Failed:
    task = Task.read(response.json_object())
    if not is_success(response):
        failure = Failure(
            failure_class=class_of_status(response.status),
            message=task.message,
            http_status=response.status,
            vendor_body=task.message is not None,
        )
        return Failed(failure)
    meaning, image = STATUSES.get(task.status or ""), image_at(task.picture)
    if task.id is None or (meaning is Finished and image is None):
        return unreadable(response, task_id=task.id)
    if meaning is Finished and image is not None:
        return Finished((image,), task_id=task.id, seed=task.seed)
    return Pending(task.id, task.status or "", known=meaning is Pending)
