"""The sandbox route: the adapter and who answers it speak as the samples show, each held against them."""

from datetime import UTC, datetime, timedelta

import pytest

from easel.domain.ask import Ask
from easel.domain.sizes import Geometry, Size
from easel.sandbox import BASE_URL, SandboxTransport
from easel.vendors.base import Finished, LinkedImage, Missing, VendorTask
from easel.vendors.sandbox import Sandbox
from easel.wire import HttpRequest, HttpResponse
from tests.contract.wire_samples import Sample, load, requests_of
from tests.fakes.memory import FakeClock, ScriptedTransport

SAMPLES = {sample.id: sample for sample in load("sandbox")}
ASKED_AT = datetime(2026, 1, 1, tzinfo=UTC)
LIGHTHOUSE = "A lighthouse on a basalt cliff at dawn"
TASK = VendorTask("sandbox", SAMPLES["sb.submitted"].expect["id"])
SQUARE = Geometry("1:1", Size(1328, 1328))
ASKS: dict[str, Ask | VendorTask] = {
    "sb.submit.min": Ask("sandbox", LIGHTHOUSE),
    "sb.submit.full": Ask("sandbox", LIGHTHOUSE, negative_prompt="blurry", geometry=SQUARE, n=1, seed=7),
    "sb.poll": TASK,
}


def built(asked: Ask | VendorTask) -> HttpRequest:
    """The adapter's request."""
    return Sandbox().build_submit(asked) if isinstance(asked, Ask) else Sandbox().build_poll(asked)


def answered(request: HttpRequest, after: timedelta = timedelta(0)) -> HttpResponse:
    """What the sandbox answers, so long after the samples' submit."""
    clock = FakeClock()
    clock.time = ASKED_AT + after
    transport = SandboxTransport(ScriptedTransport([]), clock)
    return transport.send(request.method, BASE_URL + request.path, {}, request.body, timeout_seconds=1)


@pytest.mark.parametrize("sample", requests_of("sandbox"), ids=lambda sample: sample.id)
def test_request_is_built_as_the_sample_shows(sample: Sample) -> None:
    request = built(ASKS[sample.id])
    assert (request.method, request.path) == (sample.request["method"], sample.request["path"])
    assert {**request.headers, **Sandbox().authorize("<key>")} == sample.request["headers"]
    assert (request.body or {}) == sample.request.get("body", {})


@pytest.mark.parametrize(
    ("sample", "request_", "after"),
    [
        ("sb.submitted", built(ASKS["sb.submit.full"]), 0.0),
        ("sb.drawing", built(TASK), 1.999),
        ("sb.drawn", built(TASK), 2.0),
        ("sb.err.400", HttpRequest("POST", "/pictures", body={"prompt": "x", "size": "1*1"}), 0.0),
        ("sb.err.404", HttpRequest("GET", "/pictures/task-123"), 0.0),
    ],
)
def test_sandbox_answers_as_the_sample_shows(sample: str, request_: HttpRequest, after: float) -> None:
    assert answered(request_, timedelta(seconds=after)) == SAMPLES[sample].response


def test_picture_that_is_drawn_lies_at_the_sandboxs_own_host_and_has_its_seed() -> None:
    read = Sandbox().read_poll(SAMPLES["sb.drawn"].response)
    link = LinkedImage(f"https://sandbox.easel.invalid/pictures/{TASK.task_id}")
    assert read == Finished((link,), task_id=TASK.task_id, seed=7)


def test_task_that_is_not_known_is_a_missing_one_to_a_poll() -> None:
    assert Sandbox().read_poll(SAMPLES["sb.err.404"].response) == Missing("404")
