"""The client at the real door: every call that it makes, as Easel's own code answers it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.tenancy import ALL_SCOPES
from easel_client import (
    BudgetError,
    ConflictError,
    Easel,
    GenerationFailedError,
    InvalidRequestError,
    KeyRefusedError,
    NotFoundError,
    RateLimitError,
)
from tests.fakes.door_server import served
from tests.fakes.pictures import picture
from tests.unit.doors.calls import KEY
from tests.unit.doors.office import Office

ROUTE = "mulerouter/qwen-image-max"


@pytest.fixture
def easel(office: Office) -> Iterator[Easel]:
    """An administrator's client of it."""
    with served(office.api.app) as url:
        yield Easel(url, office.secret)


def test_a_generation_is_made_looked_at_listed_and_canceled(easel: Easel) -> None:
    made = easel.generate("a fox", wait=False, route=ROUTE, size="16:9", metadata={"order": "7"})
    assert (made.status, made.model, made.route, made.metadata) == (
        "queued", "qwen-image-max", ROUTE, {"order": "7"},
    )  # fmt: skip
    assert (made.prompt, str(made.receipt.own.quoted), made.over) == ("a fox", "$0.075", False)
    assert made.created_at is not None
    assert made.deadline_at is not None
    assert made.estimated_completion_at is not None
    assert easel.get(made.id) == made
    assert [one.id for one in easel.list(status="queued", model="qwen-image-max", limit=5)] == [made.id]
    ended = easel.cancel(made.id)
    assert (ended.status, ended.over) == ("canceled", True)
    with pytest.raises(GenerationFailedError, match="was canceled"):
        easel.wait(made)
    with pytest.raises(NotFoundError):
        easel.get("gen_nope")


def test_the_same_key_is_the_same_generation(easel: Easel, office: Office) -> None:
    first = easel.generate("a fox", wait=False, idempotency_key="order-7", n=1)
    assert easel.generate("a fox", wait=False, idempotency_key="order-7", n=1).id == first.id
    with pytest.raises(InvalidRequestError):
        easel.generate("another fox", wait=False, idempotency_key="order-7")
    assert len(office.api.scene.store.records) == 1


def test_an_edit_carries_its_picture(easel: Easel, office: Office) -> None:
    Path("photo.png").write_bytes(picture("png", 400, 400))
    made = easel.edit("make it night", ["photo.png"], wait=False)
    assert made.model == "qwen-image-edit-max"
    assert easel.plan("make it night", ["photo.png"]).routes[0].route.endswith("/qwen-image-edit-max")


def test_a_plan_tells_routes_and_what_becomes_of_parameters(easel: Easel, office: Office) -> None:
    plan = easel.plan("a fox", watermark=True, route=[ROUTE, "pixeldojo/qwen-image-max"])
    assert [one.route for one in plan.routes] == [ROUTE, "pixeldojo/qwen-image-max"]
    assert plan.routes[0].price is not None
    assert "watermark" in plan.routes[0].parameters["dropped"]
    assert plan.reserves is not None
    assert office.api.scene.store.records == {}
    with pytest.raises(InvalidRequestError, match="model"):
        easel.plan("a fox", model="nope")


def test_models_have_their_routes_sizes_and_prices(easel: Easel) -> None:
    models = {one.id: one for one in easel.models()}
    assert set(models) == set(CATALOGUE.models)
    route = next(one for one in models["qwen-image-max"].routes if one.name == ROUTE)
    assert (str(route.price), route.estimated_usd, route.ready) == ("$0.075", Decimal("0.075"), True)
    assert "16:9" in route.sizes
    assert route.typical_seconds > 0
    assert route.health == "ok"


def test_a_batch_is_planned_made_listed_and_canceled(easel: Easel) -> None:
    Path("rows.csv").write_text("custom_id,model,prompt\na,qwen-image,one\nb,nope,two\n")
    plan = easel.plan_batch("rows.csv")
    assert (plan.total, plan.valid, plan.refused, plan.complete) == (2, 1, 1, True)
    wrong = next(row for row in plan.rows if row.problems)
    assert (wrong.number, wrong.custom_id, wrong.problems[0].field) == (2, "b", "model")
    assert easel.plan_batch([{"model": "qwen-image", "prompt": "one"}]).valid == 1
    made = easel.batch("rows.csv", max_cost_usd="1.50", tolerated_failures=1)
    assert (made.status, made.over, made.raw["max_cost_usd"]) == ("preparing", False, "1.50")
    assert easel.get_batch(made.id) == made
    assert [one.id for one in easel.batches(limit=3)] == [made.id]
    assert easel.cancel_batch(made.id).id == made.id


def test_usage_has_its_sums(easel: Easel) -> None:
    spent = easel.usage("2026-11-01", "2026-11-20")
    assert (spent.since, spent.until, spent.rows, str(spent.billed)) == (
        "2026-11-01",
        "2026-11-20",
        (),
        "$0.00",
    )


def test_keys_are_made_listed_changed_rotated_and_revoked(easel: Easel, office: Office) -> None:
    assert set(easel.keys.whoami().scopes) == {scope.value for scope in ALL_SCOPES}
    made = easel.keys.create("acme", name="shop", limits={"usd_per_day": "5"}, expires_in_days=3)
    assert (made.tenant, made.name, made.raw["limits"]["usd_per_day"]) == ("acme", "shop", "5")
    assert made.secret is not None
    assert made.secret not in f"{made!r} {made.raw}"
    assert office.works(made.secret) == [True]
    assert [one.id for one in easel.keys.list("acme")] == [made.id]
    changed = easel.keys.change(made.id, limits={"usd_per_day": None}, scopes=["read"])
    assert (changed.scopes, changed.raw["limits"]["usd_per_day"]) == (("read",), None)
    rotated = easel.keys.rotate(made.id, overlap_hours=0)
    assert rotated.secret is not None
    assert office.works(made.secret, rotated.secret) == [False, True]
    easel.keys.revoke(made.id)
    assert office.works(rotated.secret) == [False]
    assert easel.keys.tenant("acme", limits={"concurrency": 3})["limits"]["concurrency"] == 3
    assert easel.keys.tenant("acme")["limits"]["concurrency"] == 3
    with pytest.raises(ConflictError):
        easel.keys.revoke(easel.keys.whoami().id)


def test_limits_are_refused_by_their_own_classes(easel: Easel, office: Office) -> None:
    def having(**limits: object) -> Easel:
        secret = easel.keys.create("acme", limits=limits).secret
        return Easel(easel.connection.url, secret)

    with pytest.raises(BudgetError, match=r"0\.01 USD a day"):
        having(usd_per_day="0.01").generate("a fox")
    one_a_minute = having(per_minute=1)
    one_a_minute.generate("a fox", wait=False)
    with pytest.raises(RateLimitError) as caught:
        one_a_minute.generate("a fox", wait=False)
    assert caught.value.retry_after_seconds is not None
    with pytest.raises(KeyRefusedError):
        Easel(easel.connection.url, KEY + "x").get("gen_x")
