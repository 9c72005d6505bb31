"""The routes to the vendors: what each takes, what it costs, what it allows."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tests.bench.yardsticks.records import Money


class Frozen(BaseModel):
    """What does not change."""

    model_config = ConfigDict(frozen=True)


class Size(Frozen):
    """Width and height in pixels."""

    width: int
    height: int


class Limits(Frozen):
    """How often a vendor may be asked."""

    per_second: float | None = None
    per_minute: float | None = None
    running: int | None = None


class Capabilities(Frozen):
    """What a route takes."""

    prompt_max: int | None = 800
    negative_prompt_max: int | None = 500
    sizes: dict[str, Size | None] = Field(default_factory=dict)
    free_side: tuple[int, int] | None = None
    n_max: int = 1
    images: tuple[int, int] = (0, 0)
    switches: frozenset[str] = frozenset()
    lora: bool = False
    output_formats: tuple[str, ...] = ()
    guidance: bool = False


class Route(Frozen):
    """A model at a vendor."""

    name: str
    vendor: Literal["mulerouter", "pixeldojo", "dashscope", "aimlapi"]
    base_url: str
    result_hosts: tuple[str, ...]
    models: dict[str, str]
    capabilities: Capabilities
    price: Money
    usd_per_unit: Decimal = Decimal(1)
    typical_seconds: float
    limits: Limits = Limits()
    sync: bool = False


QWEN_SIZES = {
    "16:9": Size(width=1664, height=928),
    "4:3": Size(width=1472, height=1104),
    "1:1": Size(width=1328, height=1328),
    "3:4": Size(width=1104, height=1472),
    "9:16": Size(width=928, height=1664),
}
AIML_SIZES = {
    "16:9": Size(width=1024, height=576),
    "4:3": Size(width=1024, height=768),
    "1:1": Size(width=1024, height=1024),
    "3:4": Size(width=768, height=1024),
    "9:16": Size(width=576, height=1024),
}
MULE_SWITCHES = frozenset({"prompt_extend", "safety_filter"})
SWITCHES = frozenset({"prompt_extend", "watermark"})
DRAW = Capabilities(sizes=QWEN_SIZES, switches=SWITCHES)
EDIT = Capabilities(free_side=(512, 2048), n_max=6, images=(1, 3), switches=SWITCHES)
LORA_RATIOS = dict.fromkeys(("1:1", "16:9", "9:16", "4:3", "3:4", "21:9"))


def mulerouter(model: str, capabilities: Capabilities) -> Route:
    """A route of MuleRouter's."""
    return Route(
        name=f"mulerouter/{model}",
        vendor="mulerouter",
        base_url="https://api.mulerouter.ai",
        result_hosts=("mule-router-assets.muleusercontent.com", "mulerouter.muleusercontent.com"),
        models={model: model},
        capabilities=capabilities,
        price=Money(amount=Decimal("0.075"), currency="USD"),
        typical_seconds=30,
    )


def pixeldojo(model: str, capabilities: Capabilities, vendors_model: str) -> Route:
    """A route of PixelDojo's."""
    return Route(
        name=f"pixeldojo/{model}",
        vendor="pixeldojo",
        base_url="https://pixeldojo.ai",
        result_hosts=("temp.pixeldojo.ai",),
        models={model: vendors_model},
        capabilities=capabilities,
        price=Money(amount=Decimal(2), currency="credits"),
        usd_per_unit=Decimal("0.05"),
        typical_seconds=30,
        limits=Limits(per_minute=10),
    )


def dashscope(endpoint: str, host: str, model: str, price: str) -> Route:
    """A route of one of DashScope's regions."""
    sync = model not in ("qwen-image", "qwen-image-plus")
    edits = "edit" in model
    return Route(
        name=f"{endpoint}/{model}",
        vendor="dashscope",
        base_url=f"https://{host}",
        result_hosts=(
            "dashscope-result-bj.oss-cn-beijing.aliyuncs.com",
            "dashscope-result-sh.oss-cn-shanghai.aliyuncs.com",
            "dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com",
        ),
        models={model: model},
        capabilities=EDIT if edits else DRAW,
        price=Money(amount=Decimal(price), currency="CNY"),
        usd_per_unit=Decimal("0.14"),
        typical_seconds=25,
        limits=Limits(per_minute=2) if sync else Limits(per_second=2, running=2),
        sync=sync,
    )


REGIONS = {"dashscope-intl": "dashscope-intl.aliyuncs.com", "dashscope-cn": "dashscope.aliyuncs.com"}
PRICES = {
    "qwen-image-max": "0.5",
    "qwen-image-plus": "0.2",
    "qwen-image": "0.25",
    "qwen-image-edit-max": "0.5",
    "qwen-image-edit-plus": "0.2",
    "qwen-image-edit": "0.3",
}
ROUTES = {
    route.name: route
    for route in (
        mulerouter("qwen-image-max", DRAW.model_copy(update={"switches": MULE_SWITCHES})),
        mulerouter("qwen-image-edit-max", EDIT.model_copy(update={"switches": MULE_SWITCHES})),
        pixeldojo("qwen-image-max", DRAW, "qwen-image-max"),
        pixeldojo("qwen-image-plus", DRAW, "qwen-image-plus"),
        pixeldojo("qwen-image", DRAW, "qwen-image"),
        pixeldojo("qwen-image-lora", Capabilities(sizes=LORA_RATIOS, n_max=4, lora=True), "qwen-image-max"),
        *(
            dashscope(name, host, model, price)
            for name, host in REGIONS.items()
            for model, price in PRICES.items()
        ),
        Route(
            name="aimlapi/qwen-image",
            vendor="aimlapi",
            base_url="https://api.aimlapi.com",
            result_hosts=("cdn.aimlapi.com",),
            models={"qwen-image": "alibaba/qwen-image"},
            capabilities=Capabilities(
                prompt_max=4000,
                negative_prompt_max=None,
                sizes=AIML_SIZES,
                free_side=(512, 1536),
                n_max=4,
                switches=frozenset({"safety_filter"}),
                output_formats=("png", "jpeg"),
                guidance=True,
            ),
            price=Money(amount=Decimal(91000), currency="credits"),
            usd_per_unit=Decimal("0.0000005"),
            typical_seconds=10,
            sync=True,
        ),
    )
}
