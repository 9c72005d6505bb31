"""What one route is asked for: the caller's request after the route's own rules were applied."""

from typing import NamedTuple

from easel.domain.sizes import Geometry


class LoraAsk(NamedTuple):
    """A LoRA by URL or HuggingFace path, and its settings."""

    weights: str
    scale: float | None = None
    steps: int | None = None
    guidance: float | None = None
    go_fast: bool | None = None

    def __repr__(self) -> str:
        return "LoraAsk(...)"


class Ask(NamedTuple):
    """A checked request in the field's words. None means that the caller did not say: leave it out.

    `model` is the vendor's own name of the model. `images` are https URLs or data URIs, in the
    caller's order. Prompt and images stay out of the repr.
    """

    model: str
    prompt: str
    negative_prompt: str | None = None
    geometry: Geometry | None = None
    n: int | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    safety_filter: bool | None = None
    watermark: bool | None = None
    images: tuple[str, ...] = ()
    lora: LoraAsk | None = None
    output_format: str | None = None
    guidance_scale: float | None = None

    def __repr__(self) -> str:
        return f"Ask(model={self.model!r}, ...)"
