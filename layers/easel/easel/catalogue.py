"""The one table of vendors' endpoints and routes: parameters, limits, sizes, prices, latencies.

A new vendor is an adapter file and its entries here. Every fact is the vendor's own documentation's
unless a comment says otherwise; vendors' pages were read up to 2026-11.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from easel.domain.capabilities import Capabilities
from easel.domain.limits import NO_LIMITS, RouteLimits
from easel.domain.money import Money
from easel.domain.sizes import Size, SizeRule
from easel.errors import SettingsError

if TYPE_CHECKING:
    from easel.vendors.base import Adapter


class Endpoint(NamedTuple):
    """One vendor's API in one region. `setting` prefixes its local settings (`X_API_KEY`, `X_BASE_URL`).

    `failed_task_cost`: whether a task that the vendor took and then failed is `free`, `refunded`, or
    `unstated` (then the receipt says that it may have been billed). `usd_per_unit` is what one unit of the
    routes' currency is worth, about: for comparing prices, never for receipts.
    """

    name: str
    vendor: str
    setting: str
    base_url: str
    result_hosts: tuple[str, ...]
    adapter_of: "Callable[[], Adapter]"
    failed_task_cost: Literal["free", "refunded", "unstated"]
    usd_per_unit: Decimal = Decimal(1)

    @property
    def adapter(self) -> "Adapter":
        """What speaks the vendor's wire contract."""
        return self.adapter_of()


class Route(NamedTuple):
    """A model at an endpoint. `models` maps the names that callers use to the vendor's own.

    `price` is for one image. `typical_seconds` is the usual time from submit to result. `shares_limits`
    names what its limits count for, where that is more than this route. `lora_base`: whether a request with
    a LoRA may name its models, which LoRA routes serve then.
    """

    endpoint: Endpoint
    label: str
    models: Mapping[str, str]
    capabilities: Capabilities
    price: Money
    typical_seconds: float
    limits: RouteLimits = NO_LIMITS
    shares_limits: str | None = None
    lora_base: bool = True

    @property
    def limit_scope(self) -> str:
        """What the route's limits are counted under."""
        return self.shares_limits or self.name

    @property
    def estimated_usd(self) -> Decimal:
        """What one image costs, about, in one currency for all routes."""
        return self.price.amount * self.endpoint.usd_per_unit

    @property
    def name(self) -> str:
        """`endpoint/label`, for example `mulerouter/qwen-image-max`."""
        return f"{self.endpoint.name}/{self.label}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Endpoints and routes by name; a name that occurs twice is refused when the table is made.

    `models` are all model names that a caller may use, in the table's order.
    """

    routes: Mapping[str, Route]
    endpoints: Mapping[str, Endpoint] = field(init=False)
    models: tuple[str, ...] = field(init=False)

    @classmethod
    def of(cls, routes: Sequence[Route]) -> "Catalogue":
        """The table of these routes, in the order in which they are preferred."""
        by_name = {route.name: route for route in routes}
        if len(by_name) != len(routes):
            raise SettingsError("the catalogue names a route twice")
        return cls(MappingProxyType(by_name))

    def __post_init__(self) -> None:
        endpoints: dict[str, Endpoint] = {}
        for route in self.routes.values():
            known = endpoints.setdefault(route.endpoint.name, route.endpoint)
            if known is not route.endpoint:
                raise SettingsError(f"the catalogue has two endpoints named {known.name}")
        models = dict.fromkeys(model for route in self.routes.values() for model in route.models)
        object.__setattr__(self, "endpoints", MappingProxyType(endpoints))
        object.__setattr__(self, "models", tuple(models))

    def serves(self, route: Route, model: str, *, lora: bool) -> bool:
        """Whether a route serves a model; with a LoRA only LoRA routes do, whichever of their kind it is."""
        if lora and any(one.lora_base for one in self.serving(model)):
            return route.capabilities.lora
        return model in route.models

    def serving(self, model: str) -> tuple[Route, ...]:
        """The routes that serve a model, in the table's order."""
        return tuple(route for route in self.routes.values() if model in route.models)


