"""Easel's own adapters as clients of the vendors' front doors: the two sides of one wire contract."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from easel.domain.ask import Ask, LoraAsk
from easel.domain.failure import FailureClass
from easel.domain.generation import Status
from easel.domain.sizes import Geometry, Size
from easel.domain.tenants import Limits, Tenant
from easel.vendors.base import (
    Adapter,
    Failed,
    Finished,
    LinkedImage,
    Missing,
    Pending,
    PollAnswer,
    VendorTask,
)
from easel.vendors.mulerouter import MuleRouter
from easel.vendors.pixeldojo import PixelDojo
from easel.wire import HttpResponse
from tests.unit.doors.vendor_door import (
    OTHER_KEY,
    PIXELDOJO_LINK,
    Api,
    delivering,
    ended_as,
    moved,
    pixeldojo_completed,
    wire,
)
from tests.unit.local.sandbox_caller import input_image
from tests.unit.steps.vendor_words import LINK, mule_completed

PROMPT = "PLANTED-PROMPT of a lighthouse"
DRAW = Ask(
    model="qwen-image-max", prompt=PROMPT, negative_prompt="blurry", seed=7, prompt_extend=True,
    geometry=Geometry("16:9", Size(1664, 928)),
)  # fmt: skip
EDIT = Ask(model="qwen-image-edit-max", prompt=PROMPT, n=2, images=(input_image(),), safety_filter=False)
LORA = Ask(
    model="qwen-image-max", prompt=PROMPT, n=2, geometry=Geometry("21:9", None),
    lora=LoraAsk(weights="owner/name", scale=1, steps=35, guidance=3, go_fast=False),
)  # fmt: skip


@dataclass(frozen=True)
class Client:
    """An adapter at a door."""

    adapter: Adapter
    door: str
    ask: Ask = DRAW

    def submit(self, api: Api) -> VendorTask:
        """A task that was taken."""
        taken = self.adapter.read_submit(wire(api, self.door, self.adapter.build_submit(self.ask)))
        assert isinstance(taken, Pending)
        assert taken.known
        return VendorTask(self.ask.model, taken.task_id)

    def refused(self, api: Api, **key: str) -> FailureClass:
        """What a refusal of a submit means."""
        answer = self.adapter.read_submit(wire(api, self.door, self.adapter.build_submit(self.ask), **key))
        assert isinstance(answer, Failed)
        assert answer.failure.vendor_body
        return answer.failure.failure_class

    def poll(self, api: Api, task: VendorTask, **key: str) -> PollAnswer:
        """How the task stands."""
        return self.adapter.read_poll(wire(api, self.door, self.adapter.build_poll(task), **key))


MULE = Client(MuleRouter(), "/mulerouter")
ALIAS = "/v1/inference/{model}"  # the vendor's prose has it, its samples do not
MULE_ALIAS = Client(MuleRouter(submit_path=ALIAS, poll_path=ALIAS + "/{task_id}"), "/mulerouter")
MULE_EDIT = Client(MuleRouter(), "/mulerouter", EDIT)
PIXEL = Client(PixelDojo(), "/pixeldojo")
PIXEL_LORA = Client(PixelDojo(), "/pixeldojo", LORA)
TWO = (PIXELDOJO_LINK, f"{PIXELDOJO_LINK}2")


@pytest.mark.parametrize(
    ("client", "delivered", "links", "cost"),
    [
        (MULE, mule_completed(), (LINK,), None),
        (MULE_ALIAS, mule_completed(), (LINK,), None),
        (MULE_EDIT, mule_completed(LINK, f"{LINK}2"), (LINK, f"{LINK}2"), None),
        (PIXEL, pixeldojo_completed(), (PIXELDOJO_LINK,), Decimal(2)),
        (PIXEL_LORA, pixeldojo_completed(*TWO), TWO, Decimal(4)),
    ],
)
def test_adapter_goes_from_submit_to_links(
    client: Client, delivered: HttpResponse, links: tuple[str, ...], cost: Decimal | None
) -> None:
    api = delivering(delivered, *links)
    task = client.submit(api)
    assert isinstance(client.poll(api, task), Pending)
    moved(api)
    done = client.poll(api, task)
    assert isinstance(done, Finished)
    assert all(isinstance(image, LinkedImage) for image in done.images)
    assert (len(done.images), done.task_id, done.cost) == (len(links), task.task_id, cost)
    assert isinstance(client.poll(api, task, key=OTHER_KEY), Missing)


@pytest.mark.parametrize(
    ("client", "code", "status", "meaning"),
    [
        (MULE, "moderation", Status.FAILED, FailureClass.MODERATION),
        (MULE, "validation", Status.FAILED, FailureClass.VALIDATION),
        (MULE, "transient", Status.FAILED, FailureClass.TRANSIENT),
        (MULE, "billing", Status.FAILED, FailureClass.TRANSIENT),
        (MULE, "canceled", Status.CANCELED, FailureClass.TRANSIENT),
        (PIXEL, "moderation", Status.FAILED, FailureClass.MODERATION),
    ],
)
def test_adapter_reads_failed_tasks(client: Client, code: str, status: Status, meaning: FailureClass) -> None:
    api = Api()
    task = client.submit(api)
    ended_as(api, status, code)
    done = client.poll(api, task)
    assert isinstance(done, Failed)
    assert done.failure.failure_class is meaning


@pytest.mark.parametrize("client", [MULE, PIXEL])
def test_adapter_reads_refusals(client: Client) -> None:
    api = Api()
    assert client.refused(api, key="wrong") is FailureClass.AUTH
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(usd_per_day=Decimal("0.01")))
    assert client.refused(api) is FailureClass.BILLING
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(per_minute=1))
    client.submit(Api(api.scene))
    assert client.refused(api) is FailureClass.RATE_LIMIT
