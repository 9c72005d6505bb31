"""Read: one generation, waited for if the caller likes, or a page of them."""

from dataclasses import dataclass

from easel.domain.generation import Generation, Status
from easel.domain.ids import is_generation_id
from easel.errors import FieldProblem, InvalidRequestError, NotFoundError
from easel.ports import Clock, GenerationStore, Page

WAIT_SECONDS_MAX = 25  # the HTTP API gives up at 30 s
LOOK_SECONDS = 0.5  # between two looks at a record that is waited for: one key read each
LIST_MAX, LIST_DEFAULT = 100, 20


@dataclass(frozen=True, slots=True)
class Reader:
    """Answers questions about generations. Never touches the workflow."""

    store: GenerationStore
    clock: Clock

    def get(self, tenant: str, generation_id: str, wait_seconds: float = 0) -> Generation:
        """The generation, at once or when it has ended or the wait is over.

        Raises NotFoundError, alike for what does not exist and for what is somebody else's.
        """
        found = self.store.get(generation_id) if is_generation_id(generation_id) else None
        ends = self.clock.now().timestamp() + min(wait_seconds, WAIT_SECONDS_MAX)
        while True:
            if found is None or found.tenant != tenant:
                raise NotFoundError(f"There is no generation {generation_id[:40]!r}.")
            left = ends - self.clock.now().timestamp()
            if found.terminal or left <= 0:
                return found
            self.clock.sleep(min(LOOK_SECONDS, left))
            found = self.store.get(generation_id)

    def list(
        self, tenant: str, *, status: str | None, model: str | None, limit: int, cursor: str | None
    ) -> Page:
        """A page, newest first. Raises InvalidRequestError naming the parameter that is wrong."""
        if status is not None and status not in tuple(Status):
            allowed = tuple(word.value for word in Status)
            raise InvalidRequestError(
                "There is no such status.", [FieldProblem("status", "is not a status", allowed=allowed)]
            )
        return self.store.list(tenant, status=status, model=model, limit=checked_limit(limit), cursor=cursor)


def checked_limit(limit: int) -> int:
    """How many a page may hold, where it may. Raises InvalidRequestError."""
    if 1 <= limit <= LIST_MAX:
        return limit
    bounds = f"1 to {LIST_MAX}"
    raise InvalidRequestError(
        "The limit is out of range.", [FieldProblem("limit", f"must be {bounds}", bounds)]
    )
