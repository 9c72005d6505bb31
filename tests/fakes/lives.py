"""Generations with ledgers of every kind, made by their own moves without steps, vendors or a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from easel.domain.capabilities import ParameterReport
from easel.domain.failure import Failure, FailureClass
from easel.domain.generation import (
    Generation,
    GenerationError,
    Image,
    Reservation,
    ResultRef,
    Slot,
    Status,
)
from easel.domain.ids import new_generation_id
from easel.domain.ledger import Reserving, reservings
from easel.domain.money import Money
from easel.domain.request import GenerationRequest
from easel.domain.tenants import Limits, Owner
from easel.steps.create import reservation_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ERROR = GenerationError(code="c", message="m")
FAILURE = Failure(failure_class=FailureClass.TRANSIENT, http_status=503)


@dataclass(frozen=True)
class Sold:
    """A route, its price of an image, and what a unit of that is worth in dollars."""

    route: str
    price: Money
    rate: Decimal


MULE = Sold("mulerouter/qwen-image-max", Money.of("0.075", "USD"), Decimal(1))
PIXEL = Sold("pixeldojo/qwen-image-max", Money.of(2, "credits"), Decimal("0.05"))
DASH = Sold("dashscope-intl/qwen-image-max", Money.of("0.550443", "CNY"), Decimal("0.14"))


def born(
    *owners: Owner,
    usd: str = "0.075",
    tenant: str = "t",
    now: datetime = NOW,
    routes: Sequence[Sold] = (MULE, PIXEL, DASH),
    **fields: Any,
) -> tuple[Generation, tuple[Reserving, ...]]:
    """A queued generation, and what it takes of its owners' limits."""
    taken = reservings(owners, Decimal(usd))
    asked = GenerationRequest(
        **({"model": "qwen-image-max", "prompt": "p", "on_unknown": "resubmit"} | fields)
    )
    made = Generation.create(
        new_generation_id(now), tenant, asked, tuple(one.route for one in routes), routes[0].price, now,
        quoted_usd=routes[0].price.amount * routes[0].rate, reservation=reservation_of(Decimal(usd), taken),
    )  # fmt: skip
    return made, taken


def queued(tenant: str = "t", *, now: datetime = NOW, **fields: Any) -> Generation:
    """One without limits."""
    return born(tenant=tenant, now=now, **fields)[0].having(reservation=Reservation())


def asked(generation: Generation, sold: Sold, now: datetime = NOW) -> Generation:
    """Its vendor is asked now."""
    slot = Slot(route=sold.route, at=now, because="b")
    price = sold.price.times(generation.request.n or 1)
    return generation.intend(slot, "m", price, ParameterReport(), now, sold.rate)


def refused(generation: Generation, sold: Sold) -> Generation:
    """The vendor did not take it."""
    return asked(generation, sold).rejected(NOW, FAILURE)


def lost(generation: Generation, sold: Sold) -> Generation:
    """The vendor's answer was lost: it may be billed."""
    return asked(generation, sold).unknown(NOW, FAILURE)


def failed(generation: Generation, sold: Sold, *figures: str) -> Generation:
    """The vendor took it and did not deliver; these figures of its receipt are the price."""
    charges = dict.fromkeys(figures, sold.price)
    return asked(generation, sold).attempt_failed(NOW, FAILURE, charges)


def image(number: int = 0) -> Image:
    """A kept image."""
    key = f"images/g/{number}.png"
    return Image(key=key, content_type="image/png", width=4, height=3, bytes=99, sha256="0" * 64)


def delivered(generation: Generation, sold: Sold, images: int = 1) -> Generation:
    """The vendor delivered, and bills what it delivered; the images are kept."""
    links = tuple(ResultRef(number=number, url="https://x.example") for number in range(images))
    price = sold.price.times(images)
    done = asked(generation, sold).finished(NOW, links, billed=price, seed=None, actual_prompt=None)
    return done.kept(NOW, tuple(image(number) for number in range(images)))


def ended(generation: Generation, status: Status = Status.SUCCEEDED) -> Generation:
    """The end."""
    return generation.settled(NOW, status, None if status is Status.SUCCEEDED else ERROR)


def owner(name: str = "key key_1", **limits: Any) -> Owner:
    """Whose limits these are."""
    return Owner(name, Limits(**limits))
