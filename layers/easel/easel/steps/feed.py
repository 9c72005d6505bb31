"""Feed: look after the rows of one chunk of a batch: start some, count what has ended, report at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from easel.catalogue import Catalogue
from easel.domain.batch import Batch, chunk_key
from easel.domain.generation import Generation, GenerationError, Origin
from easel.domain.reading import request_of
from easel.domain.tenancy import Scope
from easel.errors import (
    BudgetReachedError,
    ConflictError,
    CostCapError,
    FieldProblem,
    LimitReachedError,
    RequestError,
    VersionConflictError,
)
from easel.key_ports import KeysById
from easel.ports import BatchStore, Clock, Files, GenerationStore, Hold
from easel.steps.create import Creator, most_usd
from easel.steps.create import Row as RowIdentity
from easel.steps.prepare import load_batch, window
from easel.steps.row_report import Reporter, row_id, tally_of
from easel.view import field_view

TURNS_MAX = 5
LOOK_SHARE = 0.25  # of a row's usual time, between two looks: each costs three transitions for up to ten rows
LOOK_SECONDS_MIN, LOOK_SECONDS_MAX = 2, 15
# An execution's history has 25,000 events, of which a look takes nine
# (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html). A chunk that waits for long, as
# for its tenant's other work, is looked at ever less often.
LOOKS_BEFORE_TWICE, LATE_LOOK_SECONDS_MAX = 400, 300


@dataclass(slots=True)
class Look:
    """What a look at a chunk finds: rows that are not started, the generations of those that are, how many
    were refused, and what is wrong with a row that was right when the manifest was read (a vendor's key is
    gone, an image is none)."""

    waiting: list[dict[str, Any]]
    started: list[Generation]
    refused: int
    wrong: dict[int, RequestError] = field(default_factory=dict)

    @property
    def at_work(self) -> int:
        """How many have not ended."""
        return sum(not generation.terminal for generation in self.started)

    def problems(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What is wrong with a row; nothing where it was not tried."""
        error = self.wrong.get(row["row"])
        if error is None:
            return []
        return [field_view(one) for one in error.problems or (FieldProblem("row", error.detail),)]


