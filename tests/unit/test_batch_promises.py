"""A batch's promises, under crashes at every effect, repeated steps, lost executions, cancels and resumes.

A batch lives through the real use cases over doubles of the ports. Which rows it has, how they end, where a
process dies and who comes in between is Hypothesis' choice. Chunks and windows are small, so that a few rows
are many chunks.
"""

import os
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from easel.domain.batch import Batch, BatchStatus
from easel.domain.generation import Generation, Status
from easel.domain.tenancy import Caller
from easel.errors import ConflictError, VersionConflictError
from easel.steps import prepare
from tests.fakes.batch_run import dropped, end, errors, generations, now, results, row, tally, true_tally
from tests.fakes.fuse import CrashError, Fuse
from tests.fakes.scene import TENANT, Scene

EXAMPLES = int(os.environ.get("EASEL_PROMISES_EXAMPLES", "250"))
ROUTES = (
    {"model": "qwen-image-max", "route": "mulerouter/qwen-image-max"},
    {"model": "qwen-image-max", "route": ["mulerouter/qwen-image-max", "pixeldojo/qwen-image-max"]},
    {"model": "qwen-image", "route": "aimlapi/qwen-image", "n": 2},
)
CUSTOM_IDS = st.sampled_from(["a", "b", "c", "d", None, None, None, None])
ROWS = st.lists(
    st.tuples(CUSTOM_IDS, st.sampled_from(ROUTES), st.sampled_from([True] * 6 + [False])),
    min_size=3,
    max_size=16,
)
CAPS = st.sampled_from([None, Decimal("0.2"), Decimal("0.5"), Decimal(1)])
TOLERATED = st.sampled_from([None, None, 0, 2])
# At which effect of a step something happens; mostly nothing does.
WHERE = st.one_of(st.none(), st.integers(0, 20))
STRAY = ("feed", "feed", "feed", "prepare", "prepare", "reconcile", "reconcile", "reconcile", "cancel")
FATES = st.sampled_from([Status.SUCCEEDED] * 5 + [Status.FAILED, Status.EXPIRED, Status.CANCELED])
STEP_ERRORS = (VersionConflictError, ConflictError)
RESUMABLE = (BatchStatus.STOPPED, BatchStatus.CANCELED)
DUST_SETTLES = 200  # turns, before something is stuck
Execution = tuple[str, int]


