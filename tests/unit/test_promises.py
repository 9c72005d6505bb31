"""The three promises, under crashes at every effect, duplicate deliveries and steps out of order.

Generations live through the real use cases over doubles of the ports and a model of the vendors that keeps
its own books. What the vendors say, where the process dies and who comes in between is Hypothesis' choice.
"""

import os
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from easel.catalogue import CATALOGUE
from easel.domain.generation import Generation, Status
from easel.errors import ConflictError, VendorError, VersionConflictError
from easel.steps.base import Next
from easel.steps.persist import RESULT_ERRORS
from tests.fakes.fuse import CrashError, Fuse
from tests.fakes.memory import FakeClock
from tests.fakes.model_vendor import ASK_MOODS, LINK_MOODS, POLL_MOODS, ModelVendor
from tests.fakes.scene import TENANT, Scene

# What a step may raise: the workflow repeats it, or goes to Settle.
STEP_ERRORS = (VersionConflictError, VendorError, *RESULT_ERRORS)
MAX = [f"{name}/qwen-image-max" for name in ("mulerouter", "pixeldojo", "dashscope-intl")]
PLAIN = [f"{name}/qwen-image" for name in ("aimlapi", "pixeldojo", "dashscope-intl")]
LIMITS = {name: CATALOGUE.routes[name].limits for name in (*MAX, *PLAIN)}
ROUTES = st.one_of(
    st.tuples(st.just("qwen-image-max"), st.permutations(MAX).map(lambda names: names[:2])),
    st.tuples(st.just("qwen-image"), st.permutations(PLAIN).map(lambda names: names[:2])),
    st.tuples(st.just("qwen-image-max"), st.sampled_from(MAX).map(lambda name: [name])),
    st.just(("qwen-image", ["aimlapi/qwen-image"])),
)
# At which effect of a step something happens; mostly nothing does.
WHERE = st.one_of(st.none(), st.none(), st.integers(0, 14))
WEBHOOK = "https://hooks.example/told"
STEPS = ("submit", "poll", "persist")
SETTLED = "settled"
SETTLED_SECONDS = 200.0  # after its deadline every generation has ended: two sweeps and a grace
GENERATIONS_MAX = 3  # at a time: few, so that much happens to each
EXAMPLES = int(os.environ.get("EASEL_PROMISES_EXAMPLES", "600"))


