"""What the steps need from the outside world. AWS, HTTP and fakes implement these.

The models are imported for their types alone: no function shall load those of others."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from easel.domain.batch import Batch, Source, Tally
    from easel.domain.failover import RouteState
    from easel.domain.generation import Generation, Image
    from easel.domain.holding import Held
    from easel.domain.ledger import Reserving, UsageRow
    from easel.domain.tenancy import ApiKey
    from easel.domain.tenants import Tenant
    from easel.wire import HttpResponse


class Clock(Protocol):
    """The time, and the only way to spend it."""

    def now(self) -> datetime:
        """The time in UTC."""

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long."""


class Page(NamedTuple):
    """One page of a list, newest first. `cursor` leads to the next page, None ends the list."""

    generations: tuple[Generation, ...]
    cursor: str | None


class Idempotency(NamedTuple):
    """A caller's idempotency key, and the fingerprint of the body that it came with."""

    key: str
    fingerprint: str


class Claim(NamedTuple):
    """An idempotency key that was used before: for which generation, and with which body."""

    generation_id: str
    fingerprint: str


class Hold(NamedTuple):
    """What a new generation takes of its batch's cost cap, by the catalogue's estimate."""

    batch_id: str
    usd: Decimal
    cap_usd: Decimal


class GenerationStore(Protocol):
    """Where generations are kept."""

    def create(
        self,
        generation: Generation,
        idempotency: Idempotency | None,
        hold: Hold | None = None,
        reservings: Sequence[Reserving] = (),
    ) -> None:
        """Write a new record, claim its idempotency key, take its hold and reserve: all or nothing.

        Raises AlreadyExistsError where record or key is there already, CostCapError where the cap is reached,
        BudgetReachedError or LimitReachedError where an owner's limits leave no room.
        """

    def claim(self, tenant: str, key: str) -> Claim | None:
        """The earlier use of an idempotency key, where it has not expired."""

    def get(self, generation_id: str) -> Generation | None:
        """One key read, consistent with every write before it."""

    def get_many(self, generation_ids: Sequence[str]) -> Mapping[str, Generation]:
        """Those of so many that there are, by id, consistent with every write before."""

    def save(self, generation: Generation) -> None:
        """Write a moved record over the version before it. One that has ended gives its reservation back and
        counts what it cost, in the same write.

        Raises VersionConflictError where somebody else wrote first, or the stored one has ended.
        """

    def note_announced(self, generation_id: str) -> None:
        """The end of a generation was told: nothing is left to do for it."""

    def list(
        self, tenant: str, *, status: str | None, model: str | None, limit: int, cursor: str | None
    ) -> Page:
        """A tenant's generations, newest first. Raises InvalidRequestError for a forged cursor."""

    def note_looked_at(self, generation_id: str, now: datetime) -> None:
        """A quiet one is carried: others are looked at before it is again."""

    def quiet(self, before: datetime) -> Iterator[str]:
        """The ids of generations that have not moved since and have not ended, or whose end was not told; the
        longest quiet first, page by page."""


class Undelivered(Protocol):
    """Generations that synchronous callers were not answered with, by the fingerprint of what was asked."""

    def of(self, fingerprint: str, now: datetime) -> Sequence[Held]:
        """The entries of the last hour, consistent with every write before it."""

    def write(self, fingerprint: str, held: Held, over: Held | None) -> bool:
        """Write an entry over what was read of it, or a new one; False where somebody else wrote since."""


class Usage(Protocol):
    """What was used, by day, tenant, model and route."""

    def rows(self, tenant: str, first: date, last: date) -> Iterator[UsageRow]:
        """A tenant's rows of these days, by day, model and route; some may stand for the same three."""

    def spent(self, owner: str, day: date) -> Mapping[str, Decimal]:
        """What an owner's budgets count: `usd_per_day` and `usd_per_month`, and `concurrency`."""


class ChunkTally(NamedTuple):
    """What was counted of a chunk's rows, and how often."""

    version: int
    tally: Tally


class BatchPage(NamedTuple):
    """One page of a list, newest first, each batch with what has become of its rows; `cursor` as a Page's."""

    batches: tuple[tuple[Batch, Tally], ...]
    cursor: str | None


class BatchStore(Protocol):
    """Where batches are kept."""

    def create(self, batch: Batch) -> None:
        """Write a new record. Raises AlreadyExistsError."""

    def get(self, batch_id: str) -> Batch | None:
        """One key read, consistent with every write before it."""

    def save(self, batch: Batch) -> None:
        """Write a moved record over the version before it. Raises VersionConflictError."""

    def list(self, tenant: str, limit: int, cursor: str | None) -> BatchPage:
        """A tenant's batches, newest first. Raises InvalidRequestError for a forged cursor."""

    def note_announced(self, batch: Batch) -> None:
        """This end of a batch was told; nothing is noted where it has been resumed meanwhile."""

    def tally(self, batch_id: str) -> Tally:
        """What has become of all rows so far."""

    def chunk(self, batch_id: str, number: int) -> ChunkTally:
        """What the tally has of a chunk's rows already."""

    def count(self, batch_id: str, number: int, before: ChunkTally, now: Tally) -> None:
        """Tell the tally what is new of a chunk's rows; once. Raises VersionConflictError."""


class Writer(Protocol):
    """An object that is being written."""

    def write(self, data: bytes) -> None:
        """Append."""


