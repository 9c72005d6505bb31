"""Which routes serve a request, in which order, and how a refusal reads."""

from collections.abc import Collection
from typing import Any

import pytest

from easel.catalogue import CATALOGUE
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import ApiKey
from easel.errors import FieldProblem, ForbiddenError, InvalidRequestError
from easel.routing import Choice, Policy, choose

EVERYWHERE = tuple(CATALOGUE.endpoints)
LINK = "https://example.com/a.png"


def request(**fields: Any) -> GenerationRequest:
    return GenerationRequest(**({"model": "qwen-image-max", "prompt": "p"} | fields))


def names(choices: tuple[Choice, ...]) -> list[str]:
    return [choice.route.name for choice in choices]


def chosen(configured: Collection[str] = EVERYWHERE, **fields: Any) -> list[str]:
    return names(choose(request(**fields), CATALOGUE, configured))


def refusal(configured: Collection[str] = EVERYWHERE, **fields: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        choose(request(**fields), CATALOGUE, configured)
    assert caught.value.problems
    return caught.value


def test_every_route_of_the_model_is_chosen_where_nothing_rules_one_out() -> None:
    assert chosen() == [
        "mulerouter/qwen-image-max",
        "dashscope-cn/qwen-image-max",
        "dashscope-intl/qwen-image-max",
        "pixeldojo/qwen-image-max",
    ]


def test_routes_without_a_key_are_left_out() -> None:
    assert chosen(["pixeldojo", "aimlapi"]) == ["pixeldojo/qwen-image-max"]


def test_refusal_names_the_keys_that_are_missing_where_no_route_is_ready() -> None:
    error = refusal(["aimlapi"])
    assert error.problems[0].field == "route"
    for endpoint in ("dashscope-cn", "dashscope-intl", "mulerouter", "pixeldojo"):
        assert endpoint in error.problems[0].message


def test_route_that_honours_more_of_the_request_is_preferred() -> None:
    assert chosen(watermark=True)[-1] == "mulerouter/qwen-image-max"
    assert chosen(safety_filter=True)[0] == "mulerouter/qwen-image-max"
    assert chosen(model="qwen-image", prompt="x" * 900)[0] == "aimlapi/qwen-image"


def test_strict_leaves_only_routes_that_honour_everything() -> None:
    assert chosen(strict=True, safety_filter=True) == ["mulerouter/qwen-image-max"]
    assert chosen(strict=True, model="qwen-image", prompt="x" * 900) == ["aimlapi/qwen-image"]


def test_callers_own_order_of_routes_is_kept() -> None:
    routes = ["dashscope-cn/qwen-image-max", "mulerouter/qwen-image-max"]
    assert chosen(route=routes, safety_filter=True) == routes


def test_route_named_twice_is_tried_once() -> None:
    assert chosen(route=["mulerouter/qwen-image-max"] * 3) == ["mulerouter/qwen-image-max"]


def test_dated_snapshot_goes_to_the_routes_that_have_it_under_its_own_name() -> None:
    choices = choose(request(model="qwen-image-max-2025-12-30"), CATALOGUE, EVERYWHERE)
    assert names(choices) == [
        "dashscope-cn/qwen-image-max",
        "dashscope-intl/qwen-image-max",
        "pixeldojo/qwen-image-max",
    ]
    assert {choice.fit.ask.model for choice in choices} == {"qwen-image-max-2025-12-30"}


@pytest.mark.parametrize("model", ["qwen-image-max", "qwen-image", "qwen-image-lora"])
def test_request_with_a_lora_goes_to_lora_routes_only_whichever_model_it_names(model: str) -> None:
    (choice,) = choose(request(model=model, lora={"weights": "owner/name"}), CATALOGUE, EVERYWHERE)
    assert choice.route.name == "pixeldojo/qwen-image-lora"
    assert choice.fit.ask.model == "qwen-image-max"


def test_lora_model_without_a_lora_is_refused() -> None:
    assert {problem.field for problem in refusal(model="qwen-image-lora").problems} == {"lora"}


def test_unknown_model_is_refused_with_the_models_there_are() -> None:
    (problem,) = refusal(model="qwen-image-mx").problems
    assert problem.field == "model"
    assert problem.allowed == CATALOGUE.models


@pytest.mark.parametrize(
    "route",
    [
        "nobody/qwen-image-max",
        "mulerouter/qwen-image-edit-max",
        "mulerouter",
        "",
        "MULEROUTER/qwen-image-max",
    ],
)
def test_route_that_does_not_serve_the_model_is_refused_with_those_that_do(route: str) -> None:
    (problem,) = refusal(route=[route]).problems
    assert problem.field == "route"
    assert set(problem.allowed or ()) == set(chosen())


def test_named_route_without_a_key_is_refused_rather_than_skipped() -> None:
    error = refusal(["mulerouter"], route=["mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"])
    assert "pixeldojo" in error.problems[0].message
    assert "mulerouter" not in error.problems[0].message


def test_named_route_that_cannot_do_what_is_asked_is_refused_rather_than_skipped() -> None:
    error = refusal(route=["mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"], size="21:9")
    assert {problem.field for problem in error.problems} == {"size"}
    assert len(error.problems) == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"size": "21:9"}, "size"),
        ({"size": "1000*1000"}, "size"),
        ({"n": 2}, "n"),
        ({"seed": 2147483648}, "seed"),
        ({"images": [LINK]}, "images"),
        ({"model": "qwen-image-edit-max"}, "images"),
        ({"model": "qwen-image", "strict": True, "prompt": "x" * 900, "watermark": True}, "watermark"),
    ],
)
def test_refusal_tells_for_each_route_what_it_would_have_taken(fields: dict[str, Any], field: str) -> None:
    error = refusal(**fields)
    about = [problem for problem in error.problems if problem.field == field]
    assert about
    for problem in about:
        route, _, what = problem.message.partition(": ")
        assert route in CATALOGUE.routes
        assert what


