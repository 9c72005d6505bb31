"""What a dialect accepts (an order), what becomes of it (a task), and what it costs."""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Any

from local.sandbox.drawing import Picture, draw
from local.sandbox.submits import Submission

ODD_WORD = "reticulating"  # a status that no vendor's document lists


class Phase(Enum):
    """Where a task stands; each dialect has its own words for it."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class Failure:
    """Why a task fails: code and text as the vendor puts them."""

    code: str
    message: str


@dataclass(frozen=True)
class Price:
    """What one image costs. `prepaid`: charged at acceptance and given back if the task fails.

    `failed_too`: a failed task is charged as if it had succeeded.
    """

    per_image: Decimal
    unit: str
    prepaid: bool = False
    failed_too: bool = False


@dataclass(frozen=True)
class Order:
    """What a dialect has understood and accepted of a request.

    `prompt` and `body` are as received (the body None once it is forgotten, see engine), `applied` is what
    was made of the other fields; `picture` is the first image. A task with a `failure` comes to it when its
    time is over. `failures` are the vendor's own words for those that can be ordered: transient, moderation,
    validation.
    """

    endpoint: str
    model: str
    prompt: str
    body: Mapping[str, Any] | None
    body_bytes: int
    picture: Picture
    price: Price
    submission: Submission
    failures: Mapping[str, Failure]
    images: int = 1
    applied: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    task_id: str = ""


@dataclass
class Task:
    """An accepted order. Times are seconds since the epoch; `delivered` is how many images it comes to.

    `done_at` is infinite where the task never ends. `odd_polls` polls are answered with a word that nobody
    knows; after `known_polls` polls the vendor knows the task no longer. `host` stands in its links instead
    of the sandbox's own; an `inline` one gives no links, but its images within the answer.
    """

    order: Order
    id: str
    token: str
    accepted_at: float
    started_at: float
    done_at: float
    delivered: int
    failure: Failure | None = None
    odd_polls: float = 0
    known_polls: float = math.inf
    host: str = ""
    inline: bool = False
    polls: int = 0
    fetches: Counter[int] = field(default_factory=Counter)
    served: dict[int, str] = field(default_factory=dict)

    def phase(self, now: float) -> Phase:
        """Where it stands at `now`."""
        if now >= self.done_at:
            return Phase.FAILED if self.failure else Phase.SUCCEEDED
        return Phase.RUNNING if now >= self.started_at else Phase.PENDING

    def shown(self, now: float) -> tuple[Phase, str]:
        """Where a poll says that it stands, and the odd word for it, if it is an odd one."""
        if self.polls <= self.odd_polls:
            return Phase.RUNNING, ODD_WORD
        return self.phase(now), ""

    def billed_images(self, now: float) -> int:
        """The images charged so far."""
        phase, price = self.phase(now), self.order.price
        if phase is Phase.FAILED:
            return self.delivered if price.failed_too else 0
        return self.delivered if phase is Phase.SUCCEEDED or price.prepaid else 0

    def name(self, index: int) -> str:
        """The file name of an image."""
        extension = "jpeg" if self.order.picture.media_type == "image/jpeg" else "png"
        return f"result_{index:02d}.{extension}"

    def link(self, base_url: str, index: int) -> str:
        """Where an image is fetched, below the server that was asked."""
        if self.inline:
            media_type = self.order.picture.media_type
            return f"data:{media_type};base64,{base64.b64encode(self.image(index)).decode('ascii')}"
        return f"{self.host or base_url}/files/{self.order.endpoint}/{self.token}/{self.name(index)}"

    def draw(self, index: int) -> bytes:
        """The encoded file of an image, the same at each call."""
        return draw(replace(self.order.picture, index=index, count=self.order.images))

    def image(self, index: int) -> bytes:
        """The file of an image as it is sent inside an answer."""
        data = self.draw(index)
        sent = self.damaged(index, data)
        if sent is data:
            self.note_served(index, data)
        return sent

    def damaged(self, index: int, data: bytes) -> bytes:
        """`data` after the faults that spoil a picture's bytes, or `data` itself."""
        for fault in self.order.submission.faults:
            spoil: Callable[[bytes], bytes] | None = fault.kind.spoil_picture
            if spoil is not None and index < fault.amount:
                data = spoil(data)
        return data

    def note_served(self, index: int, data: bytes) -> None:
        """Writes down that an image was sent, whole and sound."""
        self.served[index] = hashlib.sha256(data).hexdigest()


@dataclass
class Bill:
    """Running totals of one endpoint."""

    tasks: int = 0
    images: int = 0
    amount: Decimal = Decimal(0)
    unit: str = ""
