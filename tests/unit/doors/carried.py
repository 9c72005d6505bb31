"""A scene whose generations are carried to their ends as soon as they are started, for synchronous doors."""

from collections.abc import Mapping
from dataclasses import replace

from easel.wire import HttpResponse
from tests.fakes.memory import Started
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene
from tests.unit.doors.calls import Api

POLLS_MAX = 50


class Carrier(Started):
    """The port `Workflow`: runs the steps at once, unless `stopped`."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene, self.stopped = scene, False

    def start(self, generation_id: str, carrier: int = 0) -> None:
        super().start(generation_id, carrier)
        if not self.stopped:
            self.carry(generation_id)

    def carry(self, generation_id: str) -> None:
        """Runs the steps to the end."""
        scene = self.scene
        steps = {"submit": scene.submitter.submit, "wait": scene.poller.poll}
        word = "submit"
        for _ in range(POLLS_MAX):
            if word == "persist":
                scene.persister.persist(generation_id)
                word = "settle"
            if word == "settle":
                scene.settler.settle(generation_id)
                return
            done = steps[word](generation_id)
            scene.clock.sleep(done.wait_seconds)
            word = done.next
        raise AssertionError("the generation does not end")


def carried(*answers: HttpResponse | Exception, links: Mapping[str, bytes] | None = None) -> Api:
    """An API over a scene in which vendors give these answers, and pictures lie behind these links."""
    return carrying(Scene(*answers, links=links))


def carrying(scene: Scene) -> Api:
    """An API over this scene."""
    scene.workflow = Carrier(scene)
    scene.creator = replace(scene.creator, workflow=scene.workflow)
    return Api(scene)


def carrier_of(api: Api) -> Carrier:
    """What carries the API's generations."""
    workflow = api.scene.workflow
    assert isinstance(workflow, Carrier)
    return workflow


def drawn(*links: str, width: int = 64, height: int = 48) -> dict[str, bytes]:
    """A picture behind each link."""
    return {link: picture(width=width, height=height) for link in links}
