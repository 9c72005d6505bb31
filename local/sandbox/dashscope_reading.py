"""What DashScope makes of a request's body: checks, cuts and rounds it, or refuses it in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.sandbox.fields import (
    MAX_SEED,
    FieldError,
    Rule,
    check,
    flag,
    one_of,
    parse_size,
    sides,
    text,
    whole,
)
from local.sandbox.inputs import InputImage, InputImageError, edit_size, load_inputs

PROMPT_POINTS, NEGATIVE_POINTS = 800, 500  # code points; what is longer is cut in silence
MAX_DATA_URI = 10485760  # characters of one `image` item

TEXT_MODELS = ("qwen-turbo", "qwen-plus", "qwen-max")  # known, but not on these paths
ASYNC_MODELS = ("qwen-image-plus", "qwen-image")
IMAGE_MODELS = (*ASYNC_MODELS, "qwen-image-max", "qwen-image-max-2025-12-30", "qwen-image-plus-2026-01-09")
EDIT_MODELS = (
    "qwen-image-edit",
    "qwen-image-edit-max",
    "qwen-image-edit-max-2026-01-16",
    "qwen-image-edit-plus",
    "qwen-image-edit-plus-2025-10-30",
    "qwen-image-edit-plus-2025-12-15",
)
SIZES = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")

COMMON: Mapping[str, Rule] = {
    "negative_prompt": text(shortest=0),
    "prompt_extend": flag,
    "watermark": flag,
    "seed": whole(0, MAX_SEED),
    "n": whole(1, 6),  # how many a model makes is checked with words of its own
}
IMAGE_PARAMETERS = {**COMMON, "size": one_of(*SIZES)}
PLAIN_EDIT_PARAMETERS = COMMON
EDIT_PARAMETERS = {**COMMON, "size": sides(512, 2048)}

INPUT_FAULTS = {  # code and message, all with status 400
    "address": ("InvalidURL", "The provided URL does not appear to be valid."),
    "download": ("InvalidParameter", "download image failed"),
    "timeout": ("InvalidURL.Timeout", "Download the media resource timed out."),
    "bytes": ("BadRequest.TooLarge", "Payload Too Large."),
    "format": ("InvalidParameter", "Invalid image format or corrupted file"),
    "resolution": ("InvalidImageResolution", "The image resolution must be from 384 to 3072 on each side."),
}


class Refusal(Exception):  # noqa: N818  (the vendor's word for it is code and message)
    """The vendor's refusal of a request."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Understood:
    """A legal request after the vendor's cutting and rounding. `size` is what will be delivered, in px."""

    model: str
    prompt_received: str
    prompt: str
    size: tuple[int, int]
    seed: int | None
    images: int
    inputs: tuple[bytes, ...]
    applied: Mapping[str, Any]


def prompt_of(body: Mapping[str, Any] | None) -> str | None:
    """The prompt of a body that may be wrong in any way, or None: it is found at both paths' places."""
    content = (body or {}).get("input")
    if not isinstance(content, dict):
        return None
    texts = [content.get("prompt")]
    messages = content.get("messages")
    for message in messages if isinstance(messages, list) else []:
        parts = message.get("content") if isinstance(message, dict) else None
        if isinstance(parts, list):
            texts += [part.get("text") for part in parts if isinstance(part, dict)]
    return next((text for text in texts if isinstance(text, str)), None)


def read_sync(body: dict[str, Any]) -> Understood:
    """A request on the multimodal path. Raises Refusal."""
    model, content, parameters = _parts(body)
    if model not in IMAGE_MODELS and model not in EDIT_MODELS:
        raise _unknown(model)
    prompt, references = _content(_message(content), edit=model in EDIT_MODELS)
    if model in IMAGE_MODELS:
        _check_parameters(parameters, IMAGE_PARAMETERS, most=1)
        return _understood(model, prompt, parameters, parse_size(parameters.get("size", SIZES[0])))
    plain = model == "qwen-image-edit"
    _check_parameters(parameters, PLAIN_EDIT_PARAMETERS if plain else EDIT_PARAMETERS, most=1 if plain else 6)
    inputs = _load(references)
    insets = tuple(image.inset for image in inputs)
    return _understood(model, prompt, parameters, edit_size(parameters.get("size"), inputs[-1]), insets)


