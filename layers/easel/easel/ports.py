"""What the steps need from the outside world. AWS, HTTP and fakes implement these."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from easel.domain.failover import RouteState
from easel.domain.generation import Generation, Image
from easel.wire import HttpResponse


class Clock(Protocol):
    """The time, and the only way to spend it."""

    def now(self) -> datetime:
        """The time in UTC."""

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, newest first. `cursor` leads to the next page, None ends the list."""

    generations: tuple[Generation, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's idempotency key, and the fingerprint of the body that it came with."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key that was used before: for which generation, and with which body."""

    generation_id: str
    fingerprint: str


class GenerationStore(Protocol):
    """Where generations are kept."""

    def create(self, generation: Generation, idempotency: Idempotency | None) -> None:
        """Write a new record and claim its idempotency key, both or neither.

        Raises AlreadyExistsError where either is there already.
        """

    def claim(self, tenant: str, key: str) -> Claim | None:
        """The earlier use of an idempotency key, where it has not expired."""

    def get(self, generation_id: str) -> Generation | None:
        """One key read, consistent with every write before it."""

    def save(self, generation: Generation) -> None:
        """Write a moved record over the version before it.

        Raises VersionConflictError where somebody else wrote first, or the stored one has ended.
        """

    def note_announced(self, generation_id: str) -> None:
        """The end of a generation was told: nothing is left to do for it."""

    def list(
        self, tenant: str, *, status: str | None, model: str | None, limit: int, cursor: str | None
    ) -> Page:
        """A tenant's generations, newest first. Raises InvalidRequestError for a forged cursor."""

    def quiet(self, before: datetime) -> Iterator[str]:
        """The ids of generations that have not moved since and have not ended, or whose end was not told; the
        longest quiet first, page by page."""


class RouteStates(Protocol):
    """What all steps know of the routes now: slots, places and failures. Names are routes or limit scopes."""

    def read(self, names: Sequence[str]) -> Mapping[str, RouteState]:
        """The state of each; it may be a moment old."""

    def take_slot(
        self, name: str, spacing_seconds: float, now: datetime, latest: datetime
    ) -> datetime | None:
        """The next free slot, for the caller alone; None where there is none before `latest`."""

    def pause(self, name: str, until: datetime) -> None:
        """No slot before `until`; those taken earlier do not hold before it either."""

    def take_place(self, name: str, holder: str, places: int, now: datetime, until: datetime) -> bool:
        """One of so many places, until it is freed or the time given."""

    def free_place(self, name: str, holder: str) -> None:
        """Give a place back; harmless when there is none."""

    def failed(self, name: str, now: datetime) -> None:
        """One more failure in a row; from a number of them on the route is left alone for a while."""

    def succeeded(self, name: str) -> None:
        """The failures are over."""

    def probe(self, name: str, now: datetime) -> bool:
        """Whether the caller is the one who may try a route that was left alone long enough."""


class ImageStore(Protocol):
    """Where image bytes lie."""

    def put(self, key: str, body: BinaryIO, image: Image) -> None:
        """Keep a verified image with its facts; the store checks the SHA-256 on arrival."""

    def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Put bytes down for a later step."""

    def open(self, key: str) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes under a key, in chunks. Raises ImageUnavailableError where there are none."""

    def read(self, key: str) -> bytes:
        """All bytes under a key, for input images of bounded size."""

    def uri(self, key: str) -> str:
        """The `s3://` name of a key."""

    def signed_url(self, key: str) -> str:
        """A short-lived link to one object."""


class Workflow(Protocol):
    """What carries a generation from queued to its end."""

    def start(self, generation_id: str, carrier: int = 0) -> None:
        """Start the execution named by the id and the carrier's number; starting it again is harmless."""

    def is_carried(self, generation_id: str, carrier: int) -> bool | None:
        """Whether that execution runs; None where there is no such execution."""


class EventBus(Protocol):
    """Where the ends of generations are told."""

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Put one event on Easel's bus."""


class VendorKeys(Protocol):
    """The deployment's keys, by endpoint name."""

    def get(self) -> Mapping[str, str]:
        """All keys that are set. Cached for a short while, so that a rotation needs no deployment."""


class ApiKeys(Protocol):
    """Who a caller is."""

    def tenant_of(self, key: str) -> str | None:
        """The tenant of an API key; None for an unknown key."""


@dataclass(frozen=True, slots=True)
class Download:
    """An open download: the announced length in bytes where there is one, and the bytes in chunks."""

    content_length: int | None
    content_type: str
    chunks: Iterator[bytes]


class Transport(Protocol):
    """Talks HTTP. Every call has connect and read time-outs and a bound on what it reads."""

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, object] | None,
        *,
        timeout_seconds: float,
    ) -> HttpResponse:
        """One request, one complete answer.

        Raises NotSentError, AnswerLostError or ResponseTooLargeError.
        """

    def download(
        self, url: str, *, hosts: Sequence[str], timeout_seconds: float
    ) -> AbstractContextManager[Download]:
        """Open a result link on one of these hosts. Redirects are followed only onto these hosts.

        Raises AddressRefusedError, NotSentError, AnswerLostError, or ImageUnavailableError where the
        answer is not 200.
        """
