"""Budgets and usage in memory: what the table's transactions do, under the store's lock."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date
from decimal import Decimal

from easel.domain.generation import Generation
from easel.domain.ledger import Reserving, UsageRow, cost_usd, refusal, usage_rows

NOTHING = Decimal(0)


class MemoryLedger:
    """The port `Usage`, and what a store of generations counts beside its records."""

    def __init__(self) -> None:
        self.days: dict[tuple[str, date], Decimal] = {}
        self.running: dict[str, int] = {}
        self.used: list[UsageRow] = []

    def spent(self, owner: str, day: date) -> Mapping[str, Decimal]:
        month = [
            usd for (name, when), usd in self.days.items()
            if name == owner and (when.year, when.month) == (day.year, day.month)
        ]  # fmt: skip
        return {
            "usd_per_day": self.days.get((owner, day), NOTHING),
            "usd_per_month": sum(month, NOTHING),
            "concurrency": Decimal(self.running.get(owner, 0)),
        }

    def reserve(self, generation: Generation, reservings: Sequence[Reserving]) -> None:
        """All or nothing. Raises what `refusal` says."""
        day = generation.created_at.astimezone(UTC).date()
        for one in reservings:
            used, limits = self.spent(one.owner.name, day), one.owner.limits
            full = one.takes_place and used["concurrency"] >= (limits.concurrency or 0)
            budgets = {"usd_per_day": limits.usd_per_day, "usd_per_month": limits.usd_per_month}
            over = any(
                allowed is not None and used[name] + one.usd > allowed for name, allowed in budgets.items()
            )
            if over or full:
                raise refusal(one, generation.created_at, used)
        for one in reservings:
            if one.takes_money:
                self._add(one.owner.name, day, one.usd)
            if one.takes_place:
                self.running[one.owner.name] = self.running.get(one.owner.name, 0) + 1

    def settle(self, generation: Generation) -> None:
        """The end of a generation."""
        day = generation.created_at.astimezone(UTC).date()
        for owner in generation.reservation.budgets:
            self._add(owner, day, cost_usd(generation) - generation.reservation.usd)
        for owner in generation.reservation.places:
            self.running[owner] = self.running.get(owner, 0) - 1
        self.used += usage_rows(generation)

    def rows(self, tenant: str, first: date, last: date) -> Iterator[UsageRow]:
        mine = [row for row in self.used if row.tenant == tenant and first <= row.day <= last]
        return iter(sorted(mine, key=lambda row: (row.day, row.model, row.route)))

    def _add(self, owner: str, day: date, usd: Decimal) -> None:
        self.days[owner, day] = self.days.get((owner, day), NOTHING) + usd
