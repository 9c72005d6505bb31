"""The request in Easel's one vocabulary. Limits here are the widest of all routes; a route narrows them."""

import base64
import binascii
import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from easel.domain.forms import (
    ANY_HTTPS_LINK,
    DATA_LINK,
    HTTPS_LINK,
    KEPT_IMAGE,
    LOOPBACK_LINK,
    SECRET,
    SIZE,
    UNDAMAGED,
    UPLOAD,
    VISIBLE,
    VISIBLE_TEXT,
    WEIGHTS_PATH,
    has_form,
    told,
    whole,
)

PROMPT_MAX = 4000  # code points; the longest that any route takes (AI/ML API)
IMAGES_MAX = 3
IMAGE_URL_MAX = 4096  # characters of a link; a presigned one has some 2,000, and a record's item 400 KB
N_MAX = 6
SEED_MAX = 2**53 - 1  # every JSON reader keeps integers up to here exact (RFC 8259, 6)
DEADLINE_SECONDS_MIN, DEADLINE_SECONDS_MAX, DEADLINE_SECONDS_DEFAULT = 10, 3600, 600

# A secret's length (Standard Webhooks, Signature scheme: 24 to 64 bytes).
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64


def _not_blank(text: str) -> str:
    if not re.search(VISIBLE, text):
        raise ValueError("must not be blank")
    return text


def _undamaged(text: str) -> str:
    if not has_form(text, UNDAMAGED):
        raise ValueError("holds U+FFFD: it was damaged on its way here, send UTF-8")
    return text


def _known_weights_form(text: str) -> str:
    if not has_form(text, ANY_HTTPS_LINK, WEIGHTS_PATH):
        raise ValueError("must be an https URL with a host name, or a HuggingFace path such as `owner/name`")
    return text


def is_https_link(text: str) -> bool:
    """Whether the text is an https URL with a host and no user, of printable ASCII without spaces."""
    return has_form(text, ANY_HTTPS_LINK)


def _known_size_form(text: str) -> str:
    if not has_form(text, SIZE):
        raise ValueError('must be "W*H" or "WxH" in pixels, or a ratio such as "16:9"')
    return text


def _known_image_form(text: str) -> str:
    if not (has_form(text, ANY_HTTPS_LINK, UPLOAD) or text.startswith(("data:", "s3://"))):
        raise ValueError(
            'must be an https URL with a host name, a "data:image/...;base64," URL, "upload:ID" or s3:// URI'
        )
    if len(text) > IMAGE_URL_MAX and not text.startswith("data:"):
        raise ValueError(f"has {len(text)} characters, a link may have {IMAGE_URL_MAX}")
    return text


def _known_webhook_form(text: str) -> str:
    # On the local stack a webhook may go to loopback, which has no certificate; whether an address may be
    # told is decided when it is resolved.
    if not has_form(text, ANY_HTTPS_LINK, LOOPBACK_LINK):
        raise ValueError("must be an https URL with a host name, no address, and without user or password")
    return text