def read_async(body: dict[str, Any]) -> Understood:
    """A request on the text-to-image path. Raises Refusal."""
    model, content, parameters = _parts(body)
    if model not in ASYNC_MODELS:
        known = model in IMAGE_MODELS or model in EDIT_MODELS
        raise _invalid("url error, please check url\uff01") if known else _unknown(model)
    try:
        check(content, {"prompt": text(), "negative_prompt": text(shortest=0)}, ("prompt",))
    except FieldError as fault:
        raise _invalid(f"input.{fault}") from None
    _check_parameters(parameters, IMAGE_PARAMETERS, most=1)
    size = parse_size(parameters.get("size", SIZES[0]))
    negative = {name: content[name] for name in ("negative_prompt",) if name in content}
    return _understood(model, content["prompt"], negative | parameters, size)


def _parts(body: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Model, input and parameters, each of its type."""
    model, content, parameters = body.get("model"), body.get("input"), body.get("parameters", {})
    if not model:
        raise Refusal(400, "BadRequest.EmptyModel", 'Required parameter "model" missing from request.')
    if not content:
        raise Refusal(400, "BadRequest.EmptyInput", "Required input parameter missing from request.")
    if not isinstance(model, str) or not isinstance(content, dict) or not isinstance(parameters, dict):
        raise _invalid("Required body invalid, please check the request body format.")
    if unknown := set(body) - {"model", "input", "parameters"}:
        raise _invalid(f"{min(unknown)[:80]}: no such field")
    return model, content, parameters


def _message(content: dict[str, Any]) -> list[Any]:
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _invalid("No messages found in input")
    if len(messages) != 1:
        raise _invalid("messages length only support 1")
    message = messages[0]
    if set(content) != {"messages"} or not isinstance(message, dict) or set(message) != {"role", "content"}:
        raise _invalid("Required body invalid, please check the request body format.")
    if message["role"] != "user" or not isinstance(message["content"], list):
        raise _invalid("Required body invalid, please check the request body format.")
    return message["content"]


def _content(parts: list[Any], *, edit: bool) -> tuple[str, list[str]]:
    """The text and the image references of a message's parts."""
    values: dict[str, list[str]] = {"text": [], "image": []}
    for part in parts:
        if not isinstance(part, dict) or len(part) != 1 or not set(part) <= set(values):
            raise _invalid("Required body invalid, please check the request body format.")
        (kind, value), *_ = part.items()
        if not isinstance(value, str) or not value:
            raise _invalid("lack of image or text")
        values[kind].append(value)
    texts, images = values["text"], values["image"]
    if not texts or (edit and not images):
        raise _invalid("lack of image or text")
    if len(texts) > 1 or len(images) > (3 if edit else 0):
        raise _invalid(f"content length only support {4 if edit else 1}")
    return texts[0], images


def _check_parameters(parameters: dict[str, Any], rules: Mapping[str, Rule], most: int) -> None:
    count = parameters.get("n", 1)
    if most == 1 and isinstance(count, int) and not isinstance(count, bool) and count != 1:
        raise _invalid("num_images_per_prompt must be 1")
    try:
        check(parameters, rules)
    except FieldError as fault:
        raise _invalid(f"parameters.{fault}") from None


def _load(references: list[str]) -> list[InputImage]:
    if any(not item.startswith("http") and len(item) > MAX_DATA_URI for item in references):
        raise Refusal(400, *INPUT_FAULTS["bytes"])
    try:
        return load_inputs(references, bare_base64=False)
    except InputImageError as fault:
        raise Refusal(400, *INPUT_FAULTS[fault.reason]) from None


def _understood(
    model: str,
    prompt: str,
    parameters: Mapping[str, Any],
    size: tuple[int, int],
    inputs: tuple[bytes, ...] = (),
) -> Understood:
    applied = {
        "negative_prompt": parameters.get("negative_prompt", "")[:NEGATIVE_POINTS],
        "prompt_extend": parameters.get("prompt_extend", True),
        "watermark": parameters.get("watermark", False),
    }
    return Understood(
        model=model,
        prompt_received=prompt,
        prompt=prompt[:PROMPT_POINTS],
        size=size,
        seed=parameters.get("seed"),
        images=parameters.get("n", 1),
        inputs=inputs,
        applied=applied,
    )


def _unknown(model: str) -> Refusal:
    return _invalid("url error, please check url\uff01" if model in TEXT_MODELS else "Model not exist.")


def _invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidParameter", message)
