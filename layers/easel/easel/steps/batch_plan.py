"""Plan a batch: what is wrong with its rows and what they may cost, without making it. Writes nothing."""

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from easel.domain.batch import Source
from easel.domain.rows import Form, RowReader, form_of
from easel.domain.tenancy import Caller
from easel.errors import FieldProblem, FileChangedError, NotFoundError
from easel.ports import Clock, Files
from easel.steps.batches import RowsFile
from easel.steps.judge import Choose, Judged, judged, told_twice
from easel.steps.row_report import refused_line
from easel.view import field_view

JUDGING_SECONDS = 18.0  # of the API function's 29; to start, and to read and write 6 MB, takes some, too
# Of rows in one answer: Lambda's has 6 MB, the body in it once more as JSON text
# (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
ROWS_BYTES_MAX = 5 * 1024 * 1024
MODEL_SHOWN, PROMPT_SHOWN = 100, 200  # characters


@dataclass(slots=True)
class Shown:
    """Views of rows, each with the bytes that it takes of an answer; no more than fit into one."""

    views: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    size: int = 0
    full: bool = False

    def add(self, view: dict[str, Any]) -> None:
        """One more, where there is room for it."""
        text = "" if self.full else json.dumps(view)
        size = len(text) + text.count('"') + text.count("\\") + 2
        self.full = self.full or self.size + size > ROWS_BYTES_MAX
        if not self.full:
            self.views.append((view, size))
            self.size += size


@dataclass(slots=True)
class Findings:
    """What was found so far. `ids` are the custom ids of good rows, and where each came first."""

    valid: int = 0
    refused: int = 0
    usd: Decimal = Decimal(0)
    ids: dict[str, int] = field(default_factory=dict)
    good: Shown = field(default_factory=Shown)
    bad: Shown = field(default_factory=Shown)

    def add(self, row: Judged) -> None:
        """One more row."""
        if not row.problems and row.custom_id is not None:
            first = self.ids.setdefault(row.custom_id, row.number)
            if first != row.number:
                row = replace(row, problems=(told_twice(first),), usd=Decimal(0))
        refused = bool(row.problems)
        self.refused += refused
        self.valid += not refused
        self.usd += row.usd
        (self.bad if refused else self.good).add(_view(row))

    def rows(self) -> list[dict[str, Any]]:
        """The refused rows, and as many others as there is room for beside them; by number."""
        rows, size = [view for view, _ in self.bad.views], self.bad.size
        for view, more in () if self.bad.full else self.good.views:
            size += more
            if size > ROWS_BYTES_MAX:
                break
            rows.append(view)
        return sorted(rows, key=lambda view: view["row"])


@dataclass(frozen=True, slots=True)
class BatchPlanner:
    """Says what a file of rows would come to."""

    choose: Choose
    files: Files
    clock: Clock
    inbox: str

    def of_file(self, caller: Caller, file: RowsFile) -> dict[str, Any]:
        """Every row with what is wrong with it, in the words of the batch's errors, and what it may cost.

        Where time runs out before the file does, it is of the rows so far, and not `complete`. Input images,
        budgets and limits are looked at when a row starts.
        """
        return self._plan(caller, file.form, (file.data,), trusted=False)

    def of_object(self, caller: Caller, source: Source, *, trusted: bool) -> dict[str, Any]:
        """The same of a file in S3. Raises NotFoundError where it is not there any more as it was found."""
        form = form_of(source.key) or Form.JSONL
        try:
            with closing(self.files.read_from(source.bucket, source.key, 0, source.etag)) as chunks:
                return self._plan(caller, form, chunks, trusted=trusted)
        except FileChangedError as error:
            problem = FieldProblem("manifest", "was changed while it was read")
            raise NotFoundError("The manifest was changed while it was read.", [problem]) from error

    def _plan(self, caller: Caller, form: Form, chunks: Iterable[bytes], *, trusted: bool) -> dict[str, Any]:
        ends = self.clock.now() + timedelta(seconds=JUDGING_SECONDS)
        found, complete = Findings(), True
        with closing(RowReader(form, chunks)) as reader:
            for said in reader:
                if self.clock.now() > ends:
                    complete = False
                    break
                found.add(judged(said, caller, self.choose, self.inbox, trusted=trusted))
        rows = found.rows()
        total = found.valid + found.refused
        return {
            "dry_run": True,
            "rows": {"total": total, "valid": found.valid, "refused": found.refused},
            "estimated_cost_usd": format(found.usd, "f"),
            "complete": complete,
            "truncated": len(rows) < total,
            "data": rows,
        }


def _view(row: Judged) -> dict[str, Any]:
    return {
        "row": row.number,
        "custom_id": row.custom_id,
        "model": _text(row.fields, "model", MODEL_SHOWN),
        "prompt": _text(row.fields, "prompt", PROMPT_SHOWN),
        "estimated_usd": None if row.problems else format(row.usd, "f"),
        "error": _error(row) if row.problems else None,
    }


def _text(fields: Mapping[str, Any], name: str, most: int) -> str | None:
    value = fields.get(name)
    return value[:most] if isinstance(value, str) else None


def _error(row: Judged) -> dict[str, Any]:
    """As the batch's errors would tell it."""
    problems = [field_view(problem) for problem in row.problems]
    line = refused_line({"row": row.number, "custom_id": row.custom_id, "problems": problems})
    return {"code": line["error"]["code"], "message": line["error"]["message"], "errors": problems}
