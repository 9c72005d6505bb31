"""A vendor that nobody has heard of is an adapter and a catalogue entry: nothing else changes.

The toy vendor speaks other words than any other one: another path, another header for the key, its own
fields and statuses. It is served by a real server on loopback, and everything of Easel's is the real thing,
but for the stores.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from easel.catalogue import CATALOGUE, Catalogue, Endpoint, Route
from easel.domain.ask import Ask
from easel.domain.capabilities import Capabilities
from easel.domain.failure import Failure, FailureClass
from easel.domain.money import Money
from easel.domain.sizes import Size, SizeRule
from easel.errors import VendorRateLimitedError
from easel.transport import HttpTransport
from easel.vendors.base import (
    Adapter,
    Failed,
    Finished,
    LinkedImage,
    Pending,
    PollAnswer,
    SubmitAnswer,
    VendorTask,
    class_of_status,
)
from easel.wire import HttpRequest, HttpResponse
from tests.fakes.http_server import Exchange, LocalServer
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene

MOODS: Mapping[str, type[Pending | Finished | Failed]] = {
    "dreaming": Pending,
    "painted": Finished,
    "blotted": Failed,
}


@dataclass(frozen=True, slots=True)
class Doodle(Adapter):
    """The toy vendor's wire contract."""

    def build_submit(self, ask: Ask) -> HttpRequest:
        body: dict[str, object] = {"wish": ask.prompt, "brush": ask.model}
        if ask.geometry and ask.geometry.size:
            body["canvas"] = [ask.geometry.size.width, ask.geometry.size.height]
        if ask.n is not None:
            body["copies"] = ask.n
        return HttpRequest("PUT", "/wishes", {"Content-Type": "application/json"}, body)

    def read_submit(self, response: HttpResponse) -> SubmitAnswer:
        return self._read(response)

    def build_poll(self, task: VendorTask) -> HttpRequest:
        return HttpRequest("GET", f"/wishes/{task.task_id}")

    def read_poll(self, response: HttpResponse) -> PollAnswer:
        return self._read(response)

    def authorize(self, key: str) -> Mapping[str, str]:
        return {"X-Doodle-Pass": key}

    def _read(self, response: HttpResponse) -> Pending | Finished | Failed:
        body = response.json_object()
        if response.status >= 300:
            kind = class_of_status(response.status)
            return Failed(Failure(failure_class=kind, http_status=response.status, message=body.get("sorry")))
        kind_of_mood = MOODS.get(body.get("mood", ""), Pending)
        if kind_of_mood is Finished:
            links = tuple(LinkedImage(link) for link in body["hangs_at"])
            return Finished(links, task_id=body["wish_id"], cost=Decimal(str(body["crayons"])))
        if kind_of_mood is Failed:
            return Failed(Failure(failure_class=FailureClass.MODERATION, message=body.get("sorry")))
        return Pending(body["wish_id"], body["mood"], known=body["mood"] in MOODS)


DOODLE = Route(
    endpoint=Endpoint(
        name="doodle", vendor="Doodle", setting="DOODLE", base_url="https://doodle.example",
        result_hosts=("gallery.doodle.example",), adapter_of=Doodle, failed_task_cost="free",
    ),
    label="scribble",
    models={"scribble-1": "wax"},
    capabilities=Capabilities(100, None, SizeRule({"1:1": Size(64, 64)}), n_max=2),
    price=Money.of("0.5", "crayons"),
    typical_seconds=4,
)  # fmt: skip
WITH_DOODLE = Catalogue.of([*CATALOGUE.routes.values(), DOODLE])