@dataclass(frozen=True, slots=True)
class Feeder:
    """Starts rows and counts them."""

    batches: BatchStore
    generations: GenerationStore
    files: Files
    reporter: Reporter
    creator: Creator
    catalogue: Catalogue
    clock: Clock
    keys: KeysById
    kept_days: int  # records are

    def feed(self, batch_id: str, number: int, looks: int = 0) -> dict[str, Any]:
        """{"done": whether the chunk is done, "wait_seconds": until the next look}, after so many looks.

        Which rows were started is read from their generations, whose ids follow from the row: a look that
        runs twice, or anew after a stop, starts none again.
        """
        batch = self._by_its_key(self._stopped_by_age(load_batch(self.batches, batch_id)))
        batch = self._stopped_by_failures(batch)
        rows = self.reporter.rows(batch_id, number)
        known = self.generations.get_many([row_id(batch, row) for row in rows])
        numbers = {row["row"] for row in rows}
        mine = [one for one in known.values() if one.origin.row in numbers]
        waiting = [row for row in rows if row_id(batch, row) not in known]
        others = len(rows) - len(waiting) - len(mine)  # their custom ids are those of other rows
        look = Look(waiting, mine, refused=others)
        if batch.bounds.max_cost_usd is not None:  # what ended rows did not spend is free for others
            self._count(batch, number, look)
        batch = self._start_some(batch, look)
        counted = self._count(batch, number, look)
        batch = self._stopped_by_failures(batch)
        if not counted or look.at_work or (look.waiting and batch.starts_rows):
            return {"done": False, "wait_seconds": self._look_again(batch, looks)}
        key = chunk_key(batch_id, batch.report_kind, number)
        self.files.put(key, self.reporter.report(batch, number, look.problems), "application/jsonl")
        return {"done": True, "wait_seconds": 0}

    def _start_some(self, batch: Batch, look: Look) -> Batch:
        """As many as may run at a time; the batch, stopped where its cost cap is reached."""
        full: set[str] = set()  # tenants that have too many at work: the next look tries theirs again
        for row in list(look.waiting):
            if look.at_work >= window(batch) or not batch.starts_rows:
                break
            if row["tenant"] in full:
                continue
            try:
                made = [self._start(batch, row)]
            except CostCapError:
                return self._stop(batch, "cost_cap", "What its rows may cost has reached the cap.")
            except BudgetReachedError as error:
                return self._stop(batch, "budget", error.detail)
            except ConflictError:  # another row takes its hold this very moment: the next look tries
                continue
            except LimitReachedError:
                full.add(row["tenant"])
                continue
            except RequestError as error:
                made, look.wrong[row["row"]] = [], error
            mine = [one for one in made if one.origin.row == row["row"]]
            look.waiting.remove(row)
            look.started += mine
            look.refused += not mine
        return batch

    def _look_again(self, batch: Batch, looks: int) -> int:
        """In how many seconds; by the slowest of the batch's routes that are offered yet, and by how long the
        chunk has taken."""
        routes = (self.catalogue.routes.get(name) for name in batch.routes)
        slowest = max((route.typical_seconds for route in routes if route), default=0.0)
        usual = max(LOOK_SECONDS_MIN, min(LOOK_SECONDS_MAX, int(slowest * LOOK_SHARE)))
        return min(LATE_LOOK_SECONDS_MAX, usual << (looks // LOOKS_BEFORE_TWICE))

    def _start(self, batch: Batch, row: Mapping[str, Any]) -> Generation:
        """The row's generation; another row's where that has the same custom id."""
        request = request_of(row["request"])
        origin = Origin(batch=batch.id, row=row["row"], custom_id=row["custom_id"])
        hold, cap = None, batch.bounds.max_cost_usd
        caller = batch.caller.on_behalf_of(row["tenant"])
        if cap is not None:
            usd = most_usd(request, [choice.route for choice in self.creator.choose(caller, request)])
            hold, origin = Hold(batch.id, usd, cap), origin.having(reserved_usd=usd)
        identity = RowIdentity(row_id(batch, row), hold)
        return self.creator.create(caller, request, origin=origin, row=identity)

    def _count(self, batch: Batch, number: int, look: Look) -> bool:
        """Whether the tally was told; another look at the same chunk may be quicker."""
        before = self.batches.chunk(batch.id, number)
        ended = tally_of(look.started)
        now = ended.having(refused=look.refused, started=len(look.started))
        try:
            self.batches.count(batch.id, number, before, now)
        except VersionConflictError:
            return False
        return True

    def _stopped_by_failures(self, batch: Batch) -> Batch:
        most = batch.bounds.tolerated_failures
        if most is None or not batch.starts_rows:
            return batch
        tally = self.batches.tally(batch.id)
        failed = tally.unsuccessful + tally.refused + batch.refused
        if failed <= most:
            return batch
        return self._stop(batch, "too_many_failures", f"{failed} rows have failed, {most} are tolerated.")

    def _stopped_by_age(self, batch: Batch) -> Batch:
        if not batch.starts_rows or self.clock.now() < batch.rows_until(self.kept_days):
            return batch
        message = "Records of its first rows will go soon; rows that were not started go into a new batch."
        return self._stop(batch, "too_old", message)

    def _by_its_key(self, batch: Batch) -> Batch:
        """Rows are bought as the key may now, and none by one that was revoked."""
        if batch.key is None or not batch.starts_rows:
            return batch
        key = self.keys.now(batch.key)
        if key is None or not key.works_at(self.clock.now()) or Scope.BATCH not in key.scopes:
            why = "was revoked, has ended, or may not have batches any more"
            return self._stop(batch, "key", f"Its API key {why}; another one may resume it.")
        return batch.having(key=key)

    def _stop(self, batch: Batch, code: str, message: str) -> Batch:
        """The batch as it is stored now: stopped, by us or by somebody else in between."""
        reason = GenerationError(code=code, message=message)
        for _ in range(TURNS_MAX):
            if not batch.starts_rows:
                return batch
            stopping = batch.stopping(self.clock.now(), reason)
            try:
                self.batches.save(stopping)
            except VersionConflictError:
                batch = load_batch(self.batches, batch.id)
                continue
            return stopping
        raise VersionConflictError(f"{batch.id} moves too fast to be stopped")
