"""Values as plain JSON: money and times."""

from datetime import datetime

from easel.domain.money import Money


def money_view(money: Money | None) -> dict[str, str] | None:
    """Amount as decimal text, and currency."""
    return {"amount": format(money.amount, "f"), "currency": money.currency} if money else None


def time_view(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
