"""What a batch says of a row: a line of results or of errors in OpenAI's Batch form, and a gallery's picture.

The form of a line: https://platform.openai.com/docs/api-reference/batch/request-output
({"id", "custom_id", "response": {"status_code", "request_id", "body"}, "error"}).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from easel.domain.batch import Batch, Tally, chunk_key
from easel.domain.generation import Generation, Status
from easel.domain.ids import row_generation_id
from easel.domain.ledger import usd_of
from easel.domain.money import Money
from easel.plain import money_view
from easel.ports import Files, GenerationStore, ImageStore
from easel.steps.judge import told_twice
from easel.view import field_view, generation_view, kept_request_view

NOT_STARTED, NOT_ENDED = "not_started", "not_ended"
LEFT_OVER = frozenset({NOT_STARTED, NOT_ENDED})  # what a resumed batch goes on with
Problems = Callable[[Mapping[str, Any]], list[dict[str, Any]]]
# What each figure of an attempt adds to.
BILLS = (("cost", "billed", 1), ("cost", "refunded", -1), ("possibly_billed", "possibly_billed", 1))
LONG_IMAGE = 1024  # characters; a data URL is not copied into pages


def result_line(row: Mapping[str, Any], generation: Generation, view: dict[str, Any]) -> dict[str, Any]:
    """A row that succeeded; `view` is its generation as callers see it."""
    response = {"status_code": 200, "request_id": generation.id, "body": view}
    return {"id": generation.id, **_row(row), "response": response, "error": None}


def error_line(row: Mapping[str, Any], generation: Generation, view: dict[str, Any]) -> dict[str, Any]:
    """A row whose generation ended without a picture, or has not ended."""
    error = generation.error
    told = {"code": error.code, "message": error.message} if error else {"code": NOT_ENDED, "message": ""}
    response = {"status_code": 502, "request_id": generation.id, "body": view}
    return {"id": generation.id, **_row(row), "response": response, "error": told | {"field": None}}


def refused_line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that was refused before anything was bought; the first of its problems names the field."""
    problems: Sequence[Mapping[str, Any]] = row["problems"]
    first = problems[0]
    error = {
        "code": "invalid_request",
        "message": f"{first['field']}: {first['message']}",
        "field": first["field"],
    }
    return {"id": None, **_row(row), "response": None, "error": error | {"problems": list(problems)}}


