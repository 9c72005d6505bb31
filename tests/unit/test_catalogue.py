"""The catalogue: no name twice, and each route's facts as the vendors state them.

The expectations are written out here, so that a slip in the catalogue is seen. They follow the vendors'
documentation: MuleRouter's and PixelDojo's endpoint pages, Alibaba's references, rate limits and prices of
Model Studio (2026-02 to 2026-03), AI/ML API's schema (2026-08).
"""

from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import pytest

from easel.catalogue import CATALOGUE, Catalogue, Endpoint, Route
from easel.domain.money import Money
from easel.domain.sizes import Size, parse_size
from easel.errors import SettingsError

INT32 = (0, 2147483647)
FIVE = {
    "16:9": (1664, 928),
    "4:3": (1472, 1104),
    "1:1": (1328, 1328),
    "3:4": (1104, 1472),
    "9:16": (928, 1664),
}
AIML = {"16:9": (1024, 576), "4:3": (1024, 768), "1:1": (1024, 1024), "3:4": (768, 1024), "9:16": (576, 1024)}
EDIT = {
    "1:1": (1024, 1024), "2:3": (768, 1152), "3:2": (1152, 768), "3:4": (960, 1280), "4:3": (1280, 960),
    "9:16": (720, 1280), "16:9": (1280, 720), "21:9": (1344, 576),
}  # fmt: skip
LORA = dict.fromkeys(("1:1", "16:9", "9:16", "4:3", "3:4", "21:9"))

# prompt, negative prompt, seed, n, input images, sizes by ratio, free sides with their step
DRAW = (800, 500, INT32, 1, (0, 0), FIVE, None)
EDITS = (800, 500, INT32, 6, (1, 3), EDIT, (512, 2048, 1))
LIMITS: dict[str, tuple[Any, ...]] = {
    "mulerouter/qwen-image-max": DRAW,
    "mulerouter/qwen-image-edit-max": EDITS,
    "pixeldojo/qwen-image-max": DRAW,
    "pixeldojo/qwen-image-plus": DRAW,
    "pixeldojo/qwen-image": DRAW,
    "pixeldojo/qwen-image-lora": (None, 500, INT32, 4, (0, 0), LORA, None),
    **{
        f"{region}/{label}": row
        for region in ("dashscope-intl", "dashscope-cn")
        for label, row in {
            "qwen-image-max": DRAW,
            "qwen-image-plus": DRAW,
            "qwen-image": DRAW,
            "qwen-image-edit-max": EDITS,
            "qwen-image-edit-plus": EDITS,
            "qwen-image-edit": (800, 500, INT32, 1, (1, 3), None, None),
        }.items()
    },
    "aimlapi/qwen-image": (4000, None, (1, None), 4, (0, 0), AIML, (512, 1536, 32)),
}
PRICES = {
    "mulerouter/qwen-image-max": ("0.075", "USD"),
    "mulerouter/qwen-image-edit-max": ("0.075", "USD"),
    "pixeldojo/qwen-image-max": ("2", "credits"),
    "pixeldojo/qwen-image-plus": ("2", "credits"),
    "pixeldojo/qwen-image": ("2", "credits"),
    "pixeldojo/qwen-image-lora": ("2", "credits"),
    "dashscope-intl/qwen-image-max": ("0.550443", "CNY"),
    "dashscope-intl/qwen-image-plus": ("0.220177", "CNY"),
    "dashscope-intl/qwen-image": ("0.256873", "CNY"),
    "dashscope-intl/qwen-image-edit-max": ("0.550443", "CNY"),
    "dashscope-intl/qwen-image-edit-plus": ("0.220177", "CNY"),
    "dashscope-intl/qwen-image-edit": ("0.33", "CNY"),
    "dashscope-cn/qwen-image-max": ("0.5", "CNY"),
    "dashscope-cn/qwen-image-plus": ("0.2", "CNY"),
    "dashscope-cn/qwen-image": ("0.256873", "CNY"),
    "dashscope-cn/qwen-image-edit-max": ("0.5", "CNY"),
    "dashscope-cn/qwen-image-edit-plus": ("0.2", "CNY"),
    "dashscope-cn/qwen-image-edit": ("0.3", "CNY"),
    "aimlapi/qwen-image": ("91000", "credits"),
}
SWITCHES = {
    "mulerouter": {"prompt_extend", "safety_filter"},
    "pixeldojo": {"prompt_extend", "watermark"},
    "dashscope-intl": {"prompt_extend", "watermark"},
    "dashscope-cn": {"prompt_extend", "watermark"},
    "aimlapi": {"safety_filter"},
}
BASE_URLS = {
    "mulerouter": "https://api.mulerouter.ai",
    "pixeldojo": "https://pixeldojo.ai",
    "dashscope-intl": "https://dashscope-intl.aliyuncs.com",
    "dashscope-cn": "https://dashscope.aliyuncs.com",
    "aimlapi": "https://api.aimlapi.com",
}
SNAPSHOTS = {
    "pixeldojo/qwen-image-max": {"qwen-image-max-2025-12-30"},
    "pixeldojo/qwen-image-plus": {"qwen-image-plus-2026-01-09"},
    "dashscope-intl/qwen-image-max": {"qwen-image-max-2025-12-30"},
    "dashscope-cn/qwen-image-max": {"qwen-image-max-2025-12-30"},
    "dashscope-intl/qwen-image-plus": {"qwen-image-plus-2026-01-09"},
    "dashscope-cn/qwen-image-plus": {"qwen-image-plus-2026-01-09"},
    "dashscope-intl/qwen-image-edit-max": {"qwen-image-edit-max-2026-01-16"},
    "dashscope-cn/qwen-image-edit-max": {"qwen-image-edit-max-2026-01-16"},
    "dashscope-intl/qwen-image-edit-plus": {
        "qwen-image-edit-plus-2025-10-30",
        "qwen-image-edit-plus-2025-12-15",
    },
    "dashscope-cn/qwen-image-edit-plus": {
        "qwen-image-edit-plus-2025-10-30",
        "qwen-image-edit-plus-2025-12-15",
    },
}

