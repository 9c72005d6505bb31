"""The ports in memory."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Literal

from easel.domain.batch import Batch
from easel.domain.generation import Generation, Image
from easel.domain.holding import KEPT, Held
from easel.domain.ids import earliest_generation_id, is_generation_id
from easel.domain.ledger import Reserving
from easel.domain.tenancy import ApiKey
from easel.domain.tenants import Tenant
from easel.errors import (
    AlreadyExistsError,
    FieldProblem,
    ImageUnavailableError,
    InvalidRequestError,
    VersionConflictError,
)
from easel.ports import Claim, Download, Hold, Idempotency, Page
from easel.wire import HttpResponse
from tests.fakes.memory_batches import MemoryBatches
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_webhooks import MemoryDeliveries

CLAIM_LIFE = timedelta(hours=24)


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


class MemoryGenerations:
    """The port `GenerationStore`. `now` decides which idempotency keys have expired; `batches` are those of
    which rows take their holds, and that lie in the same table, as `deliveries` do."""

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        batches: MemoryBatches | None = None,
        deliveries: MemoryDeliveries | None = None,
    ) -> None:
        self.now = now
        self.batches = batches or MemoryBatches()
        self.deliveries = deliveries or MemoryDeliveries()
        self.lock = threading.Lock()
        self.ledger = MemoryLedger()
        self.records: dict[str, Generation] = {}
        self.claims: dict[tuple[str, str], tuple[Claim, datetime]] = {}
        self.history: dict[str, list[str]] = {}
        self.looked_at: dict[str, datetime] = {}

    def create(
        self,
        generation: Generation,
        idempotency: Idempotency | None,
        hold: Hold | None = None,
        reservings: Sequence[Reserving] = (),
    ) -> None:
        with self.lock:
            claimed = idempotency and self._claim(generation.tenant, idempotency.key, generation.created_at)
            if generation.id in self.records or claimed:
                raise AlreadyExistsError("the record or its idempotency key exists")
            with self.batches.taken(hold):
                self.ledger.reserve(generation, reservings)
            self.records[generation.id] = copied(generation)
            self.history[generation.id] = [generation.status.value]
            if idempotency:
                claim = Claim(generation.id, idempotency.fingerprint)
                self.claims[generation.tenant, idempotency.key] = (claim, generation.created_at + CLAIM_LIFE)

    def claim(self, tenant: str, key: str) -> Claim | None:
        return self._claim(tenant, key, self.now())

    def _claim(self, tenant: str, key: str, now: datetime) -> Claim | None:
        claim, expires = self.claims.get((tenant, key), (None, now))
        return claim if expires >= now else None

    def get(self, generation_id: str) -> Generation | None:
        return self.records.get(generation_id)

    def get_many(self, generation_ids: Sequence[str]) -> Mapping[str, Generation]:
        return {one: self.records[one] for one in generation_ids if one in self.records}

    def save(self, generation: Generation) -> None:
        with self.lock:
            stored = self.records.get(generation.id)
            if stored is None or stored.version != generation.version - 1 or stored.terminal:
                raise VersionConflictError(generation.id)
            if generation.terminal:
                self.ledger.settle(generation)
            self.records[generation.id] = copied(generation)
            if self.history[generation.id][-1] != generation.status.value:
                self.history[generation.id].append(generation.status.value)

    def note_announced(self, generation_id: str) -> None:
        self.records[generation_id] = self.records[generation_id].having(announced=True)

    def note_looked_at(self, generation_id: str, now: datetime) -> None:
        if not self.records[generation_id].announced:
            self.looked_at[generation_id] = now

    def list(
        self, tenant: str, *, status: str | None, model: str | None, limit: int, cursor: str | None
    ) -> Page:
        if cursor is not None and not is_generation_id(cursor):
            raise InvalidRequestError("The cursor is not valid.", [FieldProblem("cursor", "is forged")])
        mine = sorted(
            (one for one in self.records.values() if one.tenant == tenant),
            key=lambda one: one.id,
            reverse=True,
        )
        wanted = [
            one
            for one in mine
            if (status is None or one.status == status)
            and (model is None or one.request.model == model)
            and (cursor is None or one.id < cursor)
        ]
        page = tuple(wanted[:limit])
        return Page(page, page[-1].id if len(wanted) > limit else None)

    def quiet(self, before: datetime) -> Iterator[str]:
        every: list[Generation | Batch] = [*self.records.values(), *self.batches.records.values()]
        still = [(self._lies_since(one), one.id) for one in every if not one.announced]
        late = [(one.next_attempt_at or before, one.id) for one in self.deliveries.records.values()]
        in_order = sorted(still + late, key=lambda one: one[0])  # ids are random: equal ones as they came
        return iter([one for moment, one in in_order if moment < before])

    def _lies_since(self, one: Generation | Batch) -> datetime:
        return max(one.updated_at, self.looked_at.get(one.id, one.updated_at))


def copied(generation: Generation) -> Generation:
    """What a store gives back: written down and read again."""
    return Generation.model_validate_json(generation.model_dump_json())


class MemoryImages:
    """The port `ImageStore`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.facts: dict[str, Image] = {}
        self.owners: dict[str, str] = {}

    def put(self, key: str, body: IO[bytes], image: Image, tenant: str) -> None:
        data = body.read()
        if hashlib.sha256(data).hexdigest() != image.sha256 or len(data) != image.bytes:
            raise ValueError("the bytes differ from their facts")
        self.objects[key] = data
        self.types[key] = image.content_type
        self.facts[key] = image
        self.owners[key] = tenant

    def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        self.objects[key] = data
        self.types[key] = content_type

    @contextmanager
    def open(self, key: str) -> Iterator[Iterator[bytes]]:
        if key not in self.objects:
            raise ImageUnavailableError(key)
        stream = io.BytesIO(self.objects[key])
        yield iter(lambda: stream.read(1000), b"")

    def read(self, key: str) -> bytes:
        with self.open(key) as chunks:
            return b"".join(chunks)

    def uri(self, key: str) -> str:
        return f"s3://images/{key}"

    def signed_url(self, key: str, seconds: int = 3600) -> str:
        return f"https://images.example/{key}?signature=test&seconds={seconds}"


