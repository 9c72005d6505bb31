"""What Easel answers about generations, typed. Fields that an older client does not know are in `raw`."""

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from easel_client.errors import GenerationFailedError, ServerError, StillWorkingError
from easel_client.files import free_name, named_file, numbered, safe_name, with_extension, write_whole

MODERATION = "moderation"
VENDOR_CHARACTERS = 300  # of a vendor's message
TERMINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
Raw = Mapping[str, Any]
FetchImage = Callable[["Image"], bytes]


def moment(text: Any) -> datetime | None:
    """A time of an answer; None where there is none."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def needed(raw: Any, *names: str) -> Raw:
    """The answer as an object that has these fields. Raises ServerError."""
    if not isinstance(raw, dict) or any(name not in raw for name in names):
        raise ServerError(
            "The answer is not one of Easel's.",
            "Is the address right, and the client new enough?",
            status=502,
        )
    return raw


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount, of dollars (`USD`) or of what a vendor counts in (`credits`)."""

    amount: Decimal
    currency: str

    @classmethod
    def of(cls, raw: Any) -> "Money | None":
        """From an answer; None where there is none."""
        try:
            return cls(Decimal(raw["amount"]), str(raw["currency"])) if isinstance(raw, dict) else None
        except (KeyError, TypeError, InvalidOperation):
            return None

    def __str__(self) -> str:
        amount = round(self.amount, 4) if self.currency == "USD" else self.amount
        text = f"{amount:f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        if self.currency != "USD":
            return f"{text} {self.currency}"
        whole, _, cents = text.partition(".")
        return f"${whole}.{cents:0<2}"


