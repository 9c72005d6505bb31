"""What OpenAI's clients ask for, in Easel's one vocabulary.

Source: the official Python SDK, `types/image_generate_params.py` and `types/image_edit_params.py` (3.52).
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from math import log
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ConfigDict, Field

from easel.domain.reading import request_of
from easel.domain.request import GenerationRequest
from easel.domain.sizes import RATIO, Size
from easel.doors.dialects import VendorBody, read_body
from easel.doors.multipart import Part
from easel.errors import FieldProblem, InvalidRequestError, MalformedRequestError

# A client that is unchanged names a model of OpenAI's: it gets the best that there is for its call.
OPENAI_MODEL = re.compile(r"(dall-e|gpt-image|chatgpt-image)-[a-z0-9.-]+")
RATIO_OFF_MAX = log(1.2)  # how far a ratio may be off: 3:2 is 1.125 from 4:3, 7:4 is 1.016 from 16:9
IMAGE_PART = re.compile(r"image(\[[0-9]*\])?")
NO_FILE = frozenset({"mask", "markup"})
DEPTH_MAX = 3  # of a form's names: `webhook[events][]`
# The fields that are no text, which is all that a form has.
NOT_TEXT = frozenset(
    {
        "n", "seed", "strict", "prompt_extend", "safety_filter", "watermark", "guidance_scale",
        "deadline_seconds", "output_compression", "partial_images", "stream", "lora.scale", "lora.steps",
        "lora.guidance", "lora.go_fast",
    }
)  # fmt: skip
WORDS: Mapping[str, bool] = MappingProxyType({"true": True, "false": False})


class ImagesBody(VendorBody):
    """OpenAI's parameters. Those that no route can honour take only what they are without; all others are
    Easel's own fields (`extra_body` of the SDK), which are read as in the native API."""

    model_config = ConfigDict(extra="allow")

    prompt: str
    model: str | None = None
    n: int | None = None
    size: str | None = None
    output_format: Literal["png", "jpeg"] | None = None
    response_format: Literal["url", "b64_json"] | None = Field(
        default=None, description="`url` where left out; GPT image models of OpenAI's own give b64_json then"
    )
    background: Literal["auto", "opaque"] | None = None
    output_compression: Literal[100] | None = None
    stream: Literal[False] | None = None
    partial_images: Literal[0] | None = None
    quality: Literal["auto", "standard", "hd", "low", "medium", "high", "xhigh", "max"] | None = None
    style: Literal["vivid", "natural"] | None = None
    moderation: Literal["auto", "low"] | None = None
    input_fidelity: Literal["high", "low"] | None = None
    complexity: Literal["low", "medium", "high"] | None = None
    user: str | None = None
    safety_identifier: str | None = None

    @property
    def ignored(self) -> list[str]:
        """The wishes about the picture that no vendor of Qwen-Image has a word for."""
        wishes = ("quality", "style", "moderation", "input_fidelity", "complexity")
        return [name for name in wishes if getattr(self, name) not in (None, "auto")]

    def request(self, default_model: str, images: Iterable[str] = ()) -> GenerationRequest:
        """The same in Easel's words. Raises InvalidRequestError naming the fields."""
        extra = dict(self.model_extra or {})
        named = self.model is not None and not OPENAI_MODEL.fullmatch(self.model)
        fields = {
            **extra,
            "model": self.model if named else default_model,
            "prompt": self.prompt,
            "n": self.n,
            "size": None if self.size == "auto" else self.size,
            "output_format": self.output_format,
        }
        more = extra.get("images", ())
        fields["images"] = [*images, *more] if isinstance(more, list | tuple) else more
        request = request_of(fields)
        if request.strict and self.ignored:
            problems = [FieldProblem(name, "cannot be honoured by any route") for name in self.ignored]
            raise InvalidRequestError("Not all of it can be honoured.", problems)
        return request


def form_body(parts: Iterable[Part]) -> tuple[ImagesBody, list[str]]:
    """An edit's form: its parameters, and its images as data URLs. Raises MalformedRequestError, or
    InvalidRequestError naming the fields."""
    values: dict[str, Any] = {}
    images = []
    for part in parts:
        if part.name in NO_FILE:
            message = (
                "cannot be honoured: an edit by Qwen-Image takes no mask, say in the prompt what to change"
            )
            raise InvalidRequestError("There is no such edit.", [FieldProblem(part.name, message)])
        if IMAGE_PART.fullmatch(part.name):
            # The type is read from the bytes later on.
            images.append("data:image/png;base64," + base64.b64encode(part.data).decode())
        else:
            _put(values, part.name.replace("]", "").split("["), part.text)
    return read_body(ImagesBody, json.dumps(values)), images


def _put(values: dict[str, Any], path: list[str], text: str) -> None:
    """A form's field in its place: `metadata[order]` is a member of an object, `route[]` one of a list."""
    *way, last = path
    if len(path) > DEPTH_MAX:
        raise MalformedRequestError("A name in the form is nested too deeply.")
    in_list = bool(way) and not last
    if in_list:
        *way, last = way
    for step in way:
        values = values.setdefault(step, {})
        if not isinstance(values, dict):
            raise MalformedRequestError("A name in the form stands for two things.")
    if in_list:
        listed = values.setdefault(last, [])
        if not isinstance(listed, list):
            raise MalformedRequestError("A name in the form stands for two things.")
        listed.append(text)
    else:
        values[last] = _value(text) if ".".join([*way, last]) in NOT_TEXT else text


def _value(text: str) -> bool | int | float | str:
    """What a number or a switch is in a form. What is neither is refused for its type."""
    if text in WORDS:
        return WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def nearest_ratio(size: Size, ratios: Iterable[str]) -> str | None:
    """Which of the ratios, such as `4:3`, comes nearest to the size's; None where none is near."""
    asked = log(size.width / size.height)
    off: dict[str, float] = {}
    for ratio in ratios:
        if match := RATIO.fullmatch(ratio):
            off[ratio] = abs(log(int(match[1]) / int(match[2])) - asked)
    best = min(off, key=lambda ratio: (off[ratio], ratio), default=None)
    return best if best is not None and off[best] <= RATIO_OFF_MAX else None
