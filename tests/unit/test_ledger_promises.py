"""What budgets, places and usage count, under all that the promises are held to: crashes at every effect,
duplicate deliveries, steps out of order, vendors in every mood; and days and months that end meanwhile.

Receipts are the yardstick: whatever is counted must be what they say.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from easel.catalogue import CATALOGUE
from easel.domain.generation import Generation
from easel.domain.request import GenerationRequest
from easel.domain.tenancy import ApiKey, Caller
from easel.domain.tenants import Limits, Owner, Tenant
from easel.errors import BudgetReachedError, LimitReachedError
from easel.receipt import receipt
from easel.steps.usage import UsageReport
from tests.fakes.fuse import CrashError
from tests.fakes.scene import TENANT
from tests.unit.test_promises import EXAMPLES, ROUTES, WHERE, Promises

FIGURES = ("billed", "possibly_billed", "refunded")
RECORDS_MAX = 6
NEW_YEARS_EVE = datetime(2026, 12, 31, 23, 50, tzinfo=UTC)
MONEY = st.sampled_from([None, None, "0.10", "0.23", "0.60", "1.20"])
LIMITS = st.builds(
    lambda **given: Limits.model_validate(given),
    concurrency=st.sampled_from([None, None, 1, 3]),
    usd_per_day=MONEY,
    usd_per_month=MONEY,
)


class LedgerPromises(Promises):
    """The same lives, of a tenant with limits and two keys with limits of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.scene.clock.time = NEW_YEARS_EVE
        self.owners: dict[str, Limits] = {}
        self.keys: list[ApiKey] = []
        self.refused = 0

    @initialize(of_tenant=LIMITS, of_keys=st.tuples(LIMITS, LIMITS))
    def limits(self, of_tenant: Limits, of_keys: tuple[Limits, Limits]) -> None:
        self.scene.tenants.set[TENANT] = Tenant(id=TENANT, limits=of_tenant)
        self.keys = [
            ApiKey(id=f"key_{number}", tenant=TENANT, prefix="p", limits=one)
            for number, one in enumerate(of_keys)
        ]
        owners = (*Caller(tenant=TENANT, key=self.keys[0]).owners(of_tenant), Owner("key key_1", of_keys[1]))
        self.owners = {owner.name: owner.limits for owner in owners}

    @precondition(lambda self: len(self.scene.store.records) < RECORDS_MAX)
    @rule(
        chosen=ROUTES,
        key=st.integers(0, 2),
        on_unknown=st.sampled_from(["fail", "resubmit"]),
        deadline=st.sampled_from([60, 600]),
        at=WHERE,
    )
    def create(self, chosen: Any, key: int, on_unknown: str, deadline: int, at: int | None) -> None:
        model, routes = chosen
        request = GenerationRequest(
            model=model, route=routes, prompt=f"prompt-{len(self.scene.store.records)}",
            on_unknown=on_unknown, deadline_seconds=deadline,
        )  # fmt: skip
        caller = Caller(tenant=TENANT, key=self.keys[key] if key < len(self.keys) else None)
        before, counted = len(self.scene.store.records), self.counted()
        self.fuse.set(at)
        try:
            self.scene.creator.create(caller, request)
        except CrashError:
            pass
        except (BudgetReachedError, LimitReachedError):
            self.refused += 1
            assert len(self.scene.store.records) == before
            assert self.counted() == counted
        finally:
            self.fuse.set(None)

    # ── What must hold ────────────────────────────────────────────────────────────────────────────────

    def counted(self) -> Any:
        ledger = self.scene.store.ledger
        return dict(ledger.days), {name: count for name, count in ledger.running.items() if count}

    def of_owner(self, name: str) -> Iterator[Generation]:
        """The generations by which a limit of the owner's is touched."""
        for one in self.scene.store.records.values():
            if name in one.reservation.budgets or name in one.reservation.places:
                yield one

    @invariant()
    def no_budget_is_overrun(self) -> None:
        for name, limits in self.owners.items():
            days = {day for owner, day in self.scene.store.ledger.days if owner == name}
            for day in days:
                spent = self.scene.store.ledger.spent(name, day)
                for limit in ("usd_per_day", "usd_per_month"):
                    allowed = getattr(limits, limit)
                    assert allowed is None or 0 <= spent[limit] <= allowed, (name, limit)

    @invariant()
    def nothing_costs_more_than_was_reserved_for_it(self) -> None:
        for one in self.scene.store.records.values():
            assert cost_of(receipt(one)) <= one.reservation.usd

    @invariant()
    def places_are_those_of_what_is_at_work(self) -> None:
        for name, limits in self.owners.items():
            at_work = sum(not one.terminal for one in self.of_owner(name) if name in one.reservation.places)
            assert self.scene.store.ledger.running.get(name, 0) == at_work
            assert limits.concurrency is None or at_work <= limits.concurrency

    @invariant()
    def budgets_count_receipts_and_reservations(self) -> None:
        for name, limits in self.owners.items():
            expected: dict[date, Decimal] = {}
            for one in self.of_owner(name):
                if name in one.reservation.budgets:
                    day = one.created_at.date()
                    cost = cost_of(receipt(one)) if one.terminal else one.reservation.usd
                    expected[day] = expected.get(day, Decimal(0)) + cost
            found = {day: usd for (owner, day), usd in self.scene.store.ledger.days.items() if owner == name}
            assert found == expected, name
            assert limits.on_money or not expected

    @invariant()
    def usage_is_the_sum_of_the_receipts(self) -> None:
        ends = [one for one in self.scene.store.records.values() if one.terminal]
        receipts = [receipt(one) for one in ends]
        report = UsageReport(self.scene.store.ledger, CATALOGUE, self.scene.clock)
        totals = report.of(TENANT, "2026-12-31", "2027-01-31")["totals"]
        for figure in FIGURES:
            assert dollars(totals["usd"][figure]) == sum(dollars(one["usd"][figure]) for one in receipts)
        assert dollars(totals["aws_estimate"]) == sum(dollars(one["aws_estimate"]) for one in receipts)
        assert totals["generations"] == len(ends)
        assert totals["asks"] == sum(len(one.attempts) for one in ends)
        assert totals["images"] == sum(len(one.images) for one in ends)
        for status in ("succeeded", "failed", "canceled", "expired"):
            assert totals[status] == sum(one.status == status for one in ends)

    def teardown(self) -> None:
        super().teardown()
        assert all(one.terminal for one in self.scene.store.records.values())
        assert not any(self.scene.store.ledger.running.values())
        for check in (
            self.no_budget_is_overrun, self.places_are_those_of_what_is_at_work,
            self.budgets_count_receipts_and_reservations, self.usage_is_the_sum_of_the_receipts,
        ):  # fmt: skip
            check()


def dollars(money: Any) -> Decimal:
    return Decimal(money["amount"]) if money else Decimal(0)


def cost_of(told: Any) -> Decimal:
    """What a receipt says that it cost, or may have cost, and did not come back."""
    billed, possibly, refunded = (dollars(told["usd"][figure]) for figure in FIGURES)
    return billed + possibly - refunded


TestLedgerPromises = LedgerPromises.TestCase
TestLedgerPromises.settings = settings(
    max_examples=max(1, EXAMPLES // 2), stateful_step_count=40, deadline=None, database=None
)
