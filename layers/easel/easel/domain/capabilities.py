"""What a route can do, and how a request fits it: applied, mapped, dropped, truncated, or refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from easel.domain.ask import Ask, LoraAsk
from easel.domain.request import GenerationRequest
from easel.domain.sizes import Geometry, SizeRule, parse_size
from easel.errors import FieldProblem

SWITCHES = ("prompt_extend", "safety_filter", "watermark")


class ParameterReport(BaseModel):
    """What became of each parameter that the caller set, on one route."""

    model_config = ConfigDict(frozen=True)

    applied: dict[str, Any] = Field(default_factory=dict, description="sent as asked")
    mapped: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="sent in other words: from, to"
    )
    dropped: dict[str, str] = Field(default_factory=dict, description="not sent: why")
    truncated: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="cut to the route's limit, in code points: from, to"
    )

    @property
    def losses(self) -> int:
        """How many parameters the route does not honour as asked."""
        return len(self.dropped) + len(self.truncated)


class Capabilities(NamedTuple):
    """One route's parameters and limits. Lengths are in code points; None means no stated limit."""

    prompt_max: int | None
    negative_prompt_max: int | None
    sizes: SizeRule | None
    n_max: int = 1
    seed_range: tuple[int, int | None] = (0, 2147483647)
    images: tuple[int, int] = (0, 0)
    switches: frozenset[str] = frozenset()
    lora: bool = False
    output_formats: tuple[str, ...] = ()
    guidance_scale: bool = False


class Fit(NamedTuple):
    """How a request fits a route. With `problems` the route cannot serve it and `ask` must not be sent."""

    ask: Ask
    report: ParameterReport
    problems: tuple[FieldProblem, ...] = ()


@dataclass(slots=True)
class _Fitting:
    """The notes taken while one request is held against one route."""

    request: GenerationRequest
    can: Capabilities
    applied: dict[str, Any] = field(default_factory=dict)
    mapped: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    truncated: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[FieldProblem] = field(default_factory=list)

    def text(self, name: str, limit: int | None) -> str | None:
        value: str | None = getattr(self.request, name)
        if value is None or value == "":
            return None
        if limit is None or len(value) <= limit:
            self.applied[name] = value
            return value
        if self.request.strict:
            message = f"has {len(value)} code points, this route takes {limit}"
            self.problems.append(FieldProblem(name, message, limit=limit))
        self.truncated[name] = {"from": len(value), "to": limit}
        return value[:limit]

    def optional(self, name: str, offered: bool) -> Any:
        """A parameter that a route may lack without being the wrong route."""
        value = getattr(self.request, name)
        if value is None:
            return None
        if offered:
            self.applied[name] = value
            return value
        reason = "this route has no such parameter"
        if self.request.strict:
            self.problems.append(FieldProblem(name, reason))
        self.dropped[name] = reason
        return None

    def geometry(self) -> Geometry | None:
        asked, rule = self.request.size, self.can.sizes
        if asked is None:
            return None
        parsed = parse_size(asked)
        geometry = rule.resolve(parsed) if rule and parsed is not None else None
        if rule is None or geometry is None:
            allowed = rule.allowed() if rule else ()
            message = "is not a size of this route" if rule else "cannot be chosen on this route"
            self.problems.append(FieldProblem("size", message, allowed=allowed))
            return None
        sent = rule.wire_text(geometry)
        if sent == asked.replace("x", "*"):
            self.applied["size"] = sent
        else:
            self.mapped["size"] = {"from": asked, "to": sent}
        return geometry

    def bounded(self, name: str, low: int, high: int | None) -> int | None:
        value: int | None = getattr(self.request, name)
        if value is None:
            return None
        if value < low or (high is not None and value > high):
            bounds = f"{low} to {high}" if high is not None else f"{low} or more"
            self.problems.append(FieldProblem(name, f"must be {bounds} on this route", limit=bounds))
        self.applied[name] = value
        return value

    def images(self) -> tuple[str, ...]:
        low, high = self.can.images
        images = self.request.images
        if not low <= len(images) <= high:
            takes = f"{low} to {high} input images" if high else "no input images"
            message = f"this route takes {takes}, the request has {len(images)}"
            self.problems.append(FieldProblem("images", message, limit=f"{low} to {high}"))
        if images:
            self.applied["images"] = len(images)
        return images

    def lora(self) -> LoraAsk | None:
        lora = self.request.lora
        if lora is None:
            if self.can.lora:
                self.problems.append(FieldProblem("lora", "this route needs a LoRA"))
            return None
        if not self.can.lora:
            self.problems.append(FieldProblem("lora", "this route has no LoRA"))
            return None
        values = lora.model_dump(exclude_none=True)
        self.applied["lora"] = values
        return LoraAsk(**values)

    def output_format(self) -> str | None:
        offered = self.can.output_formats
        return self.optional("output_format", self.request.output_format in offered)  # type: ignore[no-any-return]

    def report(self) -> ParameterReport:
        return ParameterReport(
            applied={name: value for name, value in self.applied.items() if name not in UNREPORTED},
            mapped=self.mapped,
            dropped=self.dropped,
            truncated=self.truncated,
        )


UNREPORTED = frozenset({"prompt", "negative_prompt"})  # applied whole: the request shows them already


def fit(request: GenerationRequest, can: Capabilities, wire_model: str) -> Fit:
    """Hold a request against a route's rules. Pure; the same request always fits the same way."""
    notes = _Fitting(request, can)
    switches: Mapping[str, bool | None] = {
        name: notes.optional(name, name in can.switches) for name in SWITCHES
    }
    ask = Ask(
        model=wire_model,
        prompt=notes.text("prompt", can.prompt_max) or request.prompt,
        negative_prompt=notes.text("negative_prompt", can.negative_prompt_max),
        geometry=notes.geometry(),
        n=notes.bounded("n", 1, can.n_max),
        seed=notes.bounded("seed", *can.seed_range),
        images=notes.images(),
        lora=notes.lora(),
        output_format=notes.output_format(),
        guidance_scale=notes.optional("guidance_scale", can.guidance_scale),
        **switches,
    )
    return Fit(ask, notes.report(), tuple(notes.problems))
