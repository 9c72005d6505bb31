"""What can be set, at the start (latency) and through the control API (all of it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

DAY_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Settings:
    """Each field is a setting; the words and shapes are those between which the vendors' documents differ."""

    latency: tuple[float, float] = (2.0, 5.0)  # seconds from acceptance to the picture: shortest, longest
    link_seconds: float = DAY_SECONDS  # life of a picture's link after the picture is done
    submits_per_second: float = 0  # of one endpoint; more of them within a second are answered 429; 0: any
    short_images: bool = False  # where several images are asked for, one is missing
    mulerouter_submit_word: str = "processing"  # processing, pending, queued
    mulerouter_success_word: str = "completed"  # completed, succeeded
    pixeldojo_submit_status: int = 202  # 202, 200
    pixeldojo_output: str = "images"  # images, image, assets
    pixeldojo_credits_status: int = 402  # 402, 403
    dashscope_empty_code: bool = False  # successes carry code "" and message ""
    aimlapi_shape: str = "v2"  # v1, v2, v3


CHOICES: Mapping[str, tuple[object, ...]] = {
    "mulerouter_submit_word": ("processing", "pending", "queued"),
    "mulerouter_success_word": ("completed", "succeeded"),
    "pixeldojo_submit_status": (202, 200),
    "pixeldojo_output": ("images", "image", "assets"),
    "pixeldojo_credits_status": (402, 403),
    "aimlapi_shape": ("v1", "v2", "v3"),
    "short_images": (False, True),
    "dashscope_empty_code": (False, True),
}


class SettingError(ValueError):
    """A setting that does not exist, or a value that it cannot have."""


def changed(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """`settings` with `changes`, or SettingError."""
    known = {field.name for field in fields(Settings)}
    values: dict[str, object] = {}
    for name, value in changes.items():
        if name not in known:
            raise SettingError(f"no setting {name!r}; there are {', '.join(sorted(known))}")
        if name == "latency":
            values[name] = read_latency(value)
        elif name in ("link_seconds", "submits_per_second"):
            values[name] = _number(name, value)
        elif not any(type(value) is type(choice) and value == choice for choice in CHOICES[name]):
            raise SettingError(f"{name} must be one of {CHOICES[name]}")
        else:
            values[name] = value
    return replace(settings, **values)  # type: ignore[arg-type]


def read_latency(value: object) -> tuple[float, float]:
    """Seconds as a number, as [shortest, longest], or as text: "0.2" or "2-5"."""
    if isinstance(value, str):
        try:
            value = [float(part) for part in value.split("-")]
        except ValueError:
            raise SettingError("latency must be seconds (0.2) or a range of seconds (2-5)") from None
    ends = value if isinstance(value, list | tuple) else [value]
    if len(ends) not in (1, 2):
        raise SettingError("latency must be seconds (0.2) or a range of seconds (2-5)")
    shortest, longest = _number("latency", ends[0]), _number("latency", ends[-1])
    if longest < shortest:
        raise SettingError("latency must not end before it begins")
    return shortest, longest


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= DAY_SECONDS:
        raise SettingError(f"{name} must be a number from 0 to {DAY_SECONDS:.0f}")
    return float(value)


def as_json(settings: Settings) -> dict[str, object]:
    """The settings as the control API shows them."""
    return asdict(settings)