def _known_secret_form(text: str) -> str:
    try:
        length = len(base64.b64decode(text.removeprefix("whsec_"), validate=True))
    except binascii.Error:
        length = 0
    if not (text.startswith("whsec_") and SECRET_BYTES_MIN <= length <= SECRET_BYTES_MAX):
        raise ValueError(f"must be `whsec_` and base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return text


def _url_or_webhook(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


WHOLE = BeforeValidator(whole)
Prompt = Annotated[
    str,
    Field(min_length=1, max_length=PROMPT_MAX),
    AfterValidator(_not_blank),
    AfterValidator(_undamaged),
    told(VISIBLE_TEXT),
]
NegativePrompt = Annotated[str, Field(max_length=PROMPT_MAX), AfterValidator(_undamaged), told(UNDAMAGED)]
SizeText = Annotated[str, Field(max_length=16), AfterValidator(_known_size_form), told(SIZE)]
ImageLink = Annotated[
    str, AfterValidator(_known_image_form), told(HTTPS_LINK, DATA_LINK, UPLOAD, KEPT_IMAGE, format="uri")
]
Weights = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    AfterValidator(_known_weights_form),
    told(HTTPS_LINK, WEIGHTS_PATH),
]
WebhookUrl = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    AfterValidator(_known_webhook_form),
    told(HTTPS_LINK),
]
RouteName = Annotated[str, Field(max_length=64)]
Routes = Annotated[tuple[RouteName, ...], Field(min_length=1, max_length=20)]
WebhookSecret = Annotated[str, AfterValidator(_known_secret_form), told(SECRET)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Metadata = dict[
    Annotated[str, StringConstraints(min_length=1, max_length=64)],
    Annotated[str, StringConstraints(max_length=512)],
]


class RequestModel(BaseModel):
    """Base of what callers send: unknown fields are refused, nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WebhookEvent(StrEnum):
    """What a webhook may be told."""

    SUCCEEDED = "generation.succeeded"
    FAILED = "generation.failed"
    CANCELED = "generation.canceled"
    EXPIRED = "generation.expired"


class Webhook(RequestModel):
    """Where the end of a generation is told, by a POST in the Standard Webhooks form."""

    url: WebhookUrl = Field(description="https URL of a public host; redirects are not followed")
    secret: WebhookSecret | None = Field(
        default=None, repr=False, description="`whsec_` and base64 of 24 to 64 bytes; else the tenant's own"
    )
    events: Annotated[tuple[WebhookEvent, ...], Field(min_length=1, max_length=4)] = Field(
        default=tuple(WebhookEvent), description="which ends are told; all of them unless named"
    )


WebhookLink = Annotated[
    Webhook, BeforeValidator(_url_or_webhook, json_schema_input_type=WebhookUrl | Webhook)
]


class Lora(RequestModel):
    """A LoRA to apply; a request with one is served by LoRA routes only."""

    weights: Weights = Field(
        description="https URL of the weights, or a HuggingFace path such as `owner/name`"
    )
    scale: Annotated[Number, Field(ge=0, le=2)] | None = Field(default=None, description="0 to 2")
    steps: Annotated[StrictInt, Field(ge=28, le=50), WHOLE] | None = Field(
        default=None, description="inference steps, 28 to 50"
    )
    guidance: Annotated[Number, Field(ge=2, le=4)] | None = Field(default=None, description="2 to 4")
    go_fast: StrictBool | None = Field(default=None, description="quicker, a little less exact")


class GenerationRequest(RequestModel):
    """What a caller asks for. A field that is left out keeps the vendor's own default."""

    model: str = Field(description="one of the models of `GET /v1/models`", max_length=64)
    prompt: Prompt = Field(description=f"what to draw, 1 to {PROMPT_MAX} code points")
    negative_prompt: NegativePrompt | None = Field(
        default=None, description="what to avoid, in code points; most routes take 500"
    )
    size: SizeText | None = Field(
        default=None, description='pixels as "1664*928" or "1664x928", or a ratio such as "16:9"'
    )
    n: Annotated[StrictInt, Field(ge=1, le=N_MAX), WHOLE] | None = Field(
        default=None, description=f"number of images, 1 to {N_MAX}; most routes make 1"
    )
    seed: Annotated[StrictInt, Field(ge=0, le=SEED_MAX), WHOLE] | None = Field(
        default=None, description="for similar results again; most routes take 0 to 2147483647"
    )
    prompt_extend: StrictBool | None = Field(default=None, description="let the vendor rewrite the prompt")
    safety_filter: StrictBool | None = Field(default=None, description="the vendor's content filter")
    watermark: StrictBool | None = Field(default=None, description="mark the bottom-right corner")
    images: Annotated[tuple[ImageLink, ...], Field(max_length=IMAGES_MAX)] = Field(
        default=(),
        description=(
            "input images of an edit, in order: https URLs, data URLs, `upload:ID` of `POST /v1/uploads`, or "
            "the `s3_uri` of an image that a generation of yours made; "
            "PNG, JPEG, WebP, GIF, BMP or TIFF, sides of 384 to 3072 px, 10 MB each"
        ),
        repr=False,
    )
    lora: Lora | None = Field(default=None, description="served by LoRA routes only")
    output_format: Literal["png", "jpeg"] | None = Field(
        default=None, description="where the route can choose"
    )
    guidance_scale: Annotated[Number, Field(ge=1, le=20)] | None = Field(
        default=None, description="1 to 20, where the route has it"
    )
    route: (
        Annotated[Routes, BeforeValidator(_one_or_many, json_schema_input_type=RouteName | Routes)] | None
    ) = Field(default=None, description="one route, or several in the order to try")
    strict: StrictBool = Field(
        default=False, description="refuse rather than drop or truncate what a route cannot honour"
    )
    on_unknown: Literal["fail", "resubmit"] = Field(
        default="fail", description="what to do when a vendor's answer to a submit is lost"
    )
    deadline_seconds: Annotated[StrictInt, Field(ge=DEADLINE_SECONDS_MIN, le=DEADLINE_SECONDS_MAX), WHOLE] = (
        Field(default=DEADLINE_SECONDS_DEFAULT, description="seconds until the generation ends in any case")
    )
    webhook: WebhookLink | None = Field(
        default=None, description='where its end is told: a URL, or {"url", "secret", "events"}'
    )
    metadata: Annotated[Metadata, Field(max_length=16)] = Field(
        default_factory=dict, description="up to 16 strings of the caller's own, given back as they came"
    )
