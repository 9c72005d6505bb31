"""What one route is asked for: the caller's request after the route's own rules were applied."""

from dataclasses import dataclass, field

from easel.domain.sizes import Geometry


@dataclass(frozen=True, slots=True)
class LoraAsk:
    """A LoRA by URL or HuggingFace path, and its settings."""

    weights: str = field(repr=False)
    scale: float | None = None
    steps: int | None = None
    guidance: float | None = None
    go_fast: bool | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A checked request in the field's words. None means that the caller did not say: leave it out.

    `model` is the vendor's own name of the model. `images` are https URLs or data URIs, in the
    caller's order. Prompt and images stay out of the repr.
    """

    model: str
    prompt: str = field(repr=False)
    negative_prompt: str | None = field(default=None, repr=False)
    geometry: Geometry | None = None
    n: int | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    safety_filter: bool | None = None
    watermark: bool | None = None
    images: tuple[str, ...] = field(default=(), repr=False)
    lora: LoraAsk | None = None
    output_format: str | None = None
    guidance_scale: float | None = None