def test_route_with_the_wanted_number_of_images_is_found() -> None:
    assert chosen(model="qwen-image", n=4) == ["aimlapi/qwen-image"]
    assert chosen(model="qwen-image-edit-max", images=[LINK], n=6) == [
        "mulerouter/qwen-image-edit-max",
        "dashscope-cn/qwen-image-edit-max",
        "dashscope-intl/qwen-image-edit-max",
    ]


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        ("cheapest", ["dashscope-cn", "mulerouter", "dashscope-intl", "pixeldojo"]),
        ("fastest", ["dashscope-cn", "dashscope-intl", "mulerouter", "pixeldojo"]),
        ("balanced", ["mulerouter", "dashscope-cn", "dashscope-intl", "pixeldojo"]),
    ],
)
def test_policy_orders_the_routes_that_lose_nothing(policy: str, order: list[str]) -> None:
    choices = choose(request(), CATALOGUE, EVERYWHERE, Policy(policy))
    assert names(choices) == [f"{endpoint}/qwen-image-max" for endpoint in order]


@pytest.mark.parametrize("policy", Policy)
def test_no_policy_prefers_a_route_on_which_more_is_lost(policy: Policy) -> None:
    choices = choose(request(safety_filter=True), CATALOGUE, EVERYWHERE, policy)
    assert names(choices)[0] == "mulerouter/qwen-image-max"


def test_prices_in_different_units_are_compared_in_one() -> None:
    usd = {name: float(route.estimated_usd) for name, route in CATALOGUE.routes.items()}
    assert usd["aimlapi/qwen-image"] == 0.0455
    assert usd["mulerouter/qwen-image-max"] == 0.075
    assert usd["dashscope-cn/qwen-image-max"] == 0.07
    assert all(0.01 < price < 1 for price in usd.values()), "one unit that is forgotten is far off"


def test_same_request_always_chooses_the_same() -> None:
    one = choose(request(watermark=True, size="16:9"), CATALOGUE, EVERYWHERE)
    assert one == choose(request(watermark=True, size="16:9"), CATALOGUE, EVERYWHERE)


# ── What a key allows, what a front door prefers ──────────────────────────────────────────────────────


def key(**known: Any) -> ApiKey:
    return ApiKey(id="key_1", tenant="t", prefix="p", **known)


def allowed(known: ApiKey, **fields: Any) -> list[str]:
    return names(choose(request(**fields), CATALOGUE, EVERYWHERE, key=known))


def forbidden(known: ApiKey, **fields: Any) -> FieldProblem:
    with pytest.raises(ForbiddenError) as caught:
        choose(request(**fields), CATALOGUE, EVERYWHERE, key=known)
    (problem,) = caught.value.problems
    return problem


def test_key_without_a_list_allows_everything() -> None:
    assert allowed(key()) == chosen()


