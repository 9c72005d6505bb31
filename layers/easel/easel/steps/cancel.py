"""Cancel: end a generation at its caller's wish, at any moment, and say what may still be billed."""

from dataclasses import dataclass

from easel.domain.facts import Tell, ended
from easel.domain.generation import Generation, GenerationError, Status
from easel.errors import ConflictError, VersionConflictError
from easel.ports import Clock, GenerationStore
from easel.steps.announce import Announcer
from easel.steps.read import Reader

TURNS_MAX = 5  # a step may move the record in between; it does so a few times in a life


@dataclass(frozen=True, slots=True)
class Canceler:
    """Ends generations for their callers."""

    store: GenerationStore
    reader: Reader
    announcer: Announcer
    clock: Clock
    tell: Tell

    def cancel(self, tenant: str, generation_id: str) -> Generation:
        """The canceled generation; one that was canceled before is as good.

        What a vendor was asked for and did not end is `possibly_billed` in the receipt: no vendor documents
        a way to take a job back. Whatever arrives afterwards is not kept: a terminal status never changes,
        and the workflow's next step finds it. Raises NotFoundError, and ConflictError where the generation
        has ended otherwise.
        """
        for _ in range(TURNS_MAX):
            generation = self.reader.get(tenant, generation_id)
            if generation.status is Status.CANCELED:
                return generation
            if generation.terminal:
                raise ConflictError(f"The generation has ended as {generation.status.value}.")
            error = GenerationError(code="canceled", message="Its caller canceled it.")
            canceled = generation.settled(self.clock.now(), Status.CANCELED, error)
            try:
                self.store.save(canceled)
            except VersionConflictError:
                continue
            self.tell(ended(generation, canceled))
            return self.announcer.announce(canceled)
        raise ConflictError("The generation moves too fast to be canceled; try again.")
