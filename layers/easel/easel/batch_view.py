"""A batch as callers see it: in answers, in events, and as `manifest.json` beside its results."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from easel.domain.batch import Batch, Tally
from easel.domain.money import Money
from easel.plain import money_view, time_view

FILES = ("results.jsonl", "errors.jsonl", "manifest.json", "gallery.html")


def batch_view(
    batch: Batch, tally: Tally, now: datetime, sign: Callable[[str], str] | None = None
) -> dict[str, Any]:
    """The batch as JSON values: counts of rows by status, cost so far, and when it will have ended.

    `sign` makes a link to each file of results once the batch has ended; without it there are none.
    """
    rows = {
        "total": batch.rows,
        "queued": max(0, batch.rows - batch.refused - tally.refused - tally.started),
        "running": max(0, tally.started - tally.ended),
        "succeeded": tally.succeeded,
        "failed": tally.failed + tally.expired + tally.canceled,
        "refused": batch.refused + tally.refused,
    }
    bounds = batch.bounds.model_dump(mode="json")
    return {
        "id": batch.id,
        "status": batch.status.value,
        "created_at": time_view(batch.created_at),
        "updated_at": time_view(batch.updated_at),
        "ended_at": time_view(batch.ended_at),
        "estimated_end_at": time_view(estimated_end(batch, tally, now)),
        "source": f"s3://{batch.source.bucket}/{batch.source.key}",
        "rows": rows,
        "images": tally.images,
        "cost": amounts_view(tally.cost),
        "possibly_billed": amounts_view(tally.possibly_billed),
        "usd": {"billed": _dollars(tally.spent_usd), "possibly_billed": _dollars(tally.doubtful_usd)},
        "estimated_cost_usd": format(batch.estimated_usd, "f"),
        "max_cost_usd": bounds["max_cost_usd"],
        "committed_usd": format(tally.committed_usd, "f") if bounds["max_cost_usd"] else None,
        "tolerated_failures": bounds["tolerated_failures"],
        "max_concurrency": bounds["max_concurrency"],
        "rows_at_a_time": batch.at_once,
        "stop_reason": batch.stop_reason.model_dump(mode="json") if batch.stop_reason else None,
        "files": {name: sign(f"batches/{batch.id}/{name}") for name in FILES} if sign and batch.over else {},
        "links": {"self": f"/v1/batches/{batch.id}"},
    }


def estimated_end(batch: Batch, tally: Tally, now: datetime) -> datetime | None:
    """By the pace so far; None before any row has ended, and once all have."""
    done = tally.ended + batch.refused + tally.refused
    if batch.over or not tally.ended or not batch.prepared or batch.stop_reason is not None:
        return None
    pace = (now - batch.created_at).total_seconds() / done
    return now + timedelta(seconds=pace * max(0, batch.rows - done))


def amounts_view(sums: Mapping[str, Decimal]) -> list[dict[str, str]]:
    """Money by currency."""
    return [{"amount": format(sums[name].normalize(), "f"), "currency": name} for name in sorted(sums)]


def _dollars(amount: Decimal) -> dict[str, str] | None:
    return money_view(Money(amount=amount, currency="USD"))
