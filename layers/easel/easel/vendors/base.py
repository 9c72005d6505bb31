"""What an adapter must supply, and the words in which it answers.

An adapter is pure: it builds requests and reads responses. It does no I/O, does not sleep, knows no
clock, environment or randomness, and logs nothing. The steps do the talking and the waiting.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, NamedTuple

from easel.domain.ask import Ask
from easel.domain.failure import Failure, FailureClass
from easel.wire import HttpRequest, HttpResponse


class LinkedImage(NamedTuple):
    """A result that lies behind a link. The link is a bearer secret, so it stays out of the repr."""

    url: str

    def __repr__(self) -> str:
        return "LinkedImage(...)"


class InlineImage(NamedTuple):
    """A result that came inside the answer, decoded."""

    data: bytes

    def __repr__(self) -> str:
        return "InlineImage(...)"


ResultImage = LinkedImage | InlineImage


class Pending(NamedTuple):
    """The vendor took the job and works on it.

    `status` is the vendor's word as it came; `known` is False where no document lists the word (it is
    polled on to the deadline, and counted). `cost` is in the unit of the route's price.
    """

    task_id: str
    status: str
    known: bool = True
    request_id: str | None = None
    cost: Decimal | None = None


class Finished(NamedTuple):
    """The vendor delivered at least one image. `filtered` counts images that moderation withheld."""

    images: tuple[ResultImage, ...]
    task_id: str | None = None
    request_id: str | None = None
    seed: int | None = None
    actual_prompt: str | None = None
    cost: Decimal | None = None
    filtered: int = 0

    def __repr__(self) -> str:
        return f"Finished({len(self.images)} images, task_id={self.task_id!r}, ...)"


class Failed(NamedTuple):
    """The vendor refused the job, or the task ended without an image."""

    failure: Failure
    task_id: str | None = None
    cost: Decimal | None = None


class Missing(NamedTuple):
    """The vendor answers that it does not know the task: expired, or not yet visible."""

    status: str
    request_id: str | None = None


SubmitAnswer = Pending | Finished | Failed
PollAnswer = Pending | Finished | Failed | Missing


class VendorTask(NamedTuple):
    """A task to ask about: the vendor's own model name and the id that it gave."""

    model: str
    task_id: str


class Adapter(ABC):
    """One vendor's wire contract. Same input, same output.

    `data_uri_max` is how many characters an input image may have as a data URI, None where nothing says so;
    a longer one is sent as a link.
    """

    data_uri_max: ClassVar[int | None] = None

    @abstractmethod
    def build_submit(self, ask: Ask) -> HttpRequest:
        """The request that buys what `ask` says. Never sends a key for something not asked."""

    @abstractmethod
    def read_submit(self, response: HttpResponse) -> SubmitAnswer:
        """What the answer to a submit means, whatever its HTTP status."""

    def build_poll(self, task: VendorTask) -> HttpRequest:
        """The request that asks how the task stands. A vendor without tasks has none."""
        raise NotImplementedError(f"{type(self).__name__} has no tasks to poll")

    def read_poll(self, response: HttpResponse) -> PollAnswer:
        """What the answer to a poll means, whatever its HTTP status."""
        raise NotImplementedError(f"{type(self).__name__} has no tasks to poll")

    def authorize(self, key: str) -> Mapping[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {key}"}


BY_HTTP_STATUS: Mapping[int, FailureClass] = {
    400: FailureClass.VALIDATION,
    401: FailureClass.AUTH,
    402: FailureClass.BILLING,
    403: FailureClass.AUTH,
    404: FailureClass.NOT_FOUND,
    405: FailureClass.VALIDATION,
    408: FailureClass.TRANSIENT,
    409: FailureClass.CONFLICT,
    413: FailureClass.VALIDATION,
    415: FailureClass.VALIDATION,
    422: FailureClass.VALIDATION,
    423: FailureClass.TRANSIENT,
    429: FailureClass.RATE_LIMIT,
    451: FailureClass.MODERATION,
}


def class_of_status(status: int) -> FailureClass:
    """What an HTTP status alone tells; an adapter looks at the vendor's own code first."""
    if status >= 500:
        return FailureClass.TRANSIENT
    return BY_HTTP_STATUS.get(status, FailureClass.VENDOR_CONTRACT)


def retry_after_seconds(response: HttpResponse) -> float | None:
    """The delay that the vendor asks for, where it is a number of seconds (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "")
    # Six digits are eleven days, beyond any deadline; isdigit alone would let other scripts' digits pass.
    return float(value) if value.isascii() and value.isdigit() and len(value) <= 6 else None
