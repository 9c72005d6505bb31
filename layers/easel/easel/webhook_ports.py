"""What telling webhooks needs from the outside world, beside `ports.py`."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from easel.domain.webhooks import Delivery
from easel.wire import HttpResponse


class DeliveryStore(Protocol):
    """Where deliveries of webhooks are kept."""

    def create(self, delivery: Delivery) -> None:
        """Write a new record. Raises AlreadyExistsError."""

    def get(self, delivery_id: str) -> Delivery | None:
        """One key read, consistent with every write before it."""

    def save(self, delivery: Delivery) -> None:
        """Write a moved record over the version before it. Raises VersionConflictError."""

    def of_generation(self, generation_id: str) -> Sequence[Delivery]:
        """The latest of a generation's, newest first; what was written a moment ago may be missing."""


class Posts(Protocol):
    """Posts to hosts that callers name."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> HttpResponse:
        """One POST and the start of its answer, in that time in any case.

        Raises AddressRefusedError where the host is not a public one, NotSentError or AnswerLostError.
        """