class BatchPromises(RuleBasedStateMachine):
    """Executions are kept as Step Functions keeps them: which step is next, and which children still run."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = pytest.MonkeyPatch()
        for name, value in (("CHUNK_ROWS", 3), ("SAVE_CHUNKS", 2), ("CHUNK_ROWS_AT_ONCE", 2)):
            self.patches.setattr(prepare, name, value)
        self.scene = Scene(at_once=4)
        self.fuse = Fuse(self.scene, self.scene.script)
        self.steps: dict[Execution, str] = {}
        self.children: dict[Execution, list[int]] = {}
        self.ended: dict[str, Generation] = {}
        self.highest_cap: Decimal | None = Decimal(0)
        self.looked_at = -1

    @initialize(given=ROWS, cap=CAPS, tolerated=TOLERATED)
    def drop(self, given: Any, cap: Decimal | None, tolerated: int | None) -> None:
        self.lines = [
            row(number, custom_id=custom_id, **route) | ({} if good else {"size": "huge"})
            for number, (custom_id, route, good) in enumerate(given, 1)
        ]
        self.batch_id = dropped(self.scene, *self.lines, max_cost_usd=cap, tolerated_failures=tolerated).id
        self.allow(cap)

    # ── What may happen ───────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.live())
    @rule(
        data=st.data(),
        steps=st.integers(2, 9),
        at=WHERE,
        meanwhile=st.sampled_from((*["crash"] * 9, *STRAY, "end")),
        gives_up=st.sampled_from([False] * 3 + [True]),
    )
    def advance(self, data: Any, steps: int, at: int | None, meanwhile: str, gives_up: bool) -> None:
        """An execution runs on. At an effect of it the process dies, or somebody else comes in."""
        execution = data.draw(st.sampled_from(self.live()))
        child = data.draw(st.integers(0, 4))
        act = None if meanwhile == "crash" else lambda: self.come_in_between(meanwhile, child + 1)
        self.fuse.set(at, act)
        for _ in range(steps):
            if execution in self.live():
                self.advance_one(execution, child, gives_up=gives_up)
        self.fuse.set(None)

    @rule(number=st.integers(1, 5), step=st.sampled_from(STRAY), at=WHERE)
    def stray(self, number: int, step: str, at: int | None) -> None:
        """A step is delivered twice, late, or out of order; Reconcile runs; a caller cancels."""
        self.fuse.set(at)
        self.come_in_between(step, number)
        self.fuse.set(None)

    @precondition(lambda self: self.at_work())
    @rule(data=st.data(), count=st.integers(1, 4), fate=FATES)
    def rows_end(self, data: Any, count: int, fate: Status) -> None:
        for _ in range(count):
            if at_work := self.at_work():
                end(self.scene, data.draw(st.sampled_from(at_work)), fate)

    @precondition(lambda self: self.batch.status in RESUMABLE)
    @rule(cap=CAPS, tolerated=TOLERATED, at=st.one_of(st.none(), st.integers(0, 3)))
    def resume(self, cap: Decimal | None, tolerated: int | None, at: int | None) -> None:
        self.allow(cap)
        self.fuse.set(at)
        try:
            bounds = {"max_cost_usd": cap, "tolerated_failures": tolerated}
            self.scene.batcher.resume(Caller(tenant=TENANT), self.batch_id, bounds)
        except CrashError:
            pass
        self.fuse.set(None)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def execution_dies(self, data: Any) -> None:
        """Aborted, with all its children."""
        self.stop(data.draw(st.sampled_from(self.live())))

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def child_dies(self, data: Any) -> None:
        """For good: the map tolerates it."""
        left = self.children[data.draw(st.sampled_from(self.running()))]
        left.remove(data.draw(st.sampled_from(left)))

    @rule()
    def file_is_told_again(self) -> None:
        assert dropped(self.scene, *self.lines).id == self.batch_id

    # ── How it happens ────────────────────────────────────────────────────────────────────────────────

    @property
    def batch(self) -> Batch:
        return now(self.scene, self.scene.batches.records[self.batch_id])

    def allow(self, cap: Decimal | None) -> None:
        """What the rows may cost at most, since the beginning; None once there was no cap."""
        before = self.highest_cap
        self.highest_cap = None if cap is None or before is None else max(before, cap)

    def at_work(self) -> list[Generation]:
        return [one for one in self.scene.store.records.values() if not one.terminal]

    def live(self) -> list[Execution]:
        """The executions that run. One that was started begins with Prepare."""
        for execution in self.scene.batch_workflow.running:
            self.steps.setdefault(execution, "prepare")
        return sorted(one for one in self.scene.batch_workflow.running if self.steps[one] != "over")

    def running(self) -> list[Execution]:
        """Those of which children run."""
        return [one for one in self.live() if self.steps[one] == "run" and self.children[one]]

    def stop(self, execution: Execution) -> None:
        self.scene.batch_workflow.running.discard(execution)
        self.steps[execution] = "over"

    def advance_one(self, execution: Execution, child: int, *, gives_up: bool) -> None:
        """One step of one execution, as the state machine's Retry and Catch have it."""
        step = self.steps[execution]
        try:
            after = self.run_step(execution, step, child)
        except (CrashError, *STEP_ERRORS):
            if not gives_up:
                return
            if step == "run" and (left := self.children[execution]):
                left.pop(child % len(left))  # the map tolerates it
                after = "run"
            else:
                after = {"prepare": "collect after a fault"}.get(step, "over")
        self.steps[execution] = after
        if after == "over":
            self.stop(execution)

    def run_step(self, execution: Execution, step: str, child: int) -> str:
        """What comes next."""
        if step == "prepare":
            state = self.scene.preparer.prepare(self.batch_id)
            chunks = self.scene.files.keys(state["prefix"])
            self.children[execution] = list(range(1, len(chunks) + 1))
            return str(state["next"])
        if step == "run":
            left = self.children[execution]
            if not left:
                return "collect"
            number = left[child % len(left)]
            if self.scene.feeder.feed(self.batch_id, number)["done"]:
                left.remove(number)
            return "run"
        self.scene.collector.collect(self.batch_id, "States.ALL" if step != "collect" else None)
        return "over"

    def come_in_between(self, what: str, number: int) -> None:
        scene = self.scene
        try:
            if what == "cancel":
                scene.batcher.cancel(TENANT, self.batch_id)
            elif what == "feed":
                if scene.files.read(f"batches/{self.batch_id}/work/rows/{number:06d}.jsonl") is not None:
                    scene.feeder.feed(self.batch_id, number)
            elif what == "prepare":
                scene.preparer.prepare(self.batch_id)
            elif what == "end":
                for one in self.at_work():
                    end(scene, one)
            else:
                scene.clock.sleep(61)
                scene.reconciler.sweep()
        except (CrashError, *STEP_ERRORS):
            pass  # whoever delivered it sees the error; nobody goes on from it

    # ── What must hold ────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def no_row_is_bought_twice(self) -> None:
        bought = generations(self.scene, self.batch)
        named = Counter(one.origin.custom_id for one in bought if one.origin.custom_id is not None)
        numbered = Counter(one.origin.row for one in bought)
        assert not [one for one, times in (named + numbered).items() if times > 1]

    @invariant()
    def committed_money_never_passes_the_cap(self) -> None:
        if self.highest_cap is None:
            return
        spent = Decimal(0)
        for one in generations(self.scene, self.batch):
            spent += true_cost(self.scene, one) if one.terminal else one.origin.reserved_usd
        assert spent <= self.highest_cap

    @invariant()
    def tally_is_never_more_than_the_truth(self) -> None:
        told, truth = tally(self.scene, self.batch), true_tally(self.scene, self.batch)
        for name in ("succeeded", "failed", "expired", "canceled", "images"):
            assert getattr(told, name) <= getattr(truth, name), name
        assert told.started <= len(generations(self.scene, self.batch))

    @invariant()
    def ended_row_never_changes(self) -> None:
        for one in generations(self.scene, self.batch):
            if one.terminal:
                written = one.having(announced=False)  # that its end was told is noted beside it
                assert self.ended.setdefault(one.id, written) == written

    @invariant()
    def each_row_that_was_read_is_in_one_file_of_an_ended_batch(self) -> None:
        batch = self.batch
        if not batch.over or self.looked_at == batch.version:
            return
        self.looked_at = batch.version
        good = [line["row"] for line in results(self.scene, batch)]
        bad = [line["row"] for line in errors(self.scene, batch)]
        assert sorted(good + bad) == list(range(1, batch.rows + 1))
        assert (good, bad) == (sorted(good), sorted(bad))
        assert batch.rows == len(self.lines) or not batch.prepared

    def teardown(self) -> None:
        """The dust settles: nobody dies or cancels any more, and what stopped is resumed without bounds."""
        self.fuse.set(None)
        for _ in range(DUST_SETTLES if hasattr(self, "batch_id") else 0):
            batch = self.batch
            if batch.status in RESUMABLE:
                bounds = {"max_cost_usd": None, "tolerated_failures": None}
                self.scene.batcher.resume(Caller(tenant=TENANT), self.batch_id, bounds)
            elif batch.over and batch.announced:
                break
            for one in self.at_work():
                end(self.scene, one)
            for execution in self.live():
                self.advance_one(execution, 0, gives_up=False)
            self.come_in_between("reconcile", 0)
        self.patches.undo()
        if hasattr(self, "batch_id"):
            self.all_is_done()

    def all_is_done(self) -> None:
        scene, batch = self.scene, self.batch
        assert (batch.over, batch.announced) == (True, True)
        self.looked_at = -1
        self.each_row_that_was_read_is_in_one_file_of_an_ended_batch()
        if batch.status is BatchStatus.FAILED:  # a step was given up
            return
        assert batch.status is BatchStatus.COMPLETED
        bought = generations(scene, batch)
        good = {line["custom_id"] or line["row"] for line in self.good_lines()}
        assert {one.origin.custom_id or one.origin.row for one in bought} == good, "no row was lost"
        assert len(results(scene, batch)) == sum(one.status is Status.SUCCEEDED for one in bought)
        refused = [line for line in errors(scene, batch) if line["id"] is None]
        truth = true_tally(scene, batch)
        held = sum((one.origin.reserved_usd for one in bought), Decimal(0))
        expected = truth.having(
            started=len(bought),
            refused=len(refused) - batch.refused,
            committed_usd=truth.committed_usd + held,
        )
        assert tally(scene, batch).minus(expected) == {}
        ends = [detail["status"] for name, detail in scene.bus.events if name.startswith("Image Batch")]
        assert ends[-1] == "completed"

    def good_lines(self) -> list[dict[str, Any]]:
        """The rows that can be bought, with their numbers."""
        numbered = [{"row": number, "custom_id": None} | line for number, line in enumerate(self.lines, 1)]
        return [line for line in numbered if "size" not in line]


def true_cost(scene: Scene, generation: Generation) -> Decimal:
    """What an ended row cost, about."""
    return sum(
        (
            attempt.billed.amount * scene.catalogue.routes[attempt.route].endpoint.usd_per_unit
            for attempt in generation.attempts
            if attempt.billed is not None
        ),
        Decimal(0),
    )


TestBatchPromises = BatchPromises.TestCase
TestBatchPromises.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=40, deadline=None, database=None
)