ROUTE = CATALOGUE.routes["mulerouter/qwen-image-max"]


def test_catalogue_has_exactly_the_routes_that_are_known() -> None:
    assert set(CATALOGUE.routes) == set(LIMITS) == set(PRICES)


@pytest.mark.parametrize("name", LIMITS)
def test_limits_of_a_route_are_the_vendors(name: str) -> None:
    can = CATALOGUE.routes[name].capabilities
    prompt, negative, seed, n, images, sizes, free = LIMITS[name]
    assert (can.prompt_max, can.negative_prompt_max, can.seed_range) == (prompt, negative, seed)
    assert (can.n_max, can.images) == (n, images)
    if sizes is None:
        assert can.sizes is None
        return
    assert can.sizes is not None
    expected = {ratio: Size(*sides) if sides else None for ratio, sides in sizes.items()}
    assert dict(can.sizes.by_ratio) == expected
    step = (*can.sizes.free_side, can.sizes.multiple) if can.sizes.free_side else None
    assert step == free


@pytest.mark.parametrize("name", PRICES)
def test_price_of_a_route_is_the_vendors(name: str) -> None:
    assert CATALOGUE.routes[name].price == Money.of(*PRICES[name])


@pytest.mark.parametrize("name", LIMITS)
def test_switches_of_a_route_are_the_vendors(name: str) -> None:
    route = CATALOGUE.routes[name]
    lora = name == "pixeldojo/qwen-image-lora"
    assert route.capabilities.switches == (set() if lora else SWITCHES[route.endpoint.name])
    assert route.capabilities.lora is lora


