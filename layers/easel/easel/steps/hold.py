"""Hold: answer a synchronous caller with the ended generation, however often its client must come again.

A synchronous client gets no id to ask for. It waits, at most so long as the HTTP API lets it, and then sends
the same request again: by itself (the OpenAI SDK after a 409, with its retry count in a header), or because a
person does. What leads it back is the fingerprint of what it asks. Under it lies an entry for each generation
that nobody was answered with (`domain.holding`), and every change of one is a conditional write over what was
read. So a generation answers one request, and two who ask for the same at once get two:

    first   ──[new entry, held]──make──wait 25 s──[give up]──► 409, Retry-After
    retry                                                   ──[take]──wait──ended──[close]──► 200
    another first, meanwhile  ──[new entry, held]──make──...

Whatever is lost, the entry leads back to what was bought:

    died before make         the id is reserved in the entry: the next one makes it under this id
    died while making        likewise; who makes a generation under an id that there is gets that one
    died while waiting       nobody holds the entry when its time is over, and a retry takes it at once
    client gone, we are not  the retry takes the entry; the first request cannot close it any more, answers
                             409 to nobody, and makes nothing
    200 lost on its way      a retry finds what was answered a moment ago

A retry whose first request never came here may take what another first request holds, where both ask for the
same. That one then answers 409, its client comes again as a retry, finds nothing to take, and makes its own.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from easel.domain.generation import Generation
from easel.domain.holding import (
    COME_AGAIN_SECONDS_MIN,
    HOLD_SECONDS,
    Held,
    Patience,
    come_again_seconds,
    resumable,
)
from easel.domain.ids import new_generation_id
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import Caller
from easel.errors import NotFoundError, RequestError, StillWorkingError
from easel.ports import Clock, Undelivered
from easel.steps import create
from easel.steps.read import Reader

ANSWER_SECONDS = 4.0  # until a request that has waited has answered; the function is stopped at 29 s
CAREFUL = Patience()


@dataclass(frozen=True, slots=True)
class Holder:
    """Holds requests of synchronous doors until their generations have ended."""

    undelivered: Undelivered
    reader: Reader
    clock: Clock

    def hold(
        self,
        caller: Caller,
        fingerprint: str,
        make: Callable[[str], Generation],
        client: Patience = CAREFUL,
    ) -> Generation:
        """The ended generation, waited for as long as the client allows: a resumed one, or else a new one.

        `make` makes it under the id given, or gives back the one that there is (`Creator.create` with a
        `Row` of this id). Its refusals pass through, and leave nothing to resume. Raises StillWorkingError
        where the generation has not ended by then, or another request answers with it.
        """
        ends = self.clock.now() + timedelta(seconds=min(client.seconds, HOLD_SECONDS))
        held = self._taken(fingerprint, ends, client.retries)
        generation = self._known(caller, held) or self._made(fingerprint, held, make)
        left = (ends - self.clock.now()).total_seconds()
        if not generation.terminal and left > 0:
            generation = self.reader.get(caller.tenant, generation.id, left)
        now = self.clock.now()
        if not generation.terminal:
            self.undelivered.write(fingerprint, held.given_up(_stamp(), now), held)
            raise still_working(generation.id, come_again_seconds(generation, now, client))
        if not self.undelivered.write(fingerprint, held.closed(_stamp(), now), held):
            raise still_working(generation.id, COME_AGAIN_SECONDS_MIN)
        return generation

    def _taken(self, fingerprint: str, ends: datetime, retries: int) -> Held:
        """The entry that is this request's from here on. Who loses one to somebody else goes to the next."""
        now, until = self.clock.now(), ends + timedelta(seconds=ANSWER_SECONDS)
        for found in resumable(self.undelivered.of(fingerprint, now), now, retries):
            taken = found.taken(_stamp(), until, retries)
            if self.undelivered.write(fingerprint, taken, found):
                return taken
        new = Held.new(new_generation_id(now), _stamp(), until, now, retries)
        self.undelivered.write(fingerprint, new, None)
        return new

    def _known(self, caller: Caller, held: Held) -> Generation | None:
        """The entry's generation, where it was made already."""
        try:
            return self.reader.get(caller.tenant, held.generation_id)
        except NotFoundError:
            return None

    def _made(self, fingerprint: str, held: Held, make: Callable[[str], Generation]) -> Generation:
        try:
            return make(held.generation_id)
        except RequestError:
            self.undelivered.write(fingerprint, held.forgotten(_stamp(), self.clock.now()), held)
            raise


def fingerprint_of(caller: Caller, door: str, request: GenerationRequest, idempotency_key: str = "") -> str:
    """What a client that comes again is known by: tenant, key, door, and what it asks for."""
    key = caller.key.id if caller.key else ""
    parts = "\0".join((caller.tenant, key, door, create.fingerprint(request), idempotency_key))
    return hashlib.sha256(parts.encode()).hexdigest()


def still_working(generation_id: str, seconds: int) -> StillWorkingError:
    """The same request again, in so many seconds, goes on with the same generation."""
    detail = f"{generation_id} has not ended yet. The same request again goes on with it."
    return StillWorkingError(detail, retry_after_seconds=seconds)


def _stamp() -> str:
    return secrets.token_hex(8)