# Adapters are loaded when they are first asked for: only Submit and Poll speak to vendors.
def _mulerouter() -> "Adapter":
    from easel.vendors.mulerouter import MuleRouter

    return MuleRouter()


def _pixeldojo() -> "Adapter":
    from easel.vendors.pixeldojo import PixelDojo

    return PixelDojo()


def _dashscope() -> "Adapter":
    from easel.vendors.dashscope import DashScope

    return DashScope()


def _aimlapi() -> "Adapter":
    from easel.vendors.aimlapi import AimlApi

    return AimlApi()


MULEROUTER = Endpoint(
    name="mulerouter",
    vendor="MuleRouter",
    setting="MULEROUTER",
    base_url="https://api.mulerouter.ai",
    result_hosts=("mule-router-assets.muleusercontent.com", "mulerouter.muleusercontent.com"),
    adapter_of=_mulerouter,
    failed_task_cost="unstated",
)
PIXELDOJO = Endpoint(
    name="pixeldojo",
    vendor="PixelDojo",
    setting="PIXELDOJO",
    base_url="https://pixeldojo.ai",
    result_hosts=("temp.pixeldojo.ai",),
    adapter_of=_pixeldojo,
    failed_task_cost="refunded",
    usd_per_unit=Decimal("0.05"),  # assumed: no price of a credit was found, and packs differ
)
DASHSCOPE_RESULT_HOSTS = (
    "dashscope-result-bj.oss-cn-beijing.aliyuncs.com",
    "dashscope-result-hz.oss-cn-hangzhou.aliyuncs.com",
    "dashscope-result-sh.oss-cn-shanghai.aliyuncs.com",
    "dashscope-result-wlcb.oss-cn-wulanchabu.aliyuncs.com",
    "dashscope-result-zjk.oss-cn-zhangjiakou.aliyuncs.com",
    "dashscope-result-sz.oss-cn-shenzhen.aliyuncs.com",
    "dashscope-result-hy.oss-cn-heyuan.aliyuncs.com",
    "dashscope-result-cd.oss-cn-chengdu.aliyuncs.com",
    "dashscope-result-gz.oss-cn-guangzhou.aliyuncs.com",
    "dashscope-result-wlcb-acdr-1.oss-cn-wulanchabu-acdr-1.aliyuncs.com",
    "dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com",
    "dashscope-result-intl.oss-cn-singapore.aliyuncs.com",
)
USD_PER_CNY = Decimal("0.14")
DASHSCOPE_INTL = Endpoint(
    name="dashscope-intl",
    vendor="DashScope",
    setting="DASHSCOPE",
    base_url="https://dashscope-intl.aliyuncs.com",
    result_hosts=DASHSCOPE_RESULT_HOSTS,
    adapter_of=_dashscope,
    failed_task_cost="free",
    usd_per_unit=USD_PER_CNY,
)
DASHSCOPE_CN = Endpoint(
    name="dashscope-cn",
    vendor="DashScope",
    setting="DASHSCOPE_CN",
    base_url="https://dashscope.aliyuncs.com",
    result_hosts=DASHSCOPE_RESULT_HOSTS,
    adapter_of=_dashscope,
    failed_task_cost="free",
    usd_per_unit=USD_PER_CNY,
)
AIMLAPI = Endpoint(
    name="aimlapi",
    vendor="AI/ML API",
    setting="AIMLAPI",
    base_url="https://api.aimlapi.com",
    result_hosts=("cdn.aimlapi.com", "dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com"),
    adapter_of=_aimlapi,
    failed_task_cost="unstated",  # refused requests are free; a picture blacked out by its filter may not be
    usd_per_unit=Decimal("0.0000005"),  # 2,000,000 credits (docs.aimlapi.com/faq/how-can-i-track-my-funds)
)

