"""A generation as DashScope tells of it: the answer of a call, a task, a list of tasks, a failure.

Sources: Alibaba's references of Qwen text-to-image and image edit (2026-02), its page on asynchronous tasks
(2026-03) and its error page (2025-12-26).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from easel.domain.failure import FailureClass
from easel.domain.generation import Generation, Status
from easel.doors.dialects import id_of_uuid, uuid_of
from easel.doors.http_input import whole_number
from easel.errors import FieldProblem, InvalidRequestError
from easel.steps.read import LIST_MAX, Reader
from easel.view import shortfall

WORDS: Mapping[Status, str] = MappingProxyType(
    {
        Status.QUEUED: "PENDING",
        Status.SUBMITTING: "RUNNING",
        Status.PROCESSING: "RUNNING",
        Status.PERSISTING: "RUNNING",
        Status.SUCCEEDED: "SUCCEEDED",
        Status.FAILED: "FAILED",
        Status.CANCELED: "CANCELED",
        Status.EXPIRED: "FAILED",
    }
)
UNKNOWN = "UNKNOWN"  # of a task that there is not

# Why there is no image: HTTP status of a call, the vendor's code, and words where no vendor had any.
FAILURES: Mapping[str, tuple[int, str, str]] = MappingProxyType(
    {
        FailureClass.VALIDATION: (400, "InvalidParameter", "The parameters are not supported."),
        FailureClass.MODERATION: (
            400,
            "DataInspectionFailed",
            "Input or output data may contain inappropriate content.",
        ),
        FailureClass.BILLING: (
            400,
            "Arrearage",
            "The vendor's account of this deployment has no money left.",
        ),
        FailureClass.RATE_LIMIT: (429, "Throttling.RateQuota", "The vendor takes no more for the moment."),
        FailureClass.TRANSIENT: (500, "InternalError.Algo", "The vendor could not finish the generation."),
        "deadline_exceeded": (500, "InternalError.Timeout", "The generation did not end in time."),
        "submission_unknown": (500, "InternalError", "The vendor's answer was lost; it may be billed."),
    }
)
OTHER_FAILURE = (500, "InternalError", "The generation could not be finished.")
CALLERS_FAULTS = frozenset({FailureClass.VALIDATION.value, FailureClass.MODERATION.value})

PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX = 10, 100
LISTED = timedelta(hours=24)  # tasks older than that are not listed, unless the times given say so
LOOKED_AT_MAX = 1000  # generations that one list reads: ten queries
TIME_FORM = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no image, in the vendor's words."""

    status: int
    code: str
    message: str


def failed(generation: Generation) -> Failed:
    """What went wrong with a generation that has ended without an image."""
    error = generation.error
    code = error.code if error else ""
    status, word, message = FAILURES.get(code, OTHER_FAILURE)
    told = error.vendor_message if error and code in CALLERS_FAULTS else None
    return Failed(status, word, told or message)


def call_view(generation: Generation, sign: Callable[[str], str]) -> dict[str, Any]:
    """`output` and `usage` of a synchronous call. Those of an edit are shorter."""
    parts = [{"image": sign(image.key)} for image in generation.images]
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": parts}}
    output: dict[str, Any] = {"choices": [choice]}
    usage: dict[str, Any] = {"image_count": len(parts)}
    if not generation.request.images:
        output["task_metric"] = _metrics(generation)
        usage |= {"width": generation.images[0].width, "height": generation.images[0].height}
    return {"output": output, "usage": usage}


def task_view(generation: Generation, sign: Callable[[str], str]) -> dict[str, Any]:
    """`output`, and `usage` where there are images, of a task that was asked for."""
    word = WORDS[generation.status]
    output: dict[str, Any] = {"task_id": uuid_of(generation.id), "task_status": word}
    output["submit_time"] = _moment(generation.created_at)
    if generation.attempts:
        output["scheduled_time"] = _moment(generation.attempts[0].asked_at)
    if generation.ended_at is not None:
        output["end_time"] = _moment(generation.ended_at)
    if word == "FAILED":
        failure = failed(generation)
        output |= {"code": failure.code, "message": failure.message}
    if generation.status is not Status.SUCCEEDED:
        return {"output": output}
    results = [_result(generation, sign(image.key)) for image in generation.images]
    output |= {"results": results, "task_metrics": _metrics(generation)}
    return {"output": output, "usage": {"image_count": len(results)}}


def _result(generation: Generation, url: str) -> dict[str, str]:
    result = {"orig_prompt": generation.request.prompt, "url": url}
    if generation.actual_prompt:
        result["actual_prompt"] = generation.actual_prompt
    return result


def _metrics(generation: Generation) -> dict[str, int]:
    done, short = len(generation.images), shortfall(generation)
    return {"TOTAL": done + short, "SUCCEEDED": done, "FAILED": short}


def _moment(moment: datetime) -> str:
    """In UTC; the vendor's documents name no zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def task_list(reader: Reader, tenant: str, query: Mapping[str, str], endpoint: str) -> dict[str, Any]:
    """A page of a tenant's tasks, newest first. Raises InvalidRequestError.

    The vendor's pages have numbers and a total, so all tasks of the time asked about are read; of a thousand,
    those before the newest are left out.
    """
    number = _within("page_no", query.get("page_no"), 1, LOOKED_AT_MAX)
    size = _within("page_size", query.get("page_size"), PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
    found = [one for one in _between(reader, tenant, query) if _asked_for(one, query)]
    page = found[(number - 1) * size : number * size]
    return {
        "data": [_listed(one, endpoint) for one in page],
        "page_no": number,
        "page_size": size,
        "total": len(found),
        "total_page": -(-len(found) // size),
    }


def _between(reader: Reader, tenant: str, query: Mapping[str, str]) -> list[Generation]:
    """The generations made in the time asked about; of the last 24 hours unless something is said."""
    start, end = _time(query, "start_time"), _time(query, "end_time")
    end = end or (start + LISTED if start else reader.clock.now())
    start = start or end - LISTED
    found: list[Generation] = []
    cursor, looked_at = None, 0
    while looked_at < LOOKED_AT_MAX:
        page = reader.list(tenant, status=None, model=query.get("model_name"), limit=LIST_MAX, cursor=cursor)
        found += [one for one in page.generations if start <= one.created_at <= end]
        cursor, looked_at = page.cursor, looked_at + LIST_MAX
        if cursor is None or any(one.created_at < start for one in page.generations):
            break
    return found


def _asked_for(generation: Generation, query: Mapping[str, str]) -> bool:
    status, task_id = query.get("status"), query.get("task_id")
    return (not status or WORDS[generation.status] == status) and (
        not task_id or id_of_uuid(task_id) == generation.id
    )


def _listed(generation: Generation, endpoint: str) -> dict[str, Any]:
    began = generation.attempts[0].asked_at if generation.attempts else None
    times = {"start_time": began, "end_time": generation.ended_at, "gmt_create": generation.created_at}
    return {
        "task_id": uuid_of(generation.id),
        "status": WORDS[generation.status],
        "model_name": generation.request.model,
        "region": endpoint,
        **{name: int(moment.timestamp() * 1000) for name, moment in times.items() if moment},
    }


def _within(name: str, text: str | None, default: int, most: int) -> int:
    number = whole_number(name, text, default)
    if not 1 <= number <= most:
        raise InvalidRequestError("Out of range.", [FieldProblem(name, f"must be 1 to {most}")])
    return number


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return datetime.strptime(text, TIME_FORM).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidRequestError("No time.", [FieldProblem(name, "must be YYYYMMDDhhmmss")]) from error
