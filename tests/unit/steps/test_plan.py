"""Plan: what would be done with a request, told without doing any of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from easel.domain.request import GenerationRequest
from easel.domain.tenancy import ApiKey, Caller
from easel.domain.tenants import Limits, Tenant
from easel.errors import ForbiddenError, InvalidRequestError
from easel.plain import time_view
from easel.steps.plan import Planner
from tests.fakes.pictures import picture
from tests.fakes.scene import TENANT, Scene
from tests.unit.steps.test_create import data_url

MULE = "mulerouter/qwen-image-max"
ANY = {"model": "qwen-image-max", "prompt": "an owl"}


def plan(scene: Scene | None = None, *, key: ApiKey | None = None, **fields: Any) -> dict[str, Any]:
    scene = scene or Scene()
    caller = Caller(tenant=TENANT, key=key)
    return Planner(scene.creator).plan(caller, GenerationRequest.model_validate(ANY | fields))


def names(planned: Mapping[str, Any]) -> list[str]:
    return [one["route"] for one in planned["routes"]]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"safety_filter": True},
        {"watermark": True, "size": "16:9"},
        {"model": "qwen-image", "prompt": "x" * 900},
        {"route": ["pixeldojo/qwen-image-max", MULE]},
        {"lora": {"weights": "owner/name"}},
    ],
)
def test_routes_are_those_that_the_generation_would_get_in_their_order(fields: dict[str, Any]) -> None:
    planned = plan(**fields)
    scene = Scene()
    request = GenerationRequest.model_validate(ANY | fields)
    assert names(planned) == list(scene.creator.create(Caller(tenant=TENANT), request).routes)
    assert (planned["dry_run"], planned["model"]) == (True, request.model)


def test_each_route_says_why_it_stands_where_it_does() -> None:
    reasons = {one["route"]: one["because"] for one in plan(watermark=True)["routes"]}
    assert reasons["pixeldojo/qwen-image-max"] == "keeps every parameter, then by the policy balanced"
    assert reasons[MULE] == "loses 1 of the parameters, then by the policy balanced"
    assert [one["because"] for one in plan(route=MULE)["routes"]] == ["the caller's order"]


def test_each_route_says_what_becomes_of_the_parameters_there() -> None:
    planned = plan(watermark=True, size="16:9", negative_prompt="x" * 501)
    reports = {one["route"]: one["parameters"] for one in planned["routes"]}
    assert reports[MULE] == {
        "applied": {},
        "mapped": {"size": {"from": "16:9", "to": "1664*928"}},
        "dropped": {"watermark": "this route has no such parameter"},
        "truncated": {"negative_prompt": {"from": 501, "to": 500}},
    }
    assert reports["pixeldojo/qwen-image-max"]["applied"] == {"watermark": True, "size": "16:9"}
    assert reports["pixeldojo/qwen-image-max"]["dropped"] == {}


def test_routes_that_cannot_do_it_are_told_with_what_each_would_have_taken() -> None:
    planned = plan(model="qwen-image", n=4)
    assert names(planned) == ["aimlapi/qwen-image"]
    refused = {one["route"]: one["errors"] for one in planned["refused"]}
    assert set(refused) == {f"{name}/qwen-image" for name in ("pixeldojo", "dashscope-intl", "dashscope-cn")}
    for errors in refused.values():
        assert errors == [{"field": "n", "message": "must be 1 to 1 on this route", "limit": "1 to 1"}]
    assert plan()["refused"] == []


def test_strict_leaves_out_the_routes_on_which_something_would_be_lost() -> None:
    planned = plan(strict=True, safety_filter=True)
    assert names(planned) == [MULE]
    assert {one["route"] for one in planned["refused"]} == {
        f"{name}/qwen-image-max" for name in ("pixeldojo", "dashscope-intl", "dashscope-cn")
    }
    assert {error["field"] for one in planned["refused"] for error in one["errors"]} == {"safety_filter"}


@pytest.mark.parametrize(
    "fields",
    [
        {"strict": True, "safety_filter": True, "watermark": True},
        {"strict": True, "route": MULE, "prompt": "x" * 801},
        {"n": 2},
        {"size": "21:9"},
        {"model": "nothing"},
        {"route": "nobody/nothing"},
        {"model": "qwen-image-edit-max", "images": [data_url(b"GIF89a")]},
        {"model": "qwen-image-edit-max", "images": ["upload:upl_01ARYZ6S410000000000000000"]},
    ],
)
def test_what_would_be_refused_is_refused_alike(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as planned:
        plan(**fields)
    with pytest.raises(InvalidRequestError) as created:
        Scene().creator.create(Caller(tenant=TENANT), GenerationRequest.model_validate(ANY | fields))
    assert planned.value.problems == created.value.problems
    assert planned.value.problems


def test_key_is_told_of_the_routes_that_it_allows_only() -> None:
    key = ApiKey(id="key_1", tenant=TENANT, prefix="p", routes=(MULE, "pixeldojo/qwen-image"))
    planned = plan(key=key)
    assert (names(planned), planned["refused"]) == ([MULE], [])
    only = ApiKey(id="key_1", tenant=TENANT, prefix="p", routes=("aimlapi/qwen-image",))
    assert plan(key=only, model="qwen-image", n=4)["refused"] == []
    with pytest.raises(ForbiddenError):
        plan(key=key, route="pixeldojo/qwen-image-max")
    with pytest.raises(ForbiddenError):
        plan(key=ApiKey(id="key_1", tenant=TENANT, prefix="p", models=("qwen-image",)))


@pytest.mark.parametrize(
    ("fields", "price", "usd", "reserves"),
    [
        ({"route": MULE}, ("0.075", "USD"), "0.075", "0.075"),
        ({"route": [MULE, "pixeldojo/qwen-image-max"]}, ("0.075", "USD"), "0.075", "0.10"),
        ({"route": MULE, "on_unknown": "resubmit"}, ("0.075", "USD"), "0.075", "0.150"),
        ({"model": "qwen-image", "n": 4}, ("364000", "credits"), "0.1820000", "0.1820000"),
    ],
)
def test_price_is_the_vendors_for_as_many_images_and_reserved_is_the_most_that_it_may_cost(
    fields: dict[str, Any], price: tuple[str, str], usd: str, reserves: str
) -> None:
    planned = plan(**fields)
    first = planned["routes"][0]
    assert first["price"] == {"amount": price[0], "currency": price[1]}
    assert first["estimated_usd"] == {"amount": usd, "currency": "USD"}
    assert planned["reserves"] == {"amount": reserves, "currency": "USD"}


def test_price_that_was_planned_is_quoted_and_reserved() -> None:
    scene = Scene()
    scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(usd_per_day=9))
    fields: dict[str, Any] = {
        "model": "qwen-image",
        "n": 3,
        "on_unknown": "resubmit",
        "route": "aimlapi/qwen-image",
    }
    planned, made = plan(scene, **fields), scene.create(**fields)
    assert planned["routes"][0]["price"]["amount"] == format(made.quoted.amount, "f")
    assert planned["reserves"]["amount"] == format(made.reservation.usd, "f")


def test_time_is_what_the_first_route_lately_took() -> None:
    scene = Scene()
    for seconds in (11.0, 12.0, 19.0):
        scene.states.took(MULE, "g", seconds, scene.clock.now())
    planned = plan(scene, route=[MULE, "pixeldojo/qwen-image-max"])
    assert planned["routes"][0]["expected_seconds"] == {"typical": 12.0, "slow": 19.0}
    assert planned["routes"][1]["expected_seconds"] == {"typical": 30, "slow": 60}
    assert planned["estimated_completion_at"] == time_view(scene.clock.now() + timedelta(seconds=14))


def test_no_plan_ends_past_its_deadline() -> None:
    scene = Scene()
    planned = plan(scene, route=MULE, deadline_seconds=10)
    assert planned["estimated_completion_at"] == time_view(scene.clock.now() + timedelta(seconds=10))


def test_each_route_says_how_it_fares_now() -> None:
    scene = Scene()
    for _ in range(5):
        scene.states.failed(MULE, scene.clock.now())
    scene.states.pause("dashscope-cn/qwen-image-max", scene.clock.now() + timedelta(seconds=9))
    health = {one["route"]: one["health"] for one in plan(scene)["routes"]}
    assert health.pop(MULE) == "failing"
    assert health.pop("dashscope-cn/qwen-image-max") == "paused"
    assert set(health.values()) == {"ok"}


def test_nothing_is_written_bought_started_reserved_or_told() -> None:
    scene = Scene()
    scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(usd_per_day=9, concurrency=9))
    plan(scene, model="qwen-image-edit-max", images=[data_url(picture("png", 400, 400))])
    store = scene.store
    assert (store.records, store.claims, store.ledger.days, store.ledger.running) == ({}, {}, {}, {})
    assert (scene.images.objects, scene.workflow.ids, scene.bus.events) == ({}, [], [])
    assert (scene.script.asked, scene.states.states) == ([], {})


def test_plan_is_made_for_whoever_has_nothing_left_to_spend() -> None:
    scene = Scene()
    scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=Limits(usd_per_day=0, concurrency=1))
    assert names(plan(scene, route=MULE)) == [MULE]