def test_key_allows_its_models_and_no_other() -> None:
    known = key(models=("qwen-image", "qwen-image-plus"))
    assert allowed(known, model="qwen-image-plus") == chosen(model="qwen-image-plus")
    problem = forbidden(known)
    assert (problem.field, problem.allowed) == ("model", ("qwen-image", "qwen-image-plus"))


def test_snapshot_of_an_allowed_model_is_another_model() -> None:
    assert forbidden(key(models=("qwen-image-max",)), model="qwen-image-max-2025-12-30").field == "model"


def test_of_all_routes_those_that_the_key_allows_are_left_in_their_order() -> None:
    routes = ("pixeldojo/qwen-image-max", "mulerouter/qwen-image-max", "aimlapi/qwen-image")
    assert allowed(key(routes=routes)) == ["mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"]


def test_named_route_that_the_key_does_not_allow_is_refused_rather_than_skipped() -> None:
    known = key(routes=("mulerouter/qwen-image-max",))
    named = ["mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"]
    assert allowed(known, route=named[:1]) == named[:1]
    problem = forbidden(known, route=named)
    assert (problem.field, problem.allowed) == ("route", ("mulerouter/qwen-image-max",))


def test_model_none_of_whose_routes_the_key_allows_is_refused() -> None:
    assert forbidden(key(routes=("aimlapi/qwen-image",))).field == "route"
    assert forbidden(key(routes=())).field == "route"
    assert forbidden(key(models=())).field == "model"


def test_lora_goes_past_no_list_of_routes_or_models() -> None:
    lora = {"weights": "owner/name"}
    assert allowed(key(routes=("pixeldojo/qwen-image-lora",)), lora=lora) == ["pixeldojo/qwen-image-lora"]
    assert forbidden(key(routes=("pixeldojo/qwen-image-max",)), lora=lora).field == "route"
    assert forbidden(key(models=("qwen-image",)), lora=lora).field == "model"


def test_refusal_for_a_key_tells_nothing_of_other_routes() -> None:
    known = key(routes=("mulerouter/qwen-image-max",))
    with pytest.raises(InvalidRequestError) as caught:
        choose(request(n=2), CATALOGUE, EVERYWHERE, key=known)
    assert {problem.message.partition(":")[0] for problem in caught.value.problems} == set(known.routes or ())


def test_word_that_is_no_model_or_route_is_the_callers_fault_and_not_the_keys() -> None:
    for fields, field in (({"model": "nothing"}, "model"), ({"route": ["nobody/nothing"]}, "route")):
        with pytest.raises(InvalidRequestError) as caught:
            choose(request(**fields), CATALOGUE, EVERYWHERE, key=key(models=(), routes=()))
        assert [problem.field for problem in caught.value.problems] == [field]


def test_preferred_endpoints_routes_come_first_and_then_any_other() -> None:
    choices = choose(request(), CATALOGUE, EVERYWHERE, prefer=["pixeldojo"])
    assert names(choices) == ["pixeldojo/qwen-image-max", *chosen()[:3]]
    both = choose(request(), CATALOGUE, EVERYWHERE, prefer=["dashscope-intl", "dashscope-cn"])
    assert names(both) == [
        "dashscope-cn/qwen-image-max",
        "dashscope-intl/qwen-image-max",
        "mulerouter/qwen-image-max",
        "pixeldojo/qwen-image-max",
    ]


def test_preferred_endpoint_comes_first_although_more_is_lost_there() -> None:
    choices = choose(request(safety_filter=True), CATALOGUE, EVERYWHERE, prefer=["pixeldojo"])
    assert names(choices)[:2] == ["pixeldojo/qwen-image-max", "mulerouter/qwen-image-max"]


def test_preferred_endpoint_that_cannot_do_it_is_passed_over() -> None:
    choices = choose(request(model="qwen-image", n=2), CATALOGUE, EVERYWHERE, prefer=["pixeldojo"])
    assert names(choices) == ["aimlapi/qwen-image"]
    assert names(choose(request(), CATALOGUE, EVERYWHERE, prefer=["nobody"])) == chosen()
    assert names(choose(request(), CATALOGUE, ["mulerouter"], prefer=["pixeldojo"])) == [
        "mulerouter/qwen-image-max"
    ]


def test_callers_own_order_goes_before_what_a_door_prefers() -> None:
    routes = ["mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"]
    assert names(choose(request(route=routes), CATALOGUE, EVERYWHERE, prefer=["pixeldojo"])) == routes