def not_started_line(row: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
    """A row that was not started when the batch stopped."""
    why = batch.stop_reason.code if batch.stop_reason else "unknown"
    error = {"code": NOT_STARTED, "message": f"The batch stopped before: {why}.", "field": None}
    return {"id": None, **_row(row), "response": None, "error": error}


def pictures(row: Mapping[str, Any], generation: Generation) -> list[dict[str, Any]]:
    """The gallery's entries, one an image. Pages are passed on, so nothing in them opens anything."""
    request = kept_request_view(generation.request)
    for name in ("deadline_seconds", "webhook"):
        request.pop(name, None)
    request["images"] = [image for image in request.get("images", []) if len(image) < LONG_IMAGE]
    if not request["images"]:
        del request["images"]
    cost = money_view(net_cost(generation))
    return [
        {
            "custom_id": row["custom_id"],
            "generation": generation.id,
            "prompt": generation.request.prompt,
            "negative_prompt": generation.request.negative_prompt,
            "model": generation.request.model,
            "route": generation.route,
            "seed": generation.seed,
            "width": image.width,
            "height": image.height,
            "bytes": image.bytes,
            "cost": cost,
            "image": image.key.removeprefix(f"batches/{generation.origin.batch}/"),
            "request": request,
        }
        for image in generation.images
    ]


def net_cost(generation: Generation) -> Money | None:
    """What was billed for certain and not refunded, of the attempt that delivered."""
    attempt = generation.attempt
    return attempt.billed if attempt is not None and attempt.billed != attempt.refunded else None


def tally_of(generations: Sequence[Generation]) -> Tally:
    """What has become of rows that have ended. Of their hold on the cost cap, what was not spent is given
    back."""
    counts: dict[str, int] = dict.fromkeys(("succeeded", "failed", "expired", "canceled", "images"), 0)
    sums: dict[str, dict[str, Decimal]] = {"cost": {}, "possibly_billed": {}}
    reserved, usd = Decimal(0), {"cost": Decimal(0), "possibly_billed": Decimal(0)}
    for generation in generations:
        if not generation.terminal:
            continue
        counts[generation.status.value] += 1
        counts["images"] += len(generation.images) if generation.status is Status.SUCCEEDED else 0
        reserved += generation.origin.reserved_usd
        for attempt in generation.attempts:
            for name, figure, sign in BILLS:
                money = getattr(attempt, figure)
                if money is not None:
                    known = sums[name].get(money.currency, Decimal(0))
                    sums[name][money.currency] = known + sign * money.amount
                    usd[name] += sign * usd_of(attempt, figure)
    spent, doubtful = usd["cost"], usd["possibly_billed"]
    committed = spent + doubtful - reserved
    return Tally(**counts, **sums, committed_usd=committed, spent_usd=spent, doubtful_usd=doubtful)


def row_id(batch: Batch, row: Mapping[str, Any]) -> str:
    """The id of the row's generation: its custom id makes it, or else its number."""
    identity = f"number {row['row']}" if row["custom_id"] is None else f"id {row['custom_id']}"
    return row_generation_id(batch.created_at, batch.id, identity)


def read_lines(data: bytes | None) -> list[dict[str, Any]]:
    """Lines of JSON that Easel wrote."""
    return [json.loads(line) for line in (data or b"").splitlines()]


def nothing_wrong(_row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of a row that was not looked at again."""
    return []


@dataclass(frozen=True, slots=True)
class Reporter:
    """Says what became of a chunk's rows."""

    generations: GenerationStore
    files: Files
    images: ImageStore

    def rows(self, batch_id: str, number: int) -> list[dict[str, Any]]:
        """The chunk's accepted rows: {"row", "custom_id", "tenant", "request"}."""
        return read_lines(self.files.read(chunk_key(batch_id, "rows", number)))

    def tally(self, batch: Batch, number: int) -> Tally:
        """What has become of the chunk's rows, by their generations."""
        rows = self.rows(batch.id, number)
        known = self.generations.get_many([row_id(batch, row) for row in rows])
        mine = [one for one in known.values() if one.origin.row in {row["row"] for row in rows}]
        others = sum(row_id(batch, row) in known for row in rows) - len(mine)
        return tally_of(mine).having(started=len(mine), refused=others)

    def report(self, batch: Batch, number: int, problems: Problems = nothing_wrong) -> bytes:
        """Lines of {"error"}, or {"result", "pictures"}, in the order of the rows.

        `problems` says what is wrong with a row that has no generation.
        """
        refused = read_lines(self.files.read(chunk_key(batch.id, "refused", number)))
        rows = self.rows(batch.id, number)
        known = self.generations.get_many([row_id(batch, row) for row in rows])
        told = [(row["row"], {"error": refused_line(row)}) for row in refused]
        told += [(row["row"], self._told(batch, row, known, problems)) for row in rows]
        lines = [json.dumps(one, ensure_ascii=False) for _, one in sorted(told, key=lambda pair: pair[0])]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")

    def _told(
        self, batch: Batch, row: Mapping[str, Any], known: Mapping[str, Generation], problems: Problems
    ) -> dict[str, Any]:
        generation = known.get(row_id(batch, row))
        if generation is None:
            wrong = problems(row)
            return {
                "error": refused_line({**row, "problems": wrong}) if wrong else not_started_line(row, batch)
            }
        if generation.origin.row != row["row"]:
            twice = field_view(told_twice(generation.origin.row))
            return {"error": refused_line({**row, "problems": [twice]})}
        view = generation_view(generation, self.images.uri)
        if generation.status is not Status.SUCCEEDED:  # a canceled one may have kept a picture
            return {"error": error_line(row, generation, view)}
        return {"result": result_line(row, generation, view), "pictures": pictures(row, generation)}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"custom_id": row["custom_id"], "row": row["row"]}