class Started:
    """The port `Workflow`: remembers what was started. `callers` tells of callers' own executions, by ARN,
    which of them run."""

    def __init__(self) -> None:
        self.callers: dict[str, bool] = {}
        self.ids: list[str] = []
        self.carriers: dict[str, int] = {}
        self.running: set[tuple[str, int]] = set()
        self.known: set[tuple[str, int]] = set()

    def start(self, generation_id: str, carrier: int = 0) -> None:
        self.ids.append(generation_id)
        self.carriers[generation_id] = carrier
        if (generation_id, carrier) not in self.known:  # a name is used once, also after its execution ended
            self.known.add((generation_id, carrier))
            self.running.add((generation_id, carrier))

    def go_on(
        self, generation_id: str, carrier: int, first: str | None = None
    ) -> Literal["carried", "restarted", "over"]:
        if first and not carrier:
            return "carried" if self.callers.get(first) else "over"
        if self.carriers.get(generation_id, -1) < carrier:
            self.start(generation_id, carrier)
            return "restarted"
        return "carried" if (generation_id, carrier) in self.running else "over"

    def stop_all(self) -> None:
        """Every execution ends without having settled its generation."""
        self.running.clear()
        self.callers = dict.fromkeys(self.callers, False)


class Told:
    """The port `EventBus`: remembers what was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        self.events.append((detail_type, detail))


class Keys:
    """The port `VendorKeys`, with a key for each endpoint named."""

    def __init__(self, *endpoints: str) -> None:
        self.keys = {name: f"key-of-{name}" for name in endpoints}

    def get(self) -> Mapping[str, str]:
        return self.keys


class ScriptedTransport:
    """The port `Transport`: gives the answers of a script, in order, and remembers what was asked."""

    def __init__(
        self, answers: Sequence[HttpResponse | Exception], links: Mapping[str, bytes] | None = None
    ) -> None:
        self.answers = list(answers)
        self.links = dict(links or {})
        self.asked: list[tuple[str, str, Mapping[str, str], Any]] = []
        self.timeouts: list[float] = []

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, object] | None,
        *,
        timeout_seconds: float,
    ) -> HttpResponse:
        self.asked.append((method, url, headers, body))
        self.timeouts.append(timeout_seconds)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @contextmanager
    def download(self, url: str, *, hosts: Sequence[str], timeout_seconds: float) -> Iterator[Download]:
        if url not in self.links:
            raise ImageUnavailableError("the result link answered HTTP 404")
        data = self.links[url]
        yield Download(len(data), "image/png", iter([data[:100], data[100:]]))


class KnownKeys:
    """The port `ApiKeys`, with the tenant of each key; `known` is what else is known of all of them."""

    def __init__(self, tenants: Mapping[str, str]) -> None:
        self.tenants = dict(tenants)
        self.asked: list[str] = []
        self.known: dict[str, Any] = {}

    def find(self, secret: str, *, anew: bool = False) -> ApiKey | None:
        self.asked.append(secret)
        tenant = self.tenants.get(secret)
        return ApiKey(id="key_1", tenant=tenant, prefix=secret[:12], **self.known) if tenant else None


class SetTenants:
    """The port `Tenants`, with what was set."""

    def __init__(self) -> None:
        self.set: dict[str, Tenant] = {}

    def get(self, tenant: str) -> Tenant:
        return self.set.get(tenant, Tenant(id=tenant))


class MemoryUndelivered:
    """The port `Undelivered`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: dict[tuple[str, str], Held] = {}

    def of(self, fingerprint: str, now: datetime) -> Sequence[Held]:
        earliest = earliest_generation_id(now - KEPT)
        return [held for (of, one), held in self.entries.items() if of == fingerprint and one > earliest]

    def write(self, fingerprint: str, held: Held, over: Held | None) -> bool:
        with self.lock:
            stored = self.entries.get((fingerprint, held.generation_id))
            if (stored and stored.stamp) != (over and over.stamp):
                return False
            self.entries[fingerprint, held.generation_id] = held
            return True


class MemoryQuotas:
    """The port `Quotas`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: dict[tuple[str, datetime], int] = {}

    def count(self, owner: str, minute: datetime, allowed: int) -> int | None:
        with self.lock:
            made = self.counts.get((owner, minute), 0)
            if made >= allowed:
                return None
            self.counts[owner, minute] = made + 1
            return allowed - made - 1

    def made(self, owner: str, minute: datetime) -> int:
        return self.counts.get((owner, minute), 0)
