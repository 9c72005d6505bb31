"""Deliver: what a receiver is told at each attempt, what its answers come to, and where the process dies."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from easel.domain.generation import Generation
from easel.domain.request import Webhook
from easel.domain.tenants import Tenant
from easel.domain.webhooks import Delivery, DeliveryFault
from easel.errors import (
    AddressRefusedError,
    AnswerLostError,
    NotFoundError,
    NotSentError,
    VersionConflictError,
)
from easel.steps.announce import EVENT_CHARACTERS_MAX
from easel.steps.deliver import TIMEOUT_SECONDS
from easel.view import generation_view
from easel.wire import HttpResponse
from tests.fakes.fuse import CrashError, Fuse
from tests.fakes.memory import ScriptedTransport
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene, said, signing_keys

URL = "https://hooks.example/told?token=PLANTED"


def told(scene: Scene, **fields: Any) -> Generation:
    """A canceled generation whose delivery is under way."""
    made = scene.create(**{"webhook": URL} | fields)
    return scene.canceler.cancel(TENANT, made.id)


def only(scene: Scene) -> Delivery:
    (delivery,) = scene.deliveries.records.values()
    return delivery


def deliver(scene: Scene) -> dict[str, Any]:
    """One run of the step; what the state machine is told."""
    return scene.deliverer.state(scene.deliverer.deliver(only(scene).id))


def carry(scene: Scene) -> list[float]:
    """The execution to its end; the seconds that it waited."""
    waits: list[float] = []
    for _ in range(30):
        state = deliver(scene)
        if state["done"]:
            return waits
        waits.append(state["wait_seconds"])
        scene.clock.sleep(state["wait_seconds"])
    raise AssertionError("the delivery does not end")


# ── What is told ──────────────────────────────────────────────────────────────────────────────────────


def test_receiver_is_told_type_time_and_the_generation_with_fresh_links() -> None:
    scene = Scene()
    ended = told(scene)
    assert deliver(scene) == {"id": only(scene).id, "done": True, "wait_seconds": 0}
    (posted,) = scene.receivers.posted
    assert (posted.url, posted.timeout_seconds) == (URL, TIMEOUT_SECONDS)
    assert posted.headers["content-type"] == "application/json"
    body = json.loads(posted.body)
    assert list(body) == ["type", "timestamp", "data"]
    assert body["type"] == "generation.canceled"
    assert body["timestamp"] == "2026-11-20T12:00:00.000Z"
    view = generation_view(scene.now(ended), scene.images.uri, scene.images.signed_url)
    assert body["data"] == json.loads(json.dumps(view))


def test_links_are_signed_at_each_attempt() -> None:
    scene = Scene(said(200, {"data": [{"b64_json": base64.b64encode(picture()).decode()}]}))
    made = scene.create(model="qwen-image", route="aimlapi/qwen-image", webhook=URL)
    for step in (scene.submitter.submit, scene.persister.persist):
        step(made.id)
    scene.settler.settle(made.id)
    scene.receivers.answers = [HttpResponse(500)]
    signed = scene.images.signed_url
    scene.images.signed_url = lambda *key: f"{signed(*key)}&at={scene.clock.now()}"  # type: ignore[method-assign]
    carry(scene)
    first, second = (json.loads(one.body)["data"]["images"][0]["url"] for one in scene.receivers.posted)
    assert first != second
    assert first.partition("&at=")[0] == second.partition("&at=")[0]


def test_message_is_signed_with_the_tenants_keys_for_this_attempts_time() -> None:
    scene = Scene()
    scene.clock.time = datetime.now(UTC)
    told(scene)
    scene.receivers.answers = [HttpResponse(500)]
    carry(scene)
    first, second = scene.receivers.posted
    verifier = Verifier(signing_keys(TENANT).secret)
    assert verifier.verify(first.body, dict(first.headers))["type"] == "generation.canceled"
    assert verifier.verify(second.body, dict(second.headers))
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == only(scene).id
    waited = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
    assert waited in (5, 6)


def test_secret_of_the_request_or_of_the_tenants_webhook_signs_instead() -> None:
    for by_tenant in (False, True):
        scene = Scene()
        scene.clock.time = datetime.now(UTC)
        secret = "whsec_" + base64.b64encode(b"own secret of the webhook").decode()
        own = {"url": URL, "secret": secret}
        if by_tenant:
            scene.tenants.set[TENANT] = Tenant(id=TENANT, webhook=Webhook(**own))
            told(scene, webhook=None)
        else:
            told(scene, webhook=own)
        deliver(scene)
        (posted,) = scene.receivers.posted
        assert Verifier(secret).verify(posted.body, dict(posted.headers))
        assert secret.encode() not in posted.body


def test_message_is_bounded_as_events_are() -> None:
    scene = Scene()
    long = {f"name{number}": "\u732b" * 500 for number in range(16)}
    ended = told(scene, prompt="p" * 800, negative_prompt="n" * 500, metadata=long)
    stored = scene.now(ended)
    grown = stored.having(actual_prompt="x" * EVENT_CHARACTERS_MAX)
    scene.store.records[ended.id] = grown
    deliver(scene)
    (posted,) = scene.receivers.posted
    assert len(posted.body.decode()) < EVENT_CHARACTERS_MAX + 1000
    assert json.loads(posted.body)["data"]["id"] == ended.id


def test_half_a_character_in_a_vendors_words_does_not_keep_the_message_back() -> None:
    scene = Scene()
    ended = told(scene)
    scene.store.records[ended.id] = scene.now(ended).having(actual_prompt="\ud83d")
    assert deliver(scene)["done"]
    assert json.loads(scene.receivers.posted[0].body)["data"]["actual_prompt"] == "?"


# ── What comes of it ──────────────────────────────────────────────────────────────────────────────────


def test_receiver_that_fails_is_told_again_by_the_schedule_until_it_takes_the_message() -> None:
    scene = Scene()
    told(scene)
    scene.receivers.answers = [HttpResponse(500), NotSentError("x"), AnswerLostError("x"), HttpResponse(302)]
    waits = carry(scene)
    for wait, due in zip(waits, (5, 300, 1800, 7200), strict=True):
        assert due <= wait <= due * 1.1 + 1
    delivery = only(scene)
    assert delivery.status == "delivered"
    outcomes = [(one.number, one.http_status, one.error) for one in delivery.attempts]
    assert outcomes == [
        (1, 500, "http_status"), (2, None, "no_connection"), (3, None, "no_answer"),
        (4, 302, "redirected"), (5, 204, None),
    ]  # fmt: skip


def test_receiver_that_never_takes_it_is_told_ten_times_within_76_hours_and_jitter() -> None:
    scene = Scene()
    told(scene)
    scene.receivers.answers = [HttpResponse(500)] * 20
    waits = carry(scene)
    assert len(scene.receivers.posted) == 10
    assert only(scene).status == "failed"
    assert 75.5 * 3600 <= sum(waits) <= 76 * 3600 * 1.1


def test_receiver_that_wants_no_more_is_told_once() -> None:
    scene = Scene()
    told(scene)
    scene.receivers.answers = [HttpResponse(410)]
    assert carry(scene) == []
    assert only(scene).status == "disabled"
    assert len(scene.receivers.posted) == 1


def test_address_that_is_refused_ends_the_delivery() -> None:
    scene = Scene()
    told(scene)
    scene.receivers.answers = [AddressRefusedError("the host is not a public one")]
    assert carry(scene) == []
    (attempt,) = only(scene).attempts
    assert (only(scene).status, attempt.error) == ("failed", DeliveryFault.ADDRESS_REFUSED)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_wait_that_the_receiver_asks_for_is_heard_where_it_is_longer(status: int, form: str) -> None:
    scene = Scene()
    told(scene)
    date = format_datetime(scene.clock.now() + timedelta(seconds=700), usegmt=True)
    asked = HttpResponse(status, {"retry-after": "700" if form == "seconds" else date})
    scene.receivers.answers = [asked, HttpResponse(status, {"retry-after": "1"})]
    first, second = carry(scene)
    assert first == 700
    assert 300 <= second <= 331


@pytest.mark.parametrize(
    "asked",
    ["soon", "", "-5", "\u0665", "Fri, 31 Dec 9999 23:59:59", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 400],
)
def test_wait_that_is_none_or_too_long_keeps_within_a_day(asked: str) -> None:
    scene = Scene()
    told(scene)
    scene.receivers.answers = [HttpResponse(503, {"retry-after": asked})]
    (wait,) = carry(scene)
    assert 5 <= wait <= 86_400


def test_wait_that_comes_with_another_status_is_not_heard() -> None:
    scene = Scene()
    told(scene)
    scene.receivers.answers = [HttpResponse(500, {"retry-after": "700"})]
    (wait,) = carry(scene)
    assert wait <= 6


def test_attempt_says_when_it_was_and_how_long_it_took() -> None:
    scene = Scene()
    told(scene)
    started = scene.clock.now()
    scene.receivers.before = lambda: scene.clock.sleep(1.5)
    deliver(scene)
    (attempt,) = only(scene).attempts
    assert (attempt.at, attempt.duration_ms) == (started, 1500)


def test_generation_whose_record_has_expired_is_not_told() -> None:
    scene = Scene()
    ended = told(scene)
    del scene.store.records[ended.id]
    assert carry(scene) == []
    assert only(scene).attempts[0].error == "generation_gone"
    assert scene.receivers.posted == []


def test_delivery_that_is_not_there_is_said_so() -> None:
    with pytest.raises(NotFoundError):
        Scene().deliverer.deliver("msg_00000000000000000000000000")


# ── Crashes and races ─────────────────────────────────────────────────────────────────────────────────


def test_step_that_runs_before_its_time_or_after_the_end_tells_nobody() -> None:
    scene = Scene()
    told(scene)
    scene.receivers.answers = [HttpResponse(500)]
    first = deliver(scene)
    assert deliver(scene) == first
    scene.clock.sleep(first["wait_seconds"])
    assert deliver(scene)["done"]
    assert deliver(scene)["done"]
    assert len(scene.receivers.posted) == 2


@pytest.mark.parametrize("at", range(4))
def test_wherever_the_step_dies_the_message_is_told_at_least_once_and_by_one_id(at: int) -> None:
    scene = Scene()
    told(scene)
    fuse = Fuse(scene, ScriptedTransport([]))
    fuse.set(at)
    with pytest.raises(CrashError):
        deliver(scene)
    carry(scene)
    assert only(scene).status == "delivered"
    assert 1 <= len(scene.receivers.posted) <= 2
    assert len({one.headers["webhook-id"] for one in scene.receivers.posted}) == 1


def test_of_two_attempts_at_the_same_time_one_is_recorded() -> None:
    scene = Scene()
    told(scene)

    def meanwhile() -> None:
        scene.receivers.before = lambda: None
        deliver(scene)

    scene.receivers.before = meanwhile
    with pytest.raises(VersionConflictError):
        deliver(scene)
    assert len(only(scene).attempts) == 1
    assert deliver(scene)["done"]