@dataclass(frozen=True, slots=True)
class Costs:
    """Figures of a receipt. An amount stands in `billed` or in `possibly_billed`, never in both."""

    quoted: Money | None
    reserved: Money | None
    billed: Money | None
    possibly_billed: Money | None
    refunded: Money | None

    @classmethod
    def of(cls, raw: Any) -> "Costs":
        """From an answer."""
        raw = raw if isinstance(raw, dict) else {}
        names = ("quoted", "reserved", "billed", "possibly_billed", "refunded")
        return cls(*(Money.of(raw.get(name)) for name in names))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a generation costs: as its vendor counts, and in dollars. `attempts` are the asks of vendors."""

    own: Costs
    usd: Costs
    aws_estimate: Money | None
    attempts: tuple[Raw, ...]

    @classmethod
    def of(cls, raw: Any) -> "Receipt":
        """From an answer."""
        raw = raw if isinstance(raw, dict) else {}
        return cls(
            Costs.of(raw),
            Costs.of(raw.get("usd")),
            Money.of(raw.get("aws_estimate")),
            tuple(raw.get("attempts") or ()),
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a generation did not succeed. `code` is stable, for programs."""

    code: str
    message: str
    vendor_message: str | None
    retryable: bool

    @classmethod
    def of(cls, raw: Any) -> "Failure | None":
        """From an answer; None where there is none."""
        if not isinstance(raw, dict):
            return None
        return cls(
            str(raw.get("code")),
            str(raw.get("message")),
            raw.get("vendor_message"),
            bool(raw.get("retryable")),
        )

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.code == MODERATION:
            return "Word the prompt differently."
        return "The same request again may succeed." if self.retryable else ""

    def __str__(self) -> str:
        if not self.vendor_message:
            return self.message
        return f'{self.message} The vendor says: "{self.vendor_message[:VENDOR_CHARACTERS]}".'


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that Easel keeps, and its verified facts. `number` counts from 1."""

    number: int
    url: str = field(repr=False)  # signed: whoever has it may load the picture
    s3_uri: str
    content_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    _fetch: FetchImage = field(repr=False, compare=False)

    @property
    def extension(self) -> str:
        """`png`, `jpg`, `webp` or `gif`."""
        kind = self.content_type.rpartition("/")[2].replace("jpeg", "jpg")
        return safe_name(kind) if kind else ""

    def bytes(self) -> builtins.bytes:
        """The picture, checked against its announced length and SHA-256; a link that died is renewed.

        Raises ImageError.
        """
        return self._fetch(self)

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the picture there, whole or not at all; a name without ending gets the right one. Without
        `overwrite` a file that is there is left alone, and the picture gets a free name beside it."""
        file = with_extension(named_file(path), self.extension)
        data = self.bytes()
        file.parent.mkdir(parents=True, exist_ok=True)
        return write_whole(file if overwrite else free_name(file), data)


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation as it stands: one request, one id, one end. `raw` is all that Easel told."""

    id: str
    status: str
    model: str
    route: str
    created_at: datetime | None
    estimated_completion_at: datetime | None
    deadline_at: datetime | None
    ended_at: datetime | None
    images: tuple[Image, ...]
    shortfall: int
    seed: int | None
    receipt: Receipt
    error: Failure | None
    batch: str | None
    metadata: Mapping[str, str]
    raw: Raw = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Any, fetch: Callable[[str], FetchImage]) -> "Generation":
        """From an answer. `fetch` makes the loader of a generation's images from its id."""
        raw = needed(raw, "id", "status")
        load = fetch(raw["id"])
        return cls(
            id=raw["id"],
            status=raw["status"],
            model=str(raw.get("model") or ""),
            route=str(raw.get("route") or ""),
            created_at=moment(raw.get("created_at")),
            estimated_completion_at=moment(raw.get("estimated_completion_at")),
            deadline_at=moment(raw.get("deadline_at")),
            ended_at=moment(raw.get("ended_at")),
            images=tuple(
                image_of(one, number, load) for number, one in enumerate(raw.get("images") or (), 1)
            ),
            shortfall=int(raw.get("shortfall") or 0),
            seed=raw.get("seed"),
            receipt=Receipt.of(raw.get("receipt")),
            error=Failure.of(raw.get("error")),
            batch=raw.get("batch"),
            metadata=raw.get("metadata") or {},
            raw=raw,
        )

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in TERMINAL or self.ended_at is not None

    @property
    def succeeded(self) -> bool:
        """Whether there is a picture."""
        return self.status == "succeeded"

    @property
    def prompt(self) -> str:
        """What was to be drawn."""
        return str((self.raw.get("request") or {}).get("prompt") or "")

    @property
    def seconds(self) -> float | None:
        """From its making to its end; None until then."""
        if self.created_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.created_at).total_seconds()

    def checked(self) -> "Generation":
        """The same. Raises GenerationFailedError where it has ended without a picture."""
        if self.over and not self.succeeded:
            why = f": {self.error}" if self.error else "."
            advice = self.error.advice if self.error else ""
            raise GenerationFailedError(f"{self.id} {words_of_end(self.status)}{why}", advice, self)
        return self

    def save(self, path: str | Path, *, overwrite: bool = True) -> tuple[Path, ...]:
        """Write its pictures: `fox.png`, and where there are more `fox-2.png`, `fox-3.png`.

        Raises GenerationFailedError, StillWorkingError or ImageError.
        """
        if not self.checked().over:
            raise StillWorkingError(f"{self.id} is still {self.status}.", "Wait for it first.")
        file = named_file(path)
        return tuple(one.save(numbered(file, one.number), overwrite=overwrite) for one in self.images)


def words_of_end(status: str) -> str:
    """`failed`, `was canceled`, `did not end by its deadline`."""
    return {"canceled": "was canceled", "expired": "did not end by its deadline"}.get(status, status)


def image_of(raw: Any, number: int, fetch: FetchImage) -> Image:
    """From an answer."""
    raw = needed(raw, "url", "bytes", "sha256")
    return Image(
        number=number,
        url=raw["url"],
        s3_uri=str(raw.get("s3_uri") or ""),
        content_type=str(raw.get("content_type") or ""),
        width=int(raw.get("width") or 0),
        height=int(raw.get("height") or 0),
        size_bytes=int(raw["bytes"]),
        sha256=raw["sha256"],
        _fetch=fetch,
    )
