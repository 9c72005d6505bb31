"""Which requests some route takes, as JSON Schema made from the catalogue.

A request that names no route needs one that can serve it; of those that it names, each must. So there is
one alternative for each kind of route, and one for each set of kinds that a request may name together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from easel.catalogue import Catalogue, Route
from easel.domain.capabilities import SWITCHES, Capabilities
from easel.domain.sizes import SizeRule

Schema = dict[str, Any]
NULL: Schema = {"type": "null"}


@dataclass(frozen=True, slots=True)
class Kind:
    """Routes that serve the same models and can do the same."""

    models: tuple[str, ...]
    can: Capabilities
    routes: tuple[str, ...]


def route_rules(catalogue: Catalogue) -> Schema:
    """The schema. What it says of a field narrows what the request's own schema says."""
    kinds = _kinds(catalogue)
    rules = [_alternative([kind], catalogue) for kind in kinds]
    rules += [_alternative(several, catalogue) for several in _together(kinds)]
    about = (
        "What some route takes. `GET /v1/models` says the same of each route by itself, and what it costs."
    )
    return {"title": "WhatRoutesTake", "description": about, "anyOf": rules}


def _kinds(catalogue: Catalogue) -> list[Kind]:
    found: list[Kind] = []
    for route in catalogue.routes.values():
        models = _models(route, catalogue)
        for number, kind in enumerate(found):
            if (kind.models, kind.can) == (models, route.capabilities):
                found[number] = Kind(models, kind.can, (*kind.routes, route.name))
                break
        else:
            found.append(Kind(models, route.capabilities, (route.name,)))
    return found


def _models(route: Route, catalogue: Catalogue) -> tuple[str, ...]:
    lora = route.capabilities.lora
    return tuple(model for model in catalogue.models if catalogue.serves(route, model, lora=lora))


def _together(kinds: Sequence[Kind]) -> Iterator[list[Kind]]:
    """Kinds that one request may name routes of: they share a model, and with or without a LoRA."""
    for count in range(2, len(kinds) + 1):
        for several in combinations(kinds, count):
            shared = set.intersection(*(set(kind.models) for kind in several))
            if shared and len({kind.can.lora for kind in several}) == 1:
                yield list(several)


def _alternative(kinds: Sequence[Kind], catalogue: Catalogue) -> Schema:
    names = [name for kind in kinds for name in kind.routes]
    several: Schema = {"type": "array", "items": {"enum": names}}
    named: Schema = several if len(kinds) > 1 else {"anyOf": [NULL, {"enum": names}, several]}
    rules = [_rule(kind) for kind in kinds]
    whole: Schema = {"title": " or ".join(names) if len(kinds) == 1 else " and ".join(names)}
    required = sorted({field for rule in rules for field in rule["required"]})
    if len(kinds) > 1:
        return whole | {
            "allOf": rules,
            "properties": {"route": named},
            "required": sorted({*required, "route"}),
        }
    (rule,) = rules
    return whole | rule | {"properties": rule["properties"] | {"route": named}}


def _rule(kind: Kind) -> Schema:
    """What a kind's routes take; with `strict`, only what they honour as it is asked."""
    can = kind.can
    low, high = can.seed_range
    fewest, most = can.images
    properties: Schema = {
        "model": {"enum": list(kind.models)},
        "size": {"pattern": f"^({size_pattern(can.sizes)})$"} if can.sizes else NULL,
        "n": {"maximum": can.n_max},
        "seed": {"minimum": low} | ({} if high is None else {"maximum": high}),
        "images": {"minItems": fewest, "maxItems": most},
        "lora": {"type": "object"} if can.lora else NULL,
    }
    required = ["model"] + (["images"] if fewest else []) + (["lora"] if can.lora else [])
    strictly: Schema = {"strict": {"const": True}, **_honoured(can)}
    return {
        "properties": properties,
        "required": required,
        "anyOf": [
            {"properties": {"strict": {"const": False}}},
            {"properties": strictly, "required": ["strict"]},
        ],
    }


def _honoured(can: Capabilities) -> Mapping[str, Schema]:
    lengths = {"prompt": can.prompt_max, "negative_prompt": can.negative_prompt_max}
    return {
        **{name: {"maxLength": most} for name, most in lengths.items() if most is not None},
        **{name: NULL for name in SWITCHES if name not in can.switches},
        "output_format": {"enum": [*can.output_formats, None]},
        **({} if can.guidance_scale else {"guidance_scale": NULL}),
    }


def size_pattern(rule: SizeRule) -> str:
    """The sizes that a route offers, as a pattern for `W*H`, `WxH` and ratios."""
    pixels = [f"{size.width}[*x]{size.height}" for size in rule.by_ratio.values() if size is not None]
    if rule.free_side is not None:
        low, high = rule.free_side
        side = f"({_numbers(low, high, rule.multiple)})"
        pixels.append(f"{side}[*x]{side}")
    return "|".join([*rule.by_ratio, *pixels])


def _numbers(low: int, high: int, step: int) -> str:
    """The numbers of a range as a pattern: one by one, or where all of them are meant, by their digits."""
    if step > 1:
        return "|".join(str(number) for number in range(low, high + 1) if number % step == 0)
    parts = []
    while low <= high:
        span = 1
        while low % (span * 10) == 0 and low + span * 10 - 1 <= high:
            span *= 10
        # As many blocks of `span` numbers as end with the same digits before them.
        digit = low // span % 10
        count = min(10 - digit, (high - low + 1) // span)
        head = str(low // span // 10) if low // span >= 10 else ""
        block = f"[{digit}-{digit + count - 1}]" if count > 1 else str(digit)
        parts.append(head + block + "[0-9]" * (len(str(span)) - 1))
        low += span * count
    return "|".join(parts)
