"""Create: writes a generation and starts its workflow, once per key; bad input leaves no trace."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from easel.domain.generation import Generation, Status
from easel.domain.ids import is_generation_id
from easel.domain.ledger import Reserving
from easel.domain.money import Money
from easel.domain.tenancy import Caller
from easel.errors import (
    AlreadyExistsError,
    IdempotencyMismatchError,
    InvalidRequestError,
    WorkflowBusyError,
)
from easel.ports import Claim, Hold, Idempotency
from easel.steps.create import fingerprint
from easel.steps.reconcile import QUIET_SECONDS
from tests.fakes.memory import MemoryGenerations
from tests.fakes.pictures import FORMATS, content_type, picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.steps.vendor_words import mule_submitted

EDIT = {"model": "qwen-image-edit-max", "route": "mulerouter/qwen-image-edit-max"}


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def test_created_generation_is_queued_stored_and_started_under_its_own_id() -> None:
    scene = Scene()
    made = scene.create(metadata={"k": "v"}, deadline_seconds=60)
    assert scene.now(made) == made
    assert made.status is Status.QUEUED
    assert is_generation_id(made.id)
    assert made.tenant == TENANT
    assert (made.deadline_at - made.created_at).total_seconds() == 60
    assert scene.workflow.ids == [made.id]


def test_nothing_is_bought_and_no_vendor_is_spoken_to() -> None:
    scene = Scene()
    scene.create()
    assert scene.script.asked == []
    assert scene.bus.events == []


def test_routes_are_resolved_in_order_and_the_first_ones_price_is_quoted() -> None:
    made = Scene().create(route=["pixeldojo/qwen-image-max", "mulerouter/qwen-image-max"])
    assert made.routes == ("pixeldojo/qwen-image-max", "mulerouter/qwen-image-max")
    assert made.quoted == Money.of(2, "credits")


def test_quote_is_for_as_many_images_as_are_asked_for() -> None:
    made = Scene().create(model="qwen-image", route="aimlapi/qwen-image", n=3)
    assert made.quoted == Money.of(273000, "credits")


def test_two_requests_without_a_key_are_two_generations() -> None:
    scene = Scene()
    assert scene.create().id != scene.create().id
    assert len(scene.workflow.ids) == 2


def test_same_key_and_body_give_the_same_generation() -> None:
    scene = Scene()
    first = scene.create(key="k")
    again = scene.create(key="k")
    assert again == first
    assert len(scene.store.records) == 1
    assert set(scene.workflow.ids) == {first.id}


def test_same_body_spelled_otherwise_is_the_same_body() -> None:
    scene = Scene()
    first = scene.create(key="k", route="mulerouter/qwen-image-max")
    again = scene.create(key="k", route=["mulerouter/qwen-image-max"], n=None, strict=False)
    assert again.id == first.id


def test_start_that_was_lost_is_made_up_for_by_the_repeated_request() -> None:
    scene = Scene()
    made = scene.create(key="k")
    scene.workflow.ids.clear()
    scene.create(key="k")
    assert scene.workflow.ids == [made.id]


def test_generation_that_is_under_way_is_not_started_again() -> None:
    scene = Scene(mule_submitted())
    made = scene.create(key="k")
    scene.submitter.submit(made.id)
    scene.workflow.ids.clear()
    assert scene.create(key="k").status is Status.PROCESSING
    assert scene.workflow.ids == []


@pytest.mark.parametrize("change", [{"prompt": "another"}, {"seed": 1}, {"metadata": {"k": "v"}}, {"n": 1}])
def test_same_key_with_another_body_is_refused_and_leaves_no_trace(change: dict[str, Any]) -> None:
    scene = Scene()
    first = scene.create(key="k")
    with pytest.raises(IdempotencyMismatchError):
        scene.create(key="k", **change)
    assert list(scene.store.records) == [first.id]
    assert scene.workflow.ids == [first.id]


def test_two_tenants_may_use_the_same_key() -> None:
    scene = Scene()
    first = scene.create(key="k")
    other = scene.creator.create(Caller(tenant="other"), first.request, "k")
    assert other.id != first.id
    assert other.tenant == "other"


def test_key_is_free_again_after_a_day() -> None:
    scene = Scene()
    first = scene.create(key="k")
    scene.clock.sleep(24 * 3600 + 2)
    assert scene.create(key="k", prompt="another").id != first.id


class LosingTheRace(MemoryGenerations):
    """Somebody else claims the key between the look and the write."""

    def __init__(self, winner: Generation) -> None:
        super().__init__()
        self.winner = winner
        self.looked = 0

    def claim(self, tenant: str, key: str) -> Claim | None:
        self.looked += 1
        return Claim(self.winner.id, fingerprint(self.winner.request)) if self.looked > 1 else None

    def create(
        self,
        generation: Generation,
        idempotency: Idempotency | None,
        hold: Hold | None = None,
        reservings: Sequence[Reserving] = (),
    ) -> None:
        self.records[self.winner.id] = self.winner
        raise AlreadyExistsError("taken")


def test_of_two_requests_at_once_the_loser_answers_with_the_winners_generation() -> None:
    scene = Scene()
    winner = scene.create()
    store = LosingTheRace(winner)
    racing = replace(scene.creator, store=store)
    assert racing.create(Caller(tenant=TENANT), winner.request, "k") == winner
    assert list(store.records) == [winner.id]


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "nothing"},
        {"route": "nobody/nothing"},
        {"size": "21:9"},
        {"n": 2},
        {"seed": 2**31},
        {"strict": True, "watermark": True},
        {"images": ["https://example.com/a.png"]},
        EDIT,
        {**EDIT, "images": ["data:image/png;base64,!!!!"]},
        {**EDIT, "images": ["data:image/png;base64,AAAA"]},
        {**EDIT, "images": ["data:text/plain;base64,AAAA"]},
        {**EDIT, "images": ["data:image/png,AAAA"]},
        {**EDIT, "images": ["s3://somebodys-bucket/key"]},
        {**EDIT, "images": [data_url(picture("png", 100, 100))]},
        {**EDIT, "images": [data_url(picture("png", 400, 400)[:-30])]},
    ],
)
def test_bad_input_writes_nothing_and_starts_nothing(fields: dict[str, Any]) -> None:
    scene = Scene()
    with pytest.raises(InvalidRequestError) as caught:
        scene.create(key="k", **fields)
    assert caught.value.problems
    assert scene.store.records == {}
    assert scene.store.claims == {}
    assert scene.images.objects == {}
    assert scene.workflow.ids == []


def test_second_broken_image_keeps_the_first_from_being_written() -> None:
    scene = Scene()
    images = [data_url(picture("png", 400, 400)), data_url(b"GIF89a")]
    with pytest.raises(InvalidRequestError) as caught:
        scene.create(**EDIT, images=images)
    assert [problem.field for problem in caught.value.problems] == ["images.1"]
    assert scene.images.objects == {}


@pytest.mark.parametrize("kind", FORMATS)
def test_inline_image_goes_to_the_bucket_under_the_type_of_its_bytes(kind: str) -> None:
    scene = Scene()
    data = picture(kind, 400, 400)
    made = scene.create(**EDIT, images=[data_url(data)])
    key = f"inputs/{made.id}/0"
    assert made.request.images == (f"s3://images/{key}",)
    assert scene.images.objects == {key: data}
    assert scene.images.types == {key: content_type(kind)}


def test_links_stay_links_and_the_order_is_kept() -> None:
    scene = Scene()
    link = "https://example.com/a.png"
    made = scene.create(**EDIT, images=[link, data_url(picture("png", 400, 400)), link])
    assert made.request.images == (link, f"s3://images/inputs/{made.id}/1", link)


def test_key_of_a_request_with_inline_images_is_honoured_too() -> None:
    scene = Scene()
    images = [data_url(picture("png", 400, 400))]
    first = scene.create(key="k", **EDIT, images=images)
    assert scene.create(key="k", **EDIT, images=images).id == first.id
    assert len(scene.images.objects) == 1


def test_generation_whose_start_is_put_off_is_accepted_and_started_by_reconcile() -> None:
    scene = Scene()
    start = scene.workflow.start

    def put_off(*_: object) -> None:
        raise WorkflowBusyError("ThrottlingException")

    scene.workflow.start = put_off  # type: ignore[method-assign, assignment]
    made = scene.create()
    assert scene.now(made).status is Status.QUEUED
    scene.workflow.start = start  # type: ignore[method-assign]
    scene.clock.sleep(QUIET_SECONDS + 1)
    assert scene.reconciler.sweep()["restarted"] == 1
    assert scene.workflow.ids == [made.id]