QWEN_SIZES = {
    "16:9": Size(1664, 928),
    "4:3": Size(1472, 1104),
    "1:1": Size(1328, 1328),
    "3:4": Size(1104, 1472),
    "9:16": Size(928, 1664),
}
# One suggested size a ratio, the one nearest to a million pixels; any size within the sides is taken.
EDIT_SIZES = {
    "1:1": Size(1024, 1024),
    "2:3": Size(768, 1152),
    "3:2": Size(1152, 768),
    "3:4": Size(960, 1280),
    "4:3": Size(1280, 960),
    "9:16": Size(720, 1280),
    "16:9": Size(1280, 720),
    "21:9": Size(1344, 576),
}
EDIT_SIZE_RULE = SizeRule(EDIT_SIZES, free_side=(512, 2048))
AIML_SIZES = {
    "16:9": Size(1024, 576),
    "4:3": Size(1024, 768),
    "1:1": Size(1024, 1024),
    "3:4": Size(768, 1024),
    "9:16": Size(576, 1024),
}
LORA_RATIOS: Mapping[str, Size | None] = dict.fromkeys(("1:1", "16:9", "9:16", "4:3", "3:4", "21:9"))

MULEROUTER_SWITCHES = frozenset({"prompt_extend", "safety_filter"})
DASHSCOPE_SWITCHES = frozenset({"prompt_extend", "watermark"})

MULEROUTER_ROUTES = (
    Route(
        endpoint=MULEROUTER,
        label="qwen-image-max",
        models={"qwen-image-max": "qwen-image-max"},
        capabilities=Capabilities(800, 500, SizeRule(QWEN_SIZES), switches=MULEROUTER_SWITCHES),
        price=Money.of("0.075", "USD"),
        typical_seconds=30,
    ),
    Route(
        endpoint=MULEROUTER,
        label="qwen-image-edit-max",
        models={"qwen-image-edit-max": "qwen-image-edit-max"},
        capabilities=Capabilities(
            800, 500, EDIT_SIZE_RULE, n_max=6, images=(1, 3), switches=MULEROUTER_SWITCHES
        ),
        price=Money.of("0.075", "USD"),
        typical_seconds=30,
    ),
)

# The DashScope path behind PixelDojo cuts prompts at 800; PixelDojo itself states no limit.
PIXELDOJO_CAPABILITIES = Capabilities(
    800, 500, SizeRule(QWEN_SIZES, speaks="ratio"), switches=DASHSCOPE_SWITCHES
)
PIXELDOJO_PRICE = Money.of(2, "credits")
# The vendor's newer text says 10 a minute, its older one 60; per account, so all its routes share it.
PIXELDOJO_LIMITS = RouteLimits(per_minute=10)
PIXELDOJO_ROUTES = (
    Route(
        endpoint=PIXELDOJO,
        label="qwen-image-max",
        models={model: model for model in ("qwen-image-max", "qwen-image-max-2025-12-30")},
        capabilities=PIXELDOJO_CAPABILITIES,
        price=PIXELDOJO_PRICE,
        typical_seconds=30,
        limits=PIXELDOJO_LIMITS,
        shares_limits="pixeldojo",
    ),
    Route(
        endpoint=PIXELDOJO,
        label="qwen-image-plus",
        models={model: model for model in ("qwen-image-plus", "qwen-image-plus-2026-01-09")},
        capabilities=PIXELDOJO_CAPABILITIES,
        price=PIXELDOJO_PRICE,
        typical_seconds=25,
        limits=PIXELDOJO_LIMITS,
        shares_limits="pixeldojo",
    ),
    Route(
        endpoint=PIXELDOJO,
        label="qwen-image",
        models={"qwen-image": "qwen-image"},
        capabilities=PIXELDOJO_CAPABILITIES,
        price=PIXELDOJO_PRICE,
        typical_seconds=25,
        limits=PIXELDOJO_LIMITS,
        shares_limits="pixeldojo",
    ),
    Route(
        endpoint=PIXELDOJO,
        label="qwen-image-lora",
        models={"qwen-image-lora": "qwen-image-max"},
        capabilities=Capabilities(None, 500, SizeRule(LORA_RATIOS, speaks="ratio"), n_max=4, lora=True),
        price=PIXELDOJO_PRICE,
        typical_seconds=40,
        limits=PIXELDOJO_LIMITS,
        shares_limits="pixeldojo",
    ),
)