@dataclass
class Studio:
    """The toy vendor itself. `moods` are what it says of its one wish, in order."""

    moods: list[tuple[int, str]]
    wishes: list[dict[str, object]] = field(default_factory=list)
    passes: set[str | None] = field(default_factory=set)
    pictures: list[bytes] = field(default_factory=lambda: [picture("png", 64, 64), picture("jpeg", 64, 64)])

    def answer(self, exchange: Exchange) -> None:
        if exchange.path.startswith("/gallery/"):
            assert "x-doodle-pass" not in exchange.headers
            exchange.reply(200, self.pictures[int(exchange.path[-1])])
            return
        self.passes.add(exchange.headers.get("x-doodle-pass"))
        if exchange.method == "PUT":
            self.wishes.append(exchange.json())
        status, mood = self.moods.pop(0)
        links = [f"http://{exchange.headers['host']}/gallery/{number}" for number in range(2)]
        body = {"wish_id": "w1", "mood": mood, "sorry": "no", "hangs_at": links, "crayons": 0.9}
        exchange.reply(status, body)


@pytest.fixture
def studio() -> Iterator[tuple[Studio, LocalServer]]:
    made = Studio([])
    server = LocalServer(made.answer)
    yield made, server
    server.stop()


def scene_of(server: LocalServer) -> Scene:
    return Scene(
        catalogue=WITH_DOODLE,
        transport=HttpTransport([server.host]),
        base_urls={"doodle": server.url},
    )


def live(scene: Scene, generation_id: str) -> None:
    """What the workflow does, until there is nothing left to do."""
    after = scene.submitter.submit(generation_id)
    for _ in range(20):
        if after.next == "wait":
            scene.clock.sleep(after.wait_seconds)
            after = scene.poller.poll(generation_id)
        elif after.next == "submit":
            scene.clock.sleep(after.wait_seconds)
            after = scene.submitter.submit(generation_id)
        else:
            if after.next == "persist":
                scene.persister.persist(generation_id)
            scene.settler.settle(generation_id)
            return
    raise AssertionError("the generation does not end")


def test_toy_vendor_serves_a_generation_from_its_request_to_its_kept_images(
    studio: tuple[Studio, LocalServer],
) -> None:
    vendor, server = studio
    vendor.moods = [(202, "dreaming"), (200, "humming"), (200, "dreaming"), (200, "painted")]
    scene = scene_of(server)
    made = scene.create(model="scribble-1", route=None, size="1:1", n=2, prompt="x" * 120)
    live(scene, made.id)
    ended = scene.now(made)
    assert scene.way(made) == ["queued", "submitting", "processing", "persisting", "succeeded"]
    assert [scene.images.objects[image.key] for image in ended.images] == vendor.pictures
    assert [image.content_type for image in ended.images] == ["image/png", "image/jpeg"]
    assert vendor.wishes == [{"wish": "x" * 100, "brush": "wax", "canvas": [64, 64], "copies": 2}]
    assert vendor.passes == {"key-of-doodle"}
    assert ended.current_attempt.billed == Money.of("0.9", "crayons")
    assert ended.quoted == Money.of("1.0", "crayons")
    assert ended.parameters is not None
    assert ended.parameters.truncated == {"prompt": {"from": 120, "to": 100}}
    assert [name for name, _ in scene.bus.events] == ["Image Generation Succeeded"]


def test_toy_vendors_failures_are_read_by_its_own_rules(studio: tuple[Studio, LocalServer]) -> None:
    vendor, server = studio
    vendor.moods = [(429, ""), (202, "dreaming"), (200, "blotted")]
    scene = scene_of(server)
    made = scene.create(model="scribble-1", route="doodle/scribble")
    with pytest.raises(VendorRateLimitedError):
        scene.submitter.submit(made.id)
    live(scene, made.id)
    ended = scene.now(made)
    assert ended.error is not None
    assert (ended.status.value, ended.error.code) == ("failed", "moderation")
    assert ended.current_attempt.billed is ended.current_attempt.possibly_billed is None
    assert len(vendor.wishes) == 2


def test_other_vendors_are_none_the_wiser() -> None:
    assert "doodle/scribble" not in CATALOGUE.routes
    assert WITH_DOODLE.serving("qwen-image-max") == CATALOGUE.serving("qwen-image-max")
    assert WITH_DOODLE.endpoints["doodle"].setting == "DOODLE"
