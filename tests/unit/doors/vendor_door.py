"""What the vendors' front doors' tests share: a scene that delivers, and adapters as clients."""

from typing import Any

from easel.domain.generation import GenerationError, Status
from easel.domain.ids import generation_id_of
from easel.wire import HttpRequest, HttpResponse
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene, said
from tests.unit.doors.calls import KEY, OTHER_KEY, Answer, Api

__all__ = ["KEY", "OTHER_KEY", "Answer", "Api"]
NOBODYS_ID = generation_id_of(0x0190_0000_0000_7000_8000_0000_0000_0001)
PIXELDOJO_LINK = "https://temp.pixeldojo.ai/pixeldojotemp/1.png?secret=PLANTED-LINK"


def delivering(answer: HttpResponse, *links: str) -> Api:
    """An API over a scene in which the vendor delivers at once, behind these links."""
    return Api(Scene(answer, links={link: picture() for link in links}))


def pixeldojo_completed(*links: str) -> HttpResponse:
    """PixelDojo delivered."""
    images = list(links or (PIXELDOJO_LINK,))
    return said(200, {"jobId": "job_1", "status": "completed", "output": {"images": images}})


def last_id(api: Api) -> str:
    """The id of the generation that was made last."""
    return list(api.scene.store.records)[-1]


def moved(api: Api, *, steps: int = 3) -> str:
    """So many of Submit, Persist and Settle were run on the generation that was made last; its id."""
    made = last_id(api)
    scene = api.scene
    for step in (scene.submitter.submit, scene.persister.persist, scene.settler.settle)[:steps]:
        step(made)
    return made


def ended_as(api: Api, status: Status, code: str) -> None:
    """The generation that was made last ends without an image."""
    generation = api.scene.now(api.scene.store.records[last_id(api)])
    error = GenerationError(code=code, message="PLANTED-MESSAGE", vendor_message="PLANTED-PROMPT")
    api.scene.store.save(generation.settled(api.scene.clock.now(), status, error))


def wire(api: Api, prefix: str, request: HttpRequest, key: str = KEY) -> HttpResponse:
    """An adapter's request sent to a front door, and the answer as adapters read it."""
    headers: dict[str, Any] = {name.replace("-", "_"): value for name, value in request.headers.items()}
    answer = api.call(request.method, prefix + request.path, key=key, body=request.body, **headers)
    return HttpResponse(answer.status, answer.headers, answer.text.encode())