class Files(Protocol):
    """Objects in the buckets that batches are read from and written to."""

    def read_from(self, bucket: str, key: str, offset: int, etag: str) -> Generator[bytes, None, None]:
        """An object's bytes in chunks from an offset on, none where it ends there. To be closed.

        Raises FileChangedError where it is not the object of that ETag any more, or is gone.
        """

    def read(self, key: str) -> bytes | None:
        """All bytes of an object of bounded size in the image bucket; None where there is none."""

    def put(self, key: str, data: bytes, content_type: str) -> str:
        """Write an object of bounded size into the image bucket; its ETag."""

    def writer(self, key: str, content_type: str) -> AbstractContextManager[Writer]:
        """Write an object of any size into the image bucket, in constant memory; all of it, or nothing."""

    def signed_url(self, key: str) -> str:
        """A short-lived link to one object of the image bucket."""


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

    def took(self, name: str, holder: str, seconds: float, now: datetime) -> None:
        """How long a result took that the holder got; the latest of them are kept."""

    def probe(self, name: str, now: datetime) -> bool:
        """Whether the caller is the one who may try a route that was left alone long enough."""


class InboxObject(NamedTuple):
    """An object's state, and what its owner wrote on it, names in lower case."""

    source: Source
    metadata: Mapping[str, str]


class Inbox(Protocol):
    """The bucket into which callers put files."""

    def uri(self, key: str) -> str:
        """The `s3://` name of a key."""

    def read(self, key: str, bytes_max: int) -> bytes:
        """All bytes under a key. Raises ImageInvalidError for more than so many, ImageUnavailableError."""

    def find(self, key: str) -> InboxObject:
        """What is known of an object. Raises ImageUnavailableError where there is none."""


class ImageStore(Protocol):
    """Where image bytes lie."""

    def put(self, key: str, body: IO[bytes], image: Image, tenant: str) -> None:
        """Keep a verified image with its facts, and a mark of whose it is, which outlives all records; the
        store checks the SHA-256 on arrival."""

    def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        """Put bytes down for a later step."""

    def open(self, key: str) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes under a key, in chunks. Raises ImageUnavailableError where there are none."""

    def read(self, key: str) -> bytes:
        """All bytes under a key, for input images of bounded size."""

    def uri(self, key: str) -> str:
        """The `s3://` name of a key."""

    def signed_url(self, key: str, seconds: int = 3600) -> str:
        """A link to one object that works for so long, or less."""


class UploadForm(NamedTuple):
    """Where an upload is posted, and the form's fields. They sign it, so they stay out of the repr."""

    url: str
    fields: Mapping[str, str]

    def __repr__(self) -> str:
        return f"UploadForm({self.url!r}, ...)"


class Uploads(Protocol):
    """Where callers put input images themselves."""

    def form(self, key: str, content_type: str, bytes_max: int, seconds: int) -> UploadForm:
        """A form that puts one object under this key, of this type and of 1 to so many bytes."""

    def read(self, key: str, bytes_max: int) -> bytes:
        """All bytes under a key. Raises ImageUnavailableError where there are none, and ImageInvalidError
        for more than so many."""


class Links(Protocol):
    """Hosts that callers name, as far as they are public."""

    def head_bytes(self, url: str, most_bytes: int, timeout_seconds: float) -> HttpResponse:
        """The answer to one GET, a redirect too, and the first bytes of its body.

        Raises AddressRefusedError for a host that is not public, NotSentError or AnswerLostError.
        """


class Workflow(Protocol):
    """What carries a generation from queued to its end."""

    def start(self, generation_id: str, carrier: int = 0) -> None:
        """Start the execution of this name; starting it again is harmless. Raises WorkflowBusyError."""

    def go_on(
        self, generation_id: str, carrier: int, first: str | None = None
    ) -> Literal["carried", "restarted", "over"]:
        """See to it that this execution runs: `restarted` where there was none, `over` where it has ended.
        `first` names the one of carrier 0, where that is a caller's own; it is `over` where there is none."""


class EventBus(Protocol):
    """Where the ends of generations are told."""

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Put one event on Easel's bus."""


class DeadLetters(Protocol):
    """Where requests are kept that could not be taken."""

    def put(self, message: Mapping[str, object]) -> None:
        """Keep one, with the reason."""


class VendorKeys(Protocol):
    """The deployment's keys, by endpoint name."""

    def get(self) -> Mapping[str, str]:
        """All keys that are set. Cached for a short while, so that a rotation needs no deployment."""


class ApiKeys(Protocol):
    """Who a caller is."""

    def find(self, secret: str, *, anew: bool = False) -> ApiKey | None:
        """What is known of the key with this secret; None for an unknown one. Half a minute old at most, and
        `anew` as it is now."""


class Tenants(Protocol):
    """What holds for tenants."""

    def get(self, tenant: str) -> Tenant:
        """What was set for a tenant; one that nothing was set for has no limits. A moment old at most."""


class Quotas(Protocol):
    """How many requests an owner of a limit has made in a minute."""

    def count(self, owner: str, minute: datetime, allowed: int) -> int | None:
        """One more request in the minute that begins then: how many are left. None where none was."""

    def made(self, owner: str, minute: datetime) -> int:
        """How many requests were counted in that minute so far."""


class Download(NamedTuple):
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