class Promises(RuleBasedStateMachine):
    """Executions are kept as Step Functions keeps them: which step is next. Steps run through `run`."""

    def __init__(self) -> None:
        super().__init__()
        clock = FakeClock()
        self.vendor = ModelVendor(clock)
        self.scene = Scene(transport=self.vendor, limits=LIMITS)
        self.vendor.clock = self.scene.clock
        self.fuse = Fuse(self.scene, self.vendor)
        self.executions: dict[tuple[str, int], str] = {}
        self.ended: dict[str, Generation] = {}

    # ── What may happen ───────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: len(self.scene.store.records) < GENERATIONS_MAX)
    @rule(
        chosen=ROUTES,
        n=st.integers(1, 2),
        on_unknown=st.sampled_from(["fail", "fail", "resubmit"]),
        deadline=st.sampled_from([60, 600, 600, 3600]),
        webhook=st.sampled_from([None, WEBHOOK]),
        at=WHERE,
    )
    def create(
        self, chosen: Any, n: int, on_unknown: str, deadline: int, webhook: str | None, at: int | None
    ) -> None:
        model, routes = chosen
        fields: dict[str, Any] = {"n": n} if routes == ["aimlapi/qwen-image"] else {}
        fields["webhook"] = webhook
        prompt = f"prompt-{len(self.scene.store.records)}"
        self.fuse.set(at)
        try:
            self.scene.create(
                model=model, route=routes, prompt=prompt, on_unknown=on_unknown, deadline_seconds=deadline,
                **fields,
            )  # fmt: skip
        except CrashError:
            pass
        finally:
            self.fuse.set(None)

    @precondition(lambda self: self.live())
    @rule(
        data=st.data(),
        ask=st.sampled_from(ASK_MOODS + ("take",) * len(ASK_MOODS)),
        poll=st.sampled_from(POLL_MOODS + ("done",) * 4),
        link=st.sampled_from(LINK_MOODS + ("whole",) * 8),
        inline=st.booleans(),
        steps=st.integers(1, 4),
        at=WHERE,
        meanwhile=st.sampled_from([*["crash"] * 5, *STEPS, "cancel", "settle", "reconcile"]),
    )
    def advance(
        self,
        data: Any,
        ask: str,
        poll: str,
        link: str,
        inline: bool,
        steps: int,
        at: int | None,
        meanwhile: str,
    ) -> None:
        """An execution runs on. At an effect of it the process dies, or another one comes in."""
        execution = data.draw(st.sampled_from(self.live()))
        self.vendor.ask_mood, self.vendor.poll_mood, self.vendor.link_mood = ask, poll, link
        self.vendor.inline = inline
        act = None if meanwhile == "crash" else lambda: self.stray_step(execution[0], meanwhile)
        self.fuse.set(at, act)
        retries = data.draw(st.booleans())
        for _ in range(steps):
            if execution in self.live():
                self.advance_one(execution, retries=retries)
        self.fuse.set(None)

    @precondition(lambda self: self.scene.store.records)
    @rule(
        data=st.data(),
        step=st.sampled_from([*STEPS * 3, "cancel", "reconcile", "look after"]),
        at=WHERE,
    )
    def stray(self, data: Any, step: str, at: int | None) -> None:
        """A step is delivered twice, late, or out of order; a caller cancels; Reconcile runs."""
        generation_id = data.draw(st.sampled_from(list(self.scene.store.records)))
        self.fuse.set(at)
        self.stray_step(generation_id, step)
        self.fuse.set(None)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def execution_dies(self, data: Any) -> None:
        """Aborted, or lost with the machine that ran it."""
        execution = data.draw(st.sampled_from(self.live()))
        self.end(execution)

    @rule(seconds=st.sampled_from([1.0, 1.0, 31.0, 61.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.scene.clock.sleep(seconds)

    # ── How it happens ────────────────────────────────────────────────────────────────────────────────

    def live(self) -> list[tuple[str, int]]:
        """The executions that run. One that was started begins with Submit."""
        for execution in self.scene.workflow.running:
            self.executions.setdefault(execution, "submit")
        order = list(self.scene.store.records)
        return sorted(self.scene.workflow.running, key=lambda one: (order.index(one[0]), one[1]))

    def end(self, execution: tuple[str, int]) -> None:
        self.scene.workflow.running.discard(execution)
        self.executions[execution] = SETTLED

    def advance_one(self, execution: tuple[str, int], *, retries: bool) -> None:
        """One step of one execution, as the state machine's Retry and Catch have it."""
        step = self.executions[execution]
        try:
            after = self.run(execution[0], step)
        except CrashError:
            # Lambda says so; the workflow repeats the step, or gives up.
            self.executions[execution] = step if retries or step == "settle" else "settle"
        except STEP_ERRORS:
            self.executions[execution] = step if retries else "settle"
        else:
            if step == "settle":
                self.end(execution)
            else:
                self.executions[execution] = {"wait": "poll"}.get(after, after)

    def run(self, generation_id: str, step: str) -> str:
        """What comes next."""
        scene = self.scene
        if step == "settle":
            scene.settler.settle(generation_id, "ImageInvalidError")
            return SETTLED
        if step == "persist":
            scene.persister.persist(generation_id)
            return "settle"
        steps = {"submit": scene.submitter.submit, "poll": scene.poller.poll}
        after: Next = steps[step](generation_id)
        assert after.id == generation_id
        scene.clock.sleep(after.wait_seconds)
        return after.next

    def stray_step(self, generation_id: str, step: str) -> None:
        try:
            if step == "cancel":
                self.scene.canceler.cancel(TENANT, generation_id)
            elif step == "reconcile":
                self.scene.reconciler.sweep()
            elif step == "look after":
                self.scene.reconciler.look_after(generation_id)
            else:
                self.run(generation_id, step)
        except (CrashError, ConflictError, *STEP_ERRORS):
            pass  # whoever delivered it sees the error; nobody goes on from it

    # ── What must hold ────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def vendors_never_take_twice(self) -> None:
        for generation in self.scene.store.records.values():
            most = 2 if generation.request.on_unknown == "resubmit" else 1
            standing = [job for job in self.vendor.of(generation.request.prompt) if job.billed.amount]
            assert len(standing) <= most
            assert len([one for one in generation.attempts if not one.costs_nothing]) <= most

    @invariant()
    def every_ask_is_in_the_ledger(self) -> None:
        for generation in self.scene.store.records.values():
            assert self.vendor.asks.get(generation.request.prompt, 0) <= len(generation.attempts)

    @invariant()
    def ended_record_never_changes(self) -> None:
        for generation in self.scene.store.records.values():
            if generation.terminal:
                written = generation.having(announced=False)  # that its end was told is noted beside it
                assert self.ended.setdefault(generation.id, written) == written

    @invariant()
    def success_is_the_vendors_very_bytes(self) -> None:
        for generation in self.ended.values():
            assert (generation.status is Status.SUCCEEDED) == (generation.error is None)
            if generation.status is not Status.SUCCEEDED:
                continue
            served = [
                job.pictures for job in self.vendor.of(generation.request.prompt) if job.state == "done"
            ]
            kept = {image.key.rpartition("/")[2]: image.key for image in generation.images}
            assert kept
            numbered = {
                int(name.partition(".")[0]): self.scene.images.objects[key] for name, key in kept.items()
            }
            assert any(all(numbered[n] == pictures[n] for n in numbered) for pictures in served)

    @invariant()
    def receipts_agree_with_the_vendors_books(self) -> None:
        for generation in self.ended.values():
            books: dict[str, Decimal] = {}
            certain: dict[str, Decimal] = {}
            possible: dict[str, Decimal] = {}
            for job in self.vendor.of(generation.request.prompt):
                add(books, job.billed)
            for attempt in generation.attempts:
                add(certain, attempt.billed)
                add(certain, attempt.refunded, -1)
                add(possible, attempt.possibly_billed)
            for currency in {*books, *certain, *possible}:
                billed, least = books.get(currency, 0), certain.get(currency, 0)
                assert least <= billed <= least + possible.get(currency, 0), generation

    @invariant()
    def facts_are_told_at_most_once(self) -> None:
        told: Counter[tuple[Any, ...]] = Counter()
        for fact in self.scene.facts:
            one = (fact.about.get("generation_id"), fact.name, fact.about.get("attempt"))
            told[one] += fact.name in ("accepted", "asked", "kept", "ended")
            told[one[0], "Success"] += "Success" in fact.counts
        for generation in self.scene.store.records.values():
            assert told.pop((generation.id, "Success"), 0) <= len(generation.attempts)
        assert max(told.values(), default=0) <= 1

    def each_end_has_one_delivery_under_way(self) -> None:
        deliveries = self.scene.deliveries.records.values()
        hooked = [one.id for one in self.scene.store.records.values() if one.request.webhook]
        assert sorted(one.generation_id for one in deliveries) == sorted(hooked)
        assert self.scene.deliver_workflow.running == {(one.id, 0) for one in deliveries}

    def teardown(self) -> None:
        """The dust settles: nobody cancels or dies any more, but vendors may be stuck and executions lost."""
        self.fuse.set(None)
        self.vendor.ask_mood, self.vendor.poll_mood, self.vendor.link_mood = "503", "working", "lost"
        deadlines = [one.deadline_at for one in self.scene.store.records.values()]
        ends = max([*deadlines, self.scene.clock.now()])
        stuck = self.live()[::2]
        while self.scene.clock.now() < ends + timedelta(seconds=SETTLED_SECONDS):
            for execution in self.live():
                if execution not in stuck:
                    self.advance_one(execution, retries=False)
            self.scene.clock.sleep(60)
            self.scene.reconciler.sweep()
        assert all(one.terminal for one in self.scene.store.records.values())
        told = {(detail["id"], detail["status"]) for _, detail in self.scene.bus.events}
        assert told == {(one.id, one.status.value) for one in self.scene.store.records.values()}
        self.each_end_has_one_delivery_under_way()
        for check in (
            self.vendors_never_take_twice, self.every_ask_is_in_the_ledger, self.ended_record_never_changes,
            self.success_is_the_vendors_very_bytes, self.receipts_agree_with_the_vendors_books,
        ):  # fmt: skip
            check()


def add(sums: dict[str, Decimal], money: Any, sign: int = 1) -> None:
    if money is not None:
        sums[money.currency] = sums.get(money.currency, Decimal(0)) + sign * money.amount


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None, database=None)
