"""JSON as vendors speak it: bodies without empties out, answers of any shape in.

Documents and vendors disagree, so nothing here raises on an odd shape: a value that cannot be read is
None, and the adapter decides what its absence means.
"""

import base64
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict

from easel.domain.failure import Failure, FailureClass
from easel.vendors.base import Failed, InlineImage, LinkedImage, ResultImage
from easel.wire import HttpRequest, HttpResponse

LONGEST_TEXT = 8_000  # characters kept of any text; longer ones would not fit beside the rest of a record
LONGEST_AMOUNT = 32  # characters; a DynamoDB number holds 38 digits
LARGEST_AMOUNT = Decimal(10) ** 15
LARGEST_WHOLE = 2**64  # seeds above int32 were seen, above 64 bits they are no seeds


# Vendors' bodies are built when they are first used: a function that meets one vendor pays for no other's.
class RequestBody(BaseModel):
    """A body that Easel sends: listed keys only. What the caller did not say is None and stays out."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


def post_json(path: str, body: RequestBody, headers: Mapping[str, str] | None = None) -> HttpRequest:
    """A JSON POST; vendors reject or misread keys that are null."""
    return HttpRequest(
        method="POST",
        path=path,
        headers={"Content-Type": "application/json", **(headers or {})},
        body=body.model_dump(exclude_none=True),
    )


def nonblank(text: str | None) -> str | None:
    """The text, or None where it says nothing: vendors reject empty strings, or give them a meaning."""
    return text if text and text.strip() else None


def _text(value: object) -> str | None:
    """A text or a number as text. Lone surrogates, which JSON can carry and stores refuse, become `?`."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)[:LONGEST_TEXT].strip()
    return text.encode("utf-8", "replace").decode("utf-8") or None


def _amount(value: object) -> Decimal | None:
    """A count of credits: exact, not negative, and short enough to be stored."""
    text = _text(value)
    if text is None or len(text) > LONGEST_AMOUNT:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < LARGEST_AMOUNT else None


def _whole(value: object) -> int | None:
    """A whole number that is not negative, however the vendor's JSON spells it."""
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    amount = _amount(value) if isinstance(value, str) else value
    if not isinstance(amount, int | float | Decimal) or not 0 <= amount < LARGEST_WHOLE:
        return None
    return int(amount) if amount == int(amount) else None


Text = Annotated[str | None, BeforeValidator(_text)]
Amount = Annotated[Decimal | None, BeforeValidator(_amount)]
Whole = Annotated[int | None, BeforeValidator(_whole)]
Items = Annotated[
    tuple[Any, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else ())
]
AsObject = BeforeValidator(lambda value: value if isinstance(value, dict) else {})


class AnswerBody(BaseModel):
    """A JSON object of a vendor, as far as Easel reads it. Every field has a default; more is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)

    @classmethod
    def read(cls, value: object) -> Self:
        """The object, or one without any values where it is not an object."""
        return cls.model_validate(value if isinstance(value, dict) else {})


def objects(items: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """Those items of a list that are JSON objects."""
    return (item for item in items if isinstance(item, dict))


def image_at(text: object) -> ResultImage | None:
    """The image that stands where a link is expected: behind the link, or inside a data URI."""
    if not isinstance(text, str):
        return None
    scheme = text[:8].lower()
    if scheme.startswith("data:"):
        return image_of_base64(text)
    is_link = scheme.startswith(("https://", "http://")) and text.isprintable()
    return LinkedImage(text) if is_link else None


def image_of_base64(text: object) -> InlineImage | None:
    """The image inside base64 text, bare or behind a data URI's prefix (RFC 2397)."""
    if not isinstance(text, str):
        return None
    if text[:5].lower() == "data:":
        prefix, _, text = text.partition(",")
        if not prefix.lower().endswith(";base64"):
            return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return None
    return InlineImage(data) if data else None


def images_in(value: object) -> tuple[ResultImage, ...]:
    """The images in a text, in an object with `url`, `b64_json` or `image_base64`, or in a list of these."""
    items = value if isinstance(value, list) else [value]
    return tuple(image for item in items if (image := _image_of(item)) is not None)


def _image_of(item: object) -> ResultImage | None:
    if not isinstance(item, dict):
        return image_at(item)
    return (
        image_at(item.get("url"))
        or image_of_base64(item.get("b64_json"))
        or image_of_base64(item.get("image_base64"))
    )


def is_success(response: HttpResponse) -> bool:
    """Whether HTTP says that it went well; what went well stands in the body."""
    return 200 <= response.status < 300


def unreadable(
    response: HttpResponse,
    *,
    task_id: str | None = None,
    request_id: str | None = None,
    cost: Decimal | None = None,
) -> Failed:
    """HTTP says success, and yet there is neither a task nor an image in the answer."""
    failure = Failure(
        failure_class=FailureClass.VENDOR_CONTRACT, http_status=response.status, request_id=request_id
    )
    return Failed(failure, task_id=task_id, cost=cost)
