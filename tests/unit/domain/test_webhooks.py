"""A webhook's delivery: its schedule, its ends, and what receivers' answers mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from easel.domain.generation import Generation, GenerationError, Status
from easel.domain.ids import delivery_id_of, is_delivery_id, new_delivery_id, new_generation_id
from easel.domain.money import Money
from easel.domain.request import GenerationRequest, Webhook, WebhookEvent
from easel.domain.tenants import Tenant
from easel.domain.webhooks import (
    ATTEMPTS_MAX,
    JITTER,
    SCHEDULE_SECONDS,
    WAIT_SECONDS_MAX,
    Delivery,
    DeliveryAttempt,
    DeliveryFault,
    DeliveryStatus,
    event_of,
    fault_of,
    schedule_of,
    webhook_of,
)
from easel.errors import SettingsError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOOK = Webhook(url="https://hooks.example/told?token=PLANTED")
HOUR = 3600


def generation(**fields: Any) -> Generation:
    asked = GenerationRequest(model="m", prompt="p", **fields)
    made = Generation.create(new_generation_id(NOW), "t", asked, ("v/m",), Money.of("1", "USD"), NOW)
    return made.settled(NOW, Status.CANCELED, GenerationError(code="canceled", message="m"))


def delivery(number: int = 0) -> Delivery:
    return Delivery.create(new_delivery_id(NOW + timedelta(seconds=number)), generation(), HOOK, NOW)


def failed(number: int, error: DeliveryFault = DeliveryFault.NO_ANSWER) -> DeliveryAttempt:
    return DeliveryAttempt(number=number, at=NOW, duration_ms=1, error=error)


def test_schedule_is_the_specifications() -> None:
    assert SCHEDULE_SECONDS == (
        5, 5 * 60, 30 * 60, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
    )  # fmt: skip
    assert ATTEMPTS_MAX == 10


def test_new_delivery_is_due_at_once() -> None:
    made = delivery()
    assert made.due(NOW)
    assert not made.over
    assert (made.type, made.tenant) == (WebhookEvent.CANCELED, "t")
    assert "PLANTED" not in repr(made)


def test_failed_attempts_wait_longer_and_longer_and_the_last_one_ends_it() -> None:
    one, now = delivery(), NOW
    for number, wait in enumerate(SCHEDULE_SECONDS, start=1):
        one = one.tried(failed(number), SCHEDULE_SECONDS, now)
        assert one.status is DeliveryStatus.PENDING
        assert one.next_attempt_at is not None
        waited = (one.next_attempt_at - now).total_seconds()
        assert wait <= waited <= wait * (1 + JITTER)
        assert not one.due(one.next_attempt_at - timedelta(seconds=1))
        now = one.next_attempt_at
        assert one.due(now)
    one = one.tried(failed(ATTEMPTS_MAX), SCHEDULE_SECONDS, now)
    assert (one.status, one.next_attempt_at, len(one.attempts)) == (DeliveryStatus.FAILED, None, 10)
    assert not one.due(now + timedelta(days=9))
    assert one.version == ATTEMPTS_MAX


def test_waits_of_many_that_failed_together_are_spread() -> None:
    waits = {delivery(number).tried(failed(1), (1000,), NOW).next_attempt_at for number in range(20)}
    assert len(waits) == 20


def test_wait_is_as_long_as_the_receiver_asks_where_that_is_longer_and_within_a_day() -> None:
    def wait(retry_after: float, schedule: tuple[int, ...] = (300,)) -> float:
        again = delivery().tried(failed(1), schedule, NOW, retry_after).next_attempt_at
        assert again is not None
        return (again - NOW).total_seconds()

    assert wait(3600) == 3600
    assert 300 <= wait(10) <= 330
    assert wait(10**9) == WAIT_SECONDS_MAX == 86_400


@pytest.mark.parametrize(
    ("http_status", "fault", "status"),
    [
        (200, None, "delivered"), (204, None, "delivered"), (299, None, "delivered"),
        (301, "redirected", "pending"), (307, "redirected", "pending"), (304, "redirected", "pending"),
        (410, "gone", "disabled"), (400, "http_status", "pending"), (404, "http_status", "pending"),
        (429, "http_status", "pending"), (500, "http_status", "pending"), (103, "http_status", "pending"),
    ],
)  # fmt: skip
def test_only_2xx_delivers_and_only_410_disables(http_status: int, fault: str | None, status: str) -> None:
    assert fault_of(http_status) == fault
    attempt = DeliveryAttempt(
        number=1, at=NOW, duration_ms=1, http_status=http_status, error=fault_of(http_status)
    )
    assert delivery().tried(attempt, SCHEDULE_SECONDS, NOW).status == status


@pytest.mark.parametrize("fault", [DeliveryFault.ADDRESS_REFUSED, DeliveryFault.GENERATION_GONE])
def test_what_would_only_fail_again_is_not_tried_again(fault: DeliveryFault) -> None:
    one = delivery().tried(failed(1, fault), SCHEDULE_SECONDS, NOW)
    assert (one.status, one.next_attempt_at) == (DeliveryStatus.FAILED, None)


def test_first_delivery_of_an_end_has_one_id_whoever_makes_it() -> None:
    made = generation()
    first = delivery_id_of(made.id, "generation.canceled", NOW)
    assert is_delivery_id(first)
    assert first == delivery_id_of(made.id, "generation.canceled", NOW)
    others = [
        delivery_id_of(made.id, "generation.failed", NOW),
        delivery_id_of(new_generation_id(NOW), "generation.canceled", NOW),
    ]
    assert first not in others
    assert new_delivery_id(NOW + timedelta(milliseconds=1)) > first, "later ones sort after it"


def test_requests_own_webhook_goes_before_the_tenants() -> None:
    own, tenant = Webhook(url="https://own.example/"), Tenant(id="t", webhook=HOOK)
    assert webhook_of(generation(webhook=own), tenant) == own
    assert webhook_of(generation(), tenant) == HOOK
    assert webhook_of(generation(), Tenant(id="t")) is None


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED])
def test_every_end_is_an_event(status: Status) -> None:
    assert event_of(generation().having(status=status)).value == f"generation.{status.value}"


def test_what_has_not_ended_is_no_event() -> None:
    with pytest.raises(ValueError, match="queued"):
        event_of(generation().having(status=Status.QUEUED))


def test_schedule_is_read_from_its_setting() -> None:
    assert schedule_of("5,300") == (5, 300)
    assert schedule_of("0") == (0,)


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1", "1.5", "86401", "\u0665", "1," * 9 + "1"])
def test_schedule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="schedule"):
        schedule_of(text)