def dashscope_routes(endpoint: Endpoint, prices: Mapping[str, str]) -> tuple[Route, ...]:
    """The routes of one DashScope region; `prices` is CNY for one image, by label."""
    draw = Capabilities(800, 500, SizeRule(QWEN_SIZES), switches=DASHSCOPE_SWITCHES)
    edit = Capabilities(800, 500, EDIT_SIZE_RULE, n_max=6, images=(1, 3), switches=DASHSCOPE_SWITCHES)
    edit_plain = Capabilities(800, 500, None, images=(1, 3), switches=DASHSCOPE_SWITCHES)
    # Submits and running tasks count per Alibaba account and model (Model Studio, rate limits, 2026-03).
    slow, quick = RouteLimits(per_minute=2), RouteLimits(per_second=2)
    tasks = RouteLimits(per_second=2, running=2)
    rows: tuple[tuple[str, tuple[str, ...], Capabilities, float, RouteLimits], ...] = (
        ("qwen-image-max", ("qwen-image-max-2025-12-30",), draw, 25, slow),
        ("qwen-image-plus", ("qwen-image-plus-2026-01-09",), draw, 24, tasks),
        ("qwen-image", (), draw, 24, tasks),
        ("qwen-image-edit-max", ("qwen-image-edit-max-2026-01-16",), edit, 25, slow),
        (
            "qwen-image-edit-plus",
            ("qwen-image-edit-plus-2025-10-30", "qwen-image-edit-plus-2025-12-15"),
            edit,
            20,
            quick,
        ),
        ("qwen-image-edit", (), edit_plain, 20, quick),
    )
    return tuple(
        Route(
            endpoint=endpoint,
            label=label,
            models={model: model for model in (label, *snapshots)},
            capabilities=capabilities,
            price=Money.of(prices[label], "CNY"),
            typical_seconds=seconds,
            limits=limits,
        )
        for label, snapshots, capabilities, seconds, limits in rows
    )


DASHSCOPE_INTL_PRICES = {
    "qwen-image-max": "0.550443",
    "qwen-image-plus": "0.220177",
    "qwen-image": "0.256873",
    "qwen-image-edit-max": "0.550443",
    "qwen-image-edit-plus": "0.220177",
    "qwen-image-edit": "0.33",  # "about 0.33" in the stored price page
}
DASHSCOPE_CN_PRICES = {
    "qwen-image-max": "0.5",
    "qwen-image-plus": "0.2",
    "qwen-image": "0.256873",  # Beijing's own price was not found: the international one
    "qwen-image-edit-max": "0.5",
    "qwen-image-edit-plus": "0.2",
    "qwen-image-edit": "0.3",
}

AIMLAPI_ROUTES = (
    Route(
        endpoint=AIMLAPI,
        label="qwen-image",
        models={"qwen-image": "alibaba/qwen-image"},
        capabilities=Capabilities(
            4000,
            None,
            SizeRule(AIML_SIZES, free_side=(512, 1536), multiple=32),
            n_max=4,
            seed_range=(1, None),
            switches=frozenset({"safety_filter"}),
            output_formats=("png", "jpeg"),
            guidance_scale=True,
        ),
        price=Money.of(91000, "credits"),  # seen in the documentation's example answer; no list price
        typical_seconds=10,
    ),
)

CATALOGUE = Catalogue.of(
    (
        *MULEROUTER_ROUTES,
        *PIXELDOJO_ROUTES,
        *dashscope_routes(DASHSCOPE_INTL, DASHSCOPE_INTL_PRICES),
        *dashscope_routes(DASHSCOPE_CN, DASHSCOPE_CN_PRICES),
        *AIMLAPI_ROUTES,
    )
)
