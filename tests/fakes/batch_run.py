"""A batch on its way through a scene: made of rows, prepared, fed, its rows ended, collected."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from easel.domain.batch import Batch, Bounds, Tally, chunk_key
from easel.domain.capabilities import ParameterReport
from easel.domain.generation import Generation, GenerationError, Image, ResultRef, Slot, Status
from easel.domain.tenancy import ApiKey, Caller
from easel.steps.row_report import read_lines, tally_of
from tests.fakes.scene import TENANT, Scene

LOOKS_MAX = 500  # at the chunks of one batch, before something is stuck
PRICE = Decimal("0.075")  # of a row, unless its fields say otherwise
KEY = "requests/a.jsonl"
FILES = ("errors.jsonl", "gallery.html", "manifest.json", "results.jsonl")
NO_BOUNDS = Bounds()
Fate = Callable[[Generation], Status]


def row(number: int, **fields: Any) -> dict[str, Any]:
    """A row on MuleRouter's asynchronous route, unless the fields say otherwise; None leaves a field out."""
    given = {
        "custom_id": f"row-{number}", "model": "qwen-image-max", "prompt": f"picture {number}",
        "route": "mulerouter/qwen-image-max",
    }  # fmt: skip
    return {name: value for name, value in (given | fields).items() if value is not None}


def rows(count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many rows, the first of them number 1."""
    return [row(number, **fields) for number in range(1, count + 1)]


def jsonl(*lines: Any) -> bytes:
    """Lines of JSON; bytes are a line as they are."""
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)


def dropped(
    scene: Scene, *lines: Any, data: bytes | None = None, key: str = KEY, by: ApiKey | None = None,
    trusted: bool = True, **bounds: Any,
) -> Batch:  # fmt: skip
    """The batch of a file in the inbox."""
    source = scene.inbox.drop(key, jsonl(*lines) if data is None else data)
    return scene.batcher.from_object(Caller(tenant=TENANT, key=by), source, Bounds(**bounds), trusted=trusted)


def prepared(scene: Scene, *lines: Any, **more: Any) -> Batch:
    """The batch of a file whose rows lie in chunks."""
    batch = dropped(scene, *lines, **more)
    prepare(scene, batch)
    return now(scene, batch)


def prepare(scene: Scene, batch: Batch) -> dict[str, Any]:
    """Prepare as often as it asks for it; what comes next then."""
    for _ in range(LOOKS_MAX):
        state = scene.preparer.prepare(batch.id)
        if state["next"] != "prepare":
            return state
    raise AssertionError("the manifest does not end")


def now(scene: Scene, batch: Batch) -> Batch:
    """The batch as it is stored now."""
    found = scene.batches.get(batch.id)
    assert found is not None
    return found


def tally(scene: Scene, batch: Batch) -> Tally:
    """What is counted of its rows now."""
    return scene.batches.tally(batch.id)


def generations(scene: Scene, batch: Batch) -> list[Generation]:
    """Those of its rows, in the order in which they were started."""
    return [one for one in scene.store.records.values() if one.origin.batch == batch.id]


def true_tally(scene: Scene, batch: Batch) -> Tally:
    """What the generations themselves say of what was counted, but for the holds of those at work."""
    return tally_of(generations(scene, batch))


def end(scene: Scene, generation: Generation, status: Status = Status.SUCCEEDED) -> Generation:
    """The generation comes to this end: with a picture that is billed, or without having asked a vendor."""
    at = scene.clock.now()
    ended = generation
    error = None if status is Status.SUCCEEDED else GenerationError(code="validation", message="No.")
    if status is Status.SUCCEEDED:
        name = generation.routes[0]
        route = scene.catalogue.routes[name]
        price = route.price.times(generation.request.n or 1)
        image = Image(
            key=f"{generation.folder}/0.png", content_type="image/png", width=64, height=48, bytes=9,
            sha256="ab" * 32,
        )  # fmt: skip
        slot, worth = Slot(route=name, at=at, because="b"), route.endpoint.usd_per_unit
        ended = ended.intend(slot, "m", price, ParameterReport(), at, usd_per_unit=worth)
        results = (ResultRef(number=0, url="https://x"),)
        ended = ended.finished(at, results, billed=price, seed=7, actual_prompt=None)
        ended = ended.kept(at, (image,))
    ended = ended.settled(at, status, error).having(version=generation.version + 1)
    scene.store.save(ended)
    return ended


def succeed(_: Generation) -> Status:
    """The fate of rows where a test does not care."""
    return Status.SUCCEEDED


def every_third_fails(generation: Generation) -> Status:
    """The fate of rows where some are to fail."""
    return Status.FAILED if (generation.origin.row or 0) % 3 == 0 else Status.SUCCEEDED


def end_all(scene: Scene, batch: Batch, fate: Fate = succeed) -> int:
    """All of its rows that are at work come to their end; how many."""
    at_work = [one for one in generations(scene, batch) if not one.terminal]
    for one in at_work:
        end(scene, one, fate(one))
    return len(at_work)


def feed_all(scene: Scene, batch: Batch, fate: Fate = succeed) -> None:
    """The children of the batch's map run to their ends, beside each other."""
    left = list(range(1, now(scene, batch).chunks + 1))
    for _ in range(LOOKS_MAX):
        left = [number for number in left if not scene.feeder.feed(batch.id, number)["done"]]
        if not left:
            return
        scene.clock.sleep(3)
        end_all(scene, batch, fate)
    raise AssertionError("the rows do not end")


def look(scene: Scene, batch: Batch, number: int = 1) -> bool:
    """One look at a chunk; whether it is done."""
    return bool(scene.feeder.feed(batch.id, number)["done"])


def report(scene: Scene, batch: Batch, number: int = 1) -> list[dict[str, Any]]:
    """What was reported of a chunk's rows."""
    return read_lines(scene.files.read(chunk_key(batch.id, now(scene, batch).report_kind, number)))


def run(scene: Scene, batch: Batch, fate: Fate = succeed) -> dict[str, Any]:
    """One execution of the batch, from where it stands to its end; what Collect said."""
    if prepare(scene, batch)["next"] == "run":
        feed_all(scene, batch, fate)
    return scene.collector.collect(batch.id)


def file(scene: Scene, batch: Batch, name: str) -> str:
    """One of the files that Collect wrote."""
    data = scene.files.read(f"batches/{batch.id}/{name}")
    assert data is not None
    return data.decode()


def files(scene: Scene, batch: Batch) -> dict[str, bytes | None]:
    """All of them, as far as they are there."""
    return {name: scene.files.read(f"batches/{batch.id}/{name}") for name in FILES}


def results(scene: Scene, batch: Batch, name: str = "results.jsonl") -> list[dict[str, Any]]:
    """The lines of a file of results."""
    return [json.loads(line) for line in file(scene, batch, name).split("\n")[:-1]]


def errors(scene: Scene, batch: Batch) -> list[dict[str, Any]]:
    """The lines of errors."""
    return results(scene, batch, "errors.jsonl")


def accepted(scene: Scene, batch: Batch) -> list[dict[str, Any]]:
    """The lines of all its rows that were not refused, in order."""
    return [line for chunk in chunk_lines(scene, batch) for line in chunk]


def chunk_lines(scene: Scene, batch: Batch, kind: str = "rows") -> Iterator[list[dict[str, Any]]]:
    """The lines of each chunk of a kind, in order."""
    for key in scene.files.keys(f"batches/{batch.id}/work/{kind}/"):
        yield [json.loads(line) for line in (scene.files.read(key) or b"").decode().split("\n")[:-1]]
