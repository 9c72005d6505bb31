"""Costs, times and reports in words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from easel_client.answers import Costs, Generation, Money
from easel_client.durations import in_words

PROMPT_CHARACTERS = 200
FIGURES = (("billed", "billed"), ("possibly_billed", "possibly billed"), ("refunded", "refunded"))


def cost_line(generation: Generation) -> str:
    """What was billed or may have been, the route, the seconds and the id, in a line."""
    took = in_words(generation.seconds) if generation.seconds is not None else ""
    route = generation.route if generation.receipt.attempts else "no vendor was asked"
    return " · ".join(filter(None, (cost_words(generation), route, took, generation.id)))


def cost_words(generation: Generation) -> str:
    """`$0.075 billed`, `1.5 credits ($0.075) billed`, `$0.075 possibly billed`, `nothing billed`."""
    own, usd = generation.receipt.own, generation.receipt.usd
    parts = [
        f"{amount(getattr(own, figure), getattr(usd, figure))} {words}"
        for figure, words in FIGURES
        if _some(own, figure) or _some(usd, figure)
    ]
    return ", ".join(parts) or ("nothing billed" if generation.over else "nothing billed yet")


def amount(own: Money | None, usd: Money | None) -> str:
    """The vendor's figure, with dollars where it counts otherwise."""
    if own is None or usd is None or own.currency == usd.currency:
        return str(own or usd or "nothing")
    return f"{own} ({usd})"


def amounts(sums: Sequence[Money], usd: Money | None = None) -> str:
    """`$0.90`, `3 credits ($0.15)`, `nothing`: as vendors count, with dollars where some count otherwise."""
    text = " and ".join(map(str, sums)) or "nothing"
    return f"{text} ({usd})" if usd and any(one.currency != usd.currency for one in sums) else text


def report_lines(parameters: Mapping[str, Any] | None) -> list[str]:
    """What became of parameters otherwise than asked for, a line each."""
    report = parameters or {}
    lines = [
        f"{name} is sent as {one.get('to')}, for {one.get('from')}"
        for name, one in (report.get("mapped") or {}).items()
    ]
    lines += [f"{name} is left out: {why}" for name, why in (report.get("dropped") or {}).items()]
    lines += [
        f"{name} is cut from {one.get('from')} to {one.get('to')} characters"
        for name, one in (report.get("truncated") or {}).items()
    ]
    return lines


def short(text: str, most: int = PROMPT_CHARACTERS) -> str:
    """The text on one line, cut."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def ago(moment: datetime | None) -> str:
    """How long ago it was: `4 min`."""
    if moment is None:
        return ""
    return in_words(max(0.0, round((datetime.now(UTC) - moment).total_seconds())))


def bytes_words(count: int) -> str:
    """`812 kB`, `1.2 MB`."""
    return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{max(1, round(count / 1000))} kB"


def _some(costs: Costs, figure: str) -> bool:
    money = getattr(costs, figure)
    return money is not None and money.amount != 0