def test_only_aiml_chooses_format_and_guidance() -> None:
    able = {name for name, route in CATALOGUE.routes.items() if route.capabilities.guidance_scale}
    formats = {name: route.capabilities.output_formats for name, route in CATALOGUE.routes.items()}
    assert able == {"aimlapi/qwen-image"}
    assert {name for name, offered in formats.items() if offered} == able
    assert set(formats["aimlapi/qwen-image"]) == {"png", "jpeg"}


def test_pixeldojo_is_sent_ratios_and_everyone_else_pixels() -> None:
    for route in CATALOGUE.routes.values():
        if route.capabilities.sizes:
            expected = "ratio" if route.endpoint.name == "pixeldojo" else "pixels"
            assert route.capabilities.sizes.speaks == expected


@pytest.mark.parametrize("name", LIMITS)
def test_models_of_a_route_are_its_own_and_its_dated_snapshots(name: str) -> None:
    route = CATALOGUE.routes[name]
    assert set(route.models) == {route.label} | SNAPSHOTS.get(name, set())


def test_vendors_own_model_names_are_the_callers_except_where_the_vendor_has_another() -> None:
    other = {
        (route.name, model, wire)
        for route in CATALOGUE.routes.values()
        for model, wire in route.models.items()
        if model != wire
    }
    assert other == {
        ("pixeldojo/qwen-image-lora", "qwen-image-lora", "qwen-image-max"),
        ("aimlapi/qwen-image", "qwen-image", "alibaba/qwen-image"),
    }


def test_endpoints_stand_at_the_vendors_own_addresses() -> None:
    assert {name: one.base_url for name, one in CATALOGUE.endpoints.items()} == BASE_URLS


def test_settings_prefixes_are_those_of_the_settings_table() -> None:
    assert {name: one.setting for name, one in CATALOGUE.endpoints.items()} == {
        "mulerouter": "MULEROUTER",
        "pixeldojo": "PIXELDOJO",
        "dashscope-intl": "DASHSCOPE",
        "dashscope-cn": "DASHSCOPE_CN",
        "aimlapi": "AIMLAPI",
    }


def test_result_hosts_are_plain_lower_case_names() -> None:
    for endpoint in CATALOGUE.endpoints.values():
        assert endpoint.result_hosts
        for host in endpoint.result_hosts:
            assert urlsplit(f"https://{host}/").hostname == host
            assert "." in host
            assert "*" not in host


@pytest.mark.parametrize("model", CATALOGUE.models)
def test_every_model_is_served_by_a_route(model: str) -> None:
    serving = CATALOGUE.serving(model)
    assert serving
    assert all(model in route.models for route in serving)


def test_unknown_model_is_served_by_no_route() -> None:
    assert CATALOGUE.serving("qwen") == ()


def test_every_listed_size_is_a_size_that_callers_may_write() -> None:
    for route in CATALOGUE.routes.values():
        if route.capabilities.sizes and not route.capabilities.sizes.free_side:
            for text in route.capabilities.sizes.allowed():
                parsed = parse_size(text)
                assert parsed is not None
                assert route.capabilities.sizes.resolve(parsed)


def test_route_named_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="twice"):
        Catalogue.of([ROUTE, ROUTE._replace(typical_seconds=5)])


def test_two_endpoints_of_one_name_are_refused() -> None:
    other = ROUTE._replace(label="other", endpoint=ROUTE.endpoint._replace(base_url="https://example.com"))
    with pytest.raises(SettingsError, match="two endpoints named mulerouter"):
        Catalogue.of([ROUTE, other])


def test_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CATALOGUE.routes["x/y"] = ROUTE  # type: ignore[index]
    with pytest.raises(TypeError):
        del CATALOGUE.endpoints["mulerouter"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("route", CATALOGUE.routes.values(), ids=CATALOGUE.routes)
def test_every_route_is_complete(route: Route) -> None:
    assert route.typical_seconds > 0
    assert route.price.amount > 0
    assert route.name == f"{route.endpoint.name}/{route.label}"
    assert route.endpoint.failed_task_cost in get_args(Literal["free", "refunded", "unstated"])
    assert isinstance(route.endpoint, Endpoint)
