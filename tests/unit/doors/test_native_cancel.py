"""The native API's cancel call: 200 with the generation, 409 for one that has ended otherwise, else 404."""

from typing import Any

import pytest

from easel.domain.ids import new_generation_id
from tests.fakes.scene import Scene
from tests.unit.doors.calls import OTHER_KEY, Answer, Api
from tests.unit.steps.vendor_words import mule_error, mule_submitted


def created(*answers: Any) -> tuple[Api, str]:
    api = Api(Scene(*answers))
    made: str = api.create().body["id"]
    return api, made


def cancel(api: Api, generation_id: str, **more: Any) -> Answer:
    return api.call("POST", f"/v1/generations/{generation_id}/cancel", **more)


def test_queued_generation_is_canceled_and_costs_nothing() -> None:
    api, made = created()
    answer = cancel(api, made)
    assert (answer.status, answer.body["id"], answer.body["status"]) == (200, made, "canceled")
    assert answer.body["error"]["code"] == "canceled"
    assert answer.body["receipt"]["billed"] is answer.body["receipt"]["possibly_billed"] is None
    assert answer.headers["cache-control"] == "no-store"
    assert "retry-after" not in answer.headers
    assert api.call("GET", f"/v1/generations/{made}").body["status"] == "canceled"


def test_generation_at_the_vendor_is_canceled_with_what_may_still_be_billed() -> None:
    api, made = created(mule_submitted())
    api.scene.submitter.submit(made)
    receipt = cancel(api, made).body["receipt"]
    assert receipt["possibly_billed"] == {"amount": "0.075", "currency": "USD"}
    assert receipt["billed"] is None
    assert receipt["attempts"][0]["task_id"] == "t-1"


def test_canceling_twice_answers_alike() -> None:
    api, made = created()
    first = cancel(api, made)
    assert cancel(api, made) == first


def test_generation_that_has_ended_otherwise_is_409() -> None:
    api, made = created(mule_error(400))
    api.scene.submitter.submit(made)
    api.scene.settler.settle(made)
    answer = cancel(api, made)
    assert (answer.status, answer.body["code"]) == (409, "conflict")
    assert answer.headers["content-type"] == "application/problem+json"
    assert api.call("GET", f"/v1/generations/{made}").body["status"] == "failed"


@pytest.mark.parametrize(
    "generation_id", [new_generation_id, "gen_x", "x" * 100], ids=lambda one: str(one)[:9]
)
def test_generation_that_is_not_there_is_404(generation_id: Any) -> None:
    api = Api()
    name = generation_id(api.scene.clock.now()) if callable(generation_id) else generation_id
    assert cancel(api, name).status == 404


def test_somebody_elses_generation_is_404_and_goes_on() -> None:
    api, made = created()
    answer = cancel(api, made, authorization=f"Bearer {OTHER_KEY}")
    assert answer.status == 404
    assert api.call("GET", f"/v1/generations/{made}").body["status"] == "queued"


@pytest.mark.parametrize("raw", ["", "{}", "not json"])
def test_body_is_not_looked_at(raw: str) -> None:
    api, made = created()
    assert cancel(api, made, raw=raw).status == 200
